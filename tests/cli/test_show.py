"""`taskflow-loguru show`: all lines of one task."""

from __future__ import annotations

import json
from pathlib import Path

from taskflow_loguru import json_line
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
            "Run 1 of 2: INTERRUPTED  2026-01-01 12:00:00 to 2026-01-01 12:00:04 UTC",
            "  2026-01-01 12:00:00             RUNNING  (one/tasks.log)",
            "  2026-01-01 12:00:00             step 0  (one/tasks.log)",
            "  2026-01-01 12:00:01       +1 s  step 1  (one/tasks.log)",
            "  2026-01-01 12:00:02       +2 s  step 2  (one/tasks.log)",
            "  2026-01-01 12:00:03       +3 s  step 3  (one/tasks.log)",
            "  2026-01-01 12:00:04       +4 s  step 4  (one/tasks.log)",
            "",
            "Run 2 of 2: SUCCESS  2026-01-01 12:01:00 to 2026-01-01 12:01:02 UTC, 2 s, 1 retry",
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
    assert first.items() >= {**figures, "reason": "refused", "stacktrace": "Traceback:\nOSError: refused"}.items()
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


def test_an_ambiguous_beginning_is_an_error_that_lists_the_ids(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    log.run(0, 1, task_id="abc11111")
    log.run(0, 1, task_id="abc22222")
    done = cli("show", "abc", "tasks.log", exit_code=1)
    assert done.stderr == (
        "taskflow-loguru: several tasks have an id that starts with 'abc':\n  abc11111\n  abc22222\n"
    )


def test_an_unknown_id_is_an_error(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    assert cli("show", "xyz", "tasks.log", exit_code=1).stderr == "taskflow-loguru: no line of a task 'xyz'\n"
