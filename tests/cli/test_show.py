"""`taskflow-loguru show`: all lines of one task."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru import detailed_line, json_line, task_line
from taskflow_loguru.reader._logs import LogLine, MergedLogs, Wanted
from tests.cli.conftest import Cli
from tests.cli.writing import LogWriter


def test_it_shows_a_task_across_backups_and_hosts(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = LogWriter(tmp_path / "one" / "tasks.log", max_bytes=200, backup_count=20)
    two = LogWriter(tmp_path / "two" / "tasks.log")
    one.status(0, "running")
    for number in range(5):
        one.log(number, f"step {number}")
    two.status(60, "running")
    two.log(61, "once more", attempt=1)
    two.status(62, "success", attempt=1)
    assert cli("show", "abc", "one/tasks.log", "two/tasks.log").stdout == "\n".join(
        [
            "send_email  abc12345",
            "",
            "Run 1 of 2: INTERRUPTED  2026-01-01 12:00:00 to 2026-01-01 12:00:04 UTC, 4 s in all",
            "  2026-01-01 12:00:00             RUNNING  (one/tasks.log)",
            "  2026-01-01 12:00:00             step 0  (one/tasks.log)",
            "  2026-01-01 12:00:01       +1 s  step 1  (one/tasks.log)",
            "  2026-01-01 12:00:02       +2 s  step 2  (one/tasks.log)",
            "  2026-01-01 12:00:03       +3 s  step 3  (one/tasks.log)",
            "  2026-01-01 12:00:04       +4 s  step 4  (one/tasks.log)",
            "",
            "Run 2 of 2: SUCCESS  2026-01-01 12:01:00 to 2026-01-01 12:01:02 UTC, 2 s in all, 1 retry",
            "attempt 0, <1 s",
            "  2026-01-01 12:01:00             RUNNING  (two/tasks.log)",
            "attempt 1, 2 s",
            "                                  --- Retry 1 ---  (two/tasks.log)",
            "  2026-01-01 12:01:01       +1 s  once more  (two/tasks.log)",
            "  2026-01-01 12:01:02       +2 s  SUCCESS  (two/tasks.log)",
            "",
        ]
    )


def test_of_json_lines_it_shows_level_data_error_and_traceback(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    log.status(0, "running")
    log.log(0.5, "charging", level="warning", extra={"order": 42})
    log.status(1, "failed", duration=1.0, error="refused", stacktrace="Traceback:\n  line 1\nOSError: \x1b[31mrefused")
    printed = cli("show", "abc12345-6789", "tasks.jsonl").stdout
    assert "+500 ms  warning  charging  order=42\n" in printed
    assert printed.endswith("error: refused\nTraceback:\n  line 1\nOSError: \\x1b[31mrefused\n")


def test_as_json_it_has_each_run_with_its_attempts_and_lines(cli: Cli, tmp_path: Path) -> None:
    """The figures of a run as in ``report --json``, the fields of a line as in ``follow --json``."""
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    log.status(0, "running")
    log.log(0.5, "charging", extra={"order": 42})
    log.log(1, "once more", attempt=1)
    log.status(2, "failed", attempt=1, duration=1.0, error="refused", stacktrace="Traceback:\nOSError: refused")
    log.status(60, "running")
    story = json.loads(cli("show", "--json", "abc", "tasks.jsonl").stdout)
    assert (story["task_id"], story["func_name"]) == ("abc12345-6789", "send_email")
    first, second = story["runs"]
    figures = {"status": "failed", "started": "2026-01-01T12:00:00.000000Z", "duration": 1.0, "retries": 1}
    assert (
        first.items() >= {**figures, "reason": "OSError: refused", "stacktrace": "Traceback:\nOSError: refused"}.items()
    )
    assert [(one["attempt"], [line["message"] for line in one["lines"]]) for one in first["attempts"]] == [
        (0, ["-- RUNNING", "charging"]),
        (1, ["--- Retry 1 ---", "once more", "-- FAILED"]),
    ]
    line = first["attempts"][0]["lines"][1]
    assert (line["time"], line["data"], line["path"]) == ("2026-01-01T12:00:00.500000Z", {"order": 42}, "tasks.jsonl")
    assert (second["status"], second["ended"]) == ("running", None)


def test_as_json_a_run_without_a_status_line_has_none(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").log(0, "hello")
    [run] = json.loads(cli("show", "--json", "abc", "tasks.log").stdout)["runs"]
    assert run["status"] is None
    assert [line["message"] for line in run["attempts"][0]["lines"]] == ["hello"]


def test_an_ambiguous_beginning_is_an_error_that_lists_the_tasks(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    log.run(0, 1, task_id="abc11111")
    log.run(5, 6, task_id="abc22222", func_name="report" + "x" * 300)
    done = cli("show", "abc", "tasks.log", exit_code=1, COLUMNS="80")
    first, one, two = done.stderr.splitlines()
    assert first == "taskflow-loguru: several tasks have an id that starts with 'abc':"
    assert one.split() == ["abc11111", "2026-01-01", "12:00:00", "send_email"]
    assert two.split()[2] == "12:00:05"
    assert two.endswith("x...")


@pytest.mark.parametrize(
    "given", ["[abc12345]", "[abc12345] [send_email] 2026-01-01T12:00:00 hello", "ABC12345-6789", "ABC"]
)
@pytest.mark.parametrize("format", [task_line, json_line])
def test_an_id_is_taken_as_it_is_pasted(cli: Cli, tmp_path: Path, given: str, format: Any) -> None:
    log = LogWriter(tmp_path / "tasks.log", format=format)
    log.log(0, "hello")
    log.log(0, "other", task_id="def12345-6789")
    shown = cli("show", given, "tasks.log").stdout
    assert "hello" in shown
    assert "other" not in shown


def test_the_task_that_failed_last_is_shown_from_a_pipe_too(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    log.run(0, 1, "failed", task_id="a1")
    log.log(1, "reason", task_id="a2")
    log.run(2, 3, "failed", task_id="a2")
    log.run(4, 5, task_id="a3")
    assert "reason" in cli("show", "--last-failed", "tasks.log").stdout
    with (tmp_path / "tasks.log").open() as file:
        assert "reason" in cli("show", "--last-failed", "-", stdin=file).stdout
    with subprocess.Popen(["cat", tmp_path / "tasks.log"], stdout=subprocess.PIPE) as cat:
        assert "reason" in cli("show", "--last-failed", "-", stdin=cat.stdout).stdout
    LogWriter(tmp_path / "good.log").run(0, 1)
    assert cli("show", "--last-failed", "good.log", exit_code=1).stderr == "taskflow-loguru: no task has failed\n"


def test_times_have_the_digits_of_the_file_and_the_zone_of_the_option(cli: Cli, tmp_path: Path) -> None:
    for name, line_format in (("text", task_line), ("detailed", detailed_line), ("json", json_line)):
        log = LogWriter(tmp_path / name, format=line_format)
        log.run(0, 1.25)
        log.run(2, 2.5, attempt=1, retries_used=1)
    shown = {name: cli("show", "--tz", "Asia/Tokyo", "abc", name).stdout for name in ("text", "detailed", "json")}
    assert "2026-01-01 21:00:00 to 2026-01-01 21:00:01 JST, 1 s in all\n" in shown["text"]
    assert (
        "2026-01-01 21:00:00.000 to 2026-01-01 21:00:01.250 JST, 1.25 s in all, last attempt 1.25 s"
        in shown["detailed"]
    )
    assert "21:00:02.500000 JST, 500 ms in all, last attempt 500 ms, 1 retry" in shown["json"]


def test_most_of_a_log_is_skipped_without_a_change_of_the_story(tmp_path: Path) -> None:
    """A separator in a text line has the time of the line before it, whatever task that is of."""
    choice = random.Random(1)
    lines = []
    for number in range(20_000):
        task_id = f"{choice.randrange(50):08x}"
        moment = f"2026-01-01T12:{number // 334:02}:{number // 6 % 60:02}"
        lines.append(
            f"[{task_id}] [f] --- Retry {number} ---\n"
            if choice.random() < 0.1
            else f"[{task_id}] [f] {moment} \xe4 {number}\n"
        )
    (tmp_path / "tasks.log").write_text("".join(lines), encoding="utf-8")

    def found(wanted: Wanted) -> list[LogLine]:
        return [one for one in MergedLogs([tmp_path / "tasks.log"]).found(wanted) if one.line.task_id == "00000007"]

    skipping = Wanted()
    skipping.needles = [b"00000007"]
    assert found(skipping) == found(Wanted())
    assert len(found(skipping)) > 300


def test_an_unknown_id_is_an_error(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    assert cli("show", "xyz", "tasks.log", exit_code=1).stderr == "taskflow-loguru: no line of a task 'xyz'\n"
