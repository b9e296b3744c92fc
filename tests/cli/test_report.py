"""`taskflow-loguru report`: its figures, as text and as JSON."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pexpect
import pytest

from taskflow_loguru import (
    datadog_line,
    detailed_line,
    ecs_line,
    google_line,
    json_line,
    otel_line,
    task_line,
)
from taskflow_loguru.cli.report import MAX_FUNCTIONS, OTHERS
from tests.cli.conftest import COMMAND, Cli
from tests.cli.writing import LogWriter, after


def figures(cli: Cli, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("report", "--json", *arguments).stdout)
    return found


def functions(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {function["name"]: function for function in report["functions"]}


@pytest.mark.parametrize(
    "format", [task_line, detailed_line, json_line, ecs_line, otel_line, datadog_line, google_line]
)
def test_it_counts_runs_failures_retries_and_durations_per_function(cli: Cli, tmp_path: Path, format: Any) -> None:
    log = LogWriter(tmp_path / "tasks.log", format=format)
    log.run(0, 2, task_id="a1111111")
    log.run(3, 7, task_id="a2222222")
    log.status(10, "running", task_id="a3333333")
    log.log(11, "once more", task_id="a3333333", attempt=1)
    log.status(12, "failed", task_id="a3333333", attempt=1, duration=1.0, error="refused")
    log.run(0, 60, task_id="b1111111", func_name="make_report")
    log.status(61, "running", task_id="b2222222", func_name="make_report")
    log.close()
    report = figures(cli, tmp_path / "tasks.log")
    email, rest = functions(report)["send_email"], functions(report)["make_report"]
    assert [email[name] for name in ("runs", "success", "failed", "open", "retries")] == [3, 2, 1, 0, 1]
    assert [rest[name] for name in ("runs", "success", "failed", "open", "retries")] == [2, 1, 0, 1, 0]
    assert rest["duration"] == {"p50": pytest.approx(60, rel=0.01), "p95": pytest.approx(60, rel=0.01), "max": 60}
    assert email["slowest"]["task_id"] == "a2222222"
    assert [run["task_id"] for run in report["slowest"]][:2] == ["b1111111", "a2222222"]
    (failure,) = report["failures"]
    assert failure["reason"] == ("once more" if format is task_line else "refused")
    assert (failure["duration"], failure["total"]) == (2.0 if format is task_line else 1.0, 2.0)
    assert [run["task_id"] for run in report["open"]] == ["b2222222"]
    buckets = report["series"]["buckets"]
    assert sum(bucket["all"]["success"] for bucket in buckets) == 3
    assert sum(bucket["all"]["failed"] for bucket in buckets) == 1


def test_backups_and_compressed_ones_are_read(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", max_bytes=300, backup_count=50)
    for number in range(20):
        log.run(number, number + 1, task_id=f"{number:08}")
    log.close()
    assert len(list(tmp_path.iterdir())) > 5
    assert functions(figures(cli, "tasks.log"))["send_email"]["success"] == 20


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Write the same 20 runs to tasks.log and tasks.jsonl: some fail, some have a retry, one is interrupted."""
    for log in (LogWriter(tmp_path / "tasks.log"), LogWriter(tmp_path / "tasks.jsonl", format=json_line)):
        log.status(0, "running", task_id=f"{19:08}-4bbb-8ccc")
        for number in range(20):
            begin, task_id = 10 * number + 0.6, f"{number:08}-4bbb-8ccc"
            log.status(begin, "running", task_id=task_id)
            log.log(begin + 0.1, "hello", task_id=task_id, attempt=number % 2)
            word = "success" if number % 5 else "failed"
            log.status(begin + 2.5, word, task_id=task_id, attempt=number % 2, duration=1.5)
        log.close()
    return tmp_path


@pytest.mark.parametrize(
    "case", ["glob", "twice", "hard link", "symlink", "copy", "repeated lines", "repeated", "text"]
)
def test_each_run_counts_once(cli: Cli, logs: Path, case: str) -> None:
    log, other = logs / "tasks.jsonl", logs / "other"
    names = ("runs", "success", "failed", "interrupted", "open", "retries", "duration")
    expected = {name: functions(figures(cli, log))["send_email"][name] for name in names}
    assert list(expected.values())[:6] == [21, 16, 4, 1, 0, 10]
    lines = log.read_text().splitlines(keepends=True)
    paths: list[Path] = [log, other]
    if case == "glob":
        log.with_name("tasks.jsonl.1").write_text("".join(lines[:10]))
        log.write_text("".join(lines[10:]))
        paths = [log, log.with_name("tasks.jsonl.1")]
    elif case == "twice":
        paths = [log, Path("./tasks.jsonl")]
    elif case == "hard link":
        other.hardlink_to(log)
    elif case == "symlink":
        other.symlink_to(log)
    elif case == "copy":
        other.write_text("".join(lines))
    elif case == "repeated lines":
        log.write_text("".join(line + line for line in lines))
        paths = [log]
    elif case == "repeated":
        log.write_text("".join(lines + lines[30:]))
        paths = [log]
    else:
        paths = [logs / "tasks.log", log]
    function = functions(figures(cli, *paths))["send_email"]
    assert {name: function[name] for name in names} == expected


def test_whole_seconds_are_not_mixed_with_exact_durations(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "exact.jsonl", format=json_line).run(0, 0.25)
    LogWriter(tmp_path / "whole.log").run(10, 70, task_id="b1111111")
    function = functions(figures(cli, "exact.jsonl", "whole.log"))["send_email"]
    assert function["duration"] == {"p50": 0.25, "p95": 0.25, "max": 0.25}
    assert (function["durations"], function["durations_left_out"]) == (1, 1)
    assert "without 1 run whose lines have" in cli("report", "exact.jsonl", "whole.log").stdout


def test_it_tells_why_runs_fail_by_class_and_function(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", format=json_line)
    for number in range(4):
        trace = "Traceback ...\nAssertionError" if number else "Traceback ...\nOSError: refused"
        error = "" if number else "refused"
        log.run(number, number + 1, "failed", task_id=f"id-{number}-whole", error=error, stacktrace=trace)
    log.close()
    assert figures(cli, "tasks.log")["errors"] == [
        {
            "error_type": kind,
            "func_name": "send_email",
            "count": count,
            "share": count / 4,
            "last_seen": f"2026-01-01T12:00:0{last}.000000Z",
            "task_id": task_id,
            "reason": reason,
        }
        for kind, count, last, task_id, reason in (
            ("AssertionError", 3, 4, "id-3-whole", "AssertionError"),
            ("OSError", 1, 1, "id-0-whole", "OSError: refused"),
        )
    ]
    printed = cli("report", "tasks.log").stdout
    assert re.search(r"3 +75 % +2026-01-01 12:00:04 +id-3-who +send_email +AssertionError", printed)


@pytest.mark.parametrize(
    ("limit", "exit_code"), [("19.9%", 3), ("20%", 0), ("0%", 3), ("100%", 0), ("5", 2), ("0.05", 2), ("101%", 2)]
)
def test_fail_over_sets_the_exit_code(cli: Cli, tmp_path: Path, limit: str, exit_code: int) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    for number, status in enumerate(["success", "failed", "interrupted", "success", "success"]):
        log.run(number, number + 1, status, task_id=f"{number:08}")
    log.close()
    printed = cli("report", "--fail-over", limit, "tasks.log", exit_code=exit_code).stderr
    assert ("1 of 5 runs failed: 20%" in printed) == (exit_code == 3)
    assert ("--fail-over" in printed) == (exit_code == 2)


def test_figures_are_those_of_duckdb_for_a_hundred_thousand_runs(cli: Cli, tmp_path: Path) -> None:
    """Lines of many tasks at once, half of them in a compressed backup, some repeated."""
    numbers = random.Random(1)
    lines: list[tuple[float, str]] = []
    for number in range(100_000):
        begin, duration = numbers.uniform(0, 86400), numbers.lognormvariate(0, 2)
        status, name = ("success", "failed", "cancelled")[numbers.randrange(3)], f"f{min(9, int(duration))}"
        common = f'"task_id":"{number:08x}-{number}","func_name":"{name}"'
        for at, event, more in (
            (begin, "lifecycle", '"message":"-- RUNNING","status":"running"'),
            (begin + duration / 2, "log", '"message":"half"'),
            (begin + duration, "lifecycle", f'"message":"","status":"{status}","duration":{duration},"retries_used":1'),
        ):
            time = f"{after(at):%Y-%m-%dT%H:%M:%S.%f}Z"
            lines.append((at, f'{{"v":1,"time":"{time}","event":"{event}",{common},{more}}}\n'))
    text = [line for _, line in sorted(lines)]
    with gzip.open(tmp_path / "tasks.jsonl.1.gz", "wt") as file:
        file.writelines(text[:150_000])
    (tmp_path / "tasks.jsonl").write_text("".join(text[150_000:] + text[-1000:]))
    with duckdb.connect() as connection:
        expected = connection.execute(
            """
            SELECT func_name, count(*) FILTER (status IS DISTINCT FROM 'running' AND status IS NOT NULL) AS runs,
                count(*) FILTER (status = 'failed'), count(*), sum(retries_used),
                quantile_disc(duration, 0.5) FILTER (status IN ('success', 'failed')),
                quantile_disc(duration, 0.95) FILTER (status IN ('success', 'failed')),
                max(duration) FILTER (status IN ('success', 'failed'))
            FROM (SELECT DISTINCT * FROM read_json($1, format = 'newline_delimited', columns = {
                time: 'VARCHAR', task_id: 'VARCHAR', func_name: 'VARCHAR', event: 'VARCHAR', status: 'VARCHAR',
                duration: 'DOUBLE', retries_used: 'INTEGER'}))
            GROUP BY func_name ORDER BY func_name
            """,
            [f"{tmp_path}/tasks.jsonl*"],
        ).fetchall()
    found = functions(figures(cli, "tasks.jsonl"))
    assert len(expected) == 10
    for func_name, runs, failed, count, retries, p50, p95, longest in expected:
        function = found[func_name]
        assert [function[key] for key in ("runs", "failed", "open", "retries")] == [runs, failed, 0, retries]
        assert function["lines"] == pytest.approx(count, abs=1000)  # lines are counted as often as they come
        assert function["duration"]["max"] == longest
        assert (function["duration"]["p50"], function["duration"]["p95"]) == pytest.approx((p50, p95), rel=0.01)


def test_counting_lines_gives_what_parsing_each_line_gives(cli: Cli, logs: Path) -> None:
    """Most lines are only counted; with --since all are parsed. Odd lines are among them."""
    odd = (
        "[00000001] [send_email] 2026-01-01T12:00:01 -- FAILURE is the message",
        "[00000001] [a function] 2026-01-01T12:00:01 hello",
        "[00000001] [send_email] 2026-13-45T12:00:01 no such date",
        "[00000001] [send\\x1b] 2026-01-01T12:00:01 -- RUNNING",
        "[00000001] [send_email] no time",
        "not a line of a task",
        "[short] [send_email] 2026-01-01T12:00:01 -- RUNNING",
    )
    text = (logs / "tasks.log").read_text().splitlines()
    (logs / "tasks.log").write_text("".join(f"{one}\n{odd[at % len(odd)]}\n" for at, one in enumerate(text)))
    counted, parsed = (figures(cli, "tasks.log", *more) for more in ([], ["--since", "1970-01-02"]))
    assert counted == {**parsed, "since": None}
    assert len(counted["functions"]) == 3


@pytest.mark.parametrize("format", [task_line, json_line])
def test_memory_is_bounded_in_functions_and_it_says_so(cli: Cli, tmp_path: Path, format: Any) -> None:
    log = LogWriter(tmp_path / "tasks.log", format=format)
    for number in range(MAX_FUNCTIONS + 9):
        log.run(number, number + 1, "failed", func_name=f"f{number:04}")
    log.close()
    found = functions(figures(cli, "tasks.log"))
    assert (len(found), found[OTHERS]["failed"]) == (MAX_FUNCTIONS + 1, 9)
    assert f"more than {MAX_FUNCTIONS:,} functions" in cli("report", "tasks.log").stdout


HOSTILE_NUMBERS = (
    "1e999",
    "-1e999",
    "1e308",
    "-5",
    "NaN",
    "Infinity",
    "0",
    "9" * 400,
    "9" * 6000,
    "true",
    '"5"',
    "1e-320",
)


@pytest.mark.parametrize("options", [["--json"], ["--html=-"], ["--until=9999-01-01"]])
def test_hostile_numbers_give_no_traceback_and_no_infinity(cli: Cli, tmp_path: Path, options: list[str]) -> None:
    lines = []
    for number, year in product(HOSTILE_NUMBERS, ("0001-01-01", "2026-01-01", "9999-12-31")):
        for status in ("running", "failed"):
            lines.append(
                f'{{"v":1,"time":"{year}T23:59:59.999999Z","event":"lifecycle","task_id":"{number[:3]}{year}",'
                f'"func_name":"f","message":"","status":"{status}","duration":{number},"retries_used":{number}}}\n'
            )
        lines.append(f"[{year[:8]}] [f] {year}T23:59:59 -- RUNNING\n[{year[:8]}] [f] --- Retry {number} ---\n")
        lines.append(f"[-] [taskflow_loguru] {year}T23:59:59 {number[:500]} lines lost: full\n")
    (tmp_path / "tasks.log").write_text("".join(lines))
    printed = cli("report", *options, "tasks.log")
    assert "Traceback" not in printed.stderr
    if options == ["--json"]:
        json.loads(printed.stdout, parse_constant=pytest.fail)


def test_a_task_that_continued_on_another_host_is_followed(cli: Cli, tmp_path: Path) -> None:
    one, two = LogWriter(tmp_path / "one.log"), LogWriter(tmp_path / "two.log")
    one.status(0, "running")
    two.run(10, 12)
    function = functions(figures(cli, "two.log", "one.log"))["send_email"]
    assert [function[name] for name in ("runs", "interrupted", "success", "open")] == [2, 1, 1, 0]


def test_since_until_and_func_choose_what_counts(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    for minute in range(10):
        log.run(60 * minute, 60 * minute + 30, task_id=f"{minute:08}")
        log.run(60 * minute, 60 * minute + 30, task_id=f"x{minute:07}", func_name="make_report")
    times = ["--since", "2026-01-01T12:02:30", "--until", "2026-01-01T12:05:30"]
    report = figures(cli, *times, "--func", "send_email", "tasks.log")
    assert {name: (function["runs"], function["open"]) for name, function in functions(report).items()} == {
        "send_email": (4, 1)
    }
    assert report["last"] < "2026-01-01T12:05:30"


def test_a_run_that_began_before_since_has_its_whole_duration(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 7200)
    report = figures(cli, "--since", "2026-01-01T13:59", "tasks.log")
    assert functions(report)["send_email"]["duration"]["max"] == 7200


def test_lost_lines_are_reported(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    log.run(0, 1)
    log.close()
    with (tmp_path / "tasks.log").open("a") as file:
        file.write("[-] [taskflow_loguru] 2026-01-01T12:00:05 3 lines lost: no space left\n")
    assert figures(cli, "tasks.log")["losses"] == [
        {"time": "2026-01-01T12:00:05.000000Z", "lines": 3, "reason": "no space left"}
    ]
    assert "The writer lost 3 lines" in cli("report", "tasks.log").stdout


def test_the_text_is_plain_in_a_pipe_and_has_the_same_figures(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", format=json_line)
    log.run(0, 2, task_id="a1111111")
    log.run(3, 4, "failed", task_id="a2222222", error="refused\nat \x1b[31monce")
    log.status(5, "running", task_id="a3333333")
    printed = cli("report", "tasks.log").stdout
    assert "\x1b" not in printed
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("send_email")]
    assert row == ["send_email", "3", "1", "1", "1", "0", "1", "s", "2", "s", "2", "s", "5"]
    assert "2026-01-01 12:00:04  send_email  a2222222  refused\\nat \\x1b[31monce" in printed
    assert "Without an end" in printed


def test_in_a_pipe_no_name_is_cut_to_the_width_of_a_terminal(cli: Cli, tmp_path: Path) -> None:
    name = "shop.orders.confirmations.send_the_confirmation_of_an_order"
    LogWriter(tmp_path / "tasks.log").run(0, 2, func_name=name)
    printed = cli("report", "tasks.log").stdout
    assert [line.split()[0] for line in printed.splitlines() if line.startswith("shop.")] == [name]


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_tables_and_chart_fit_the_terminal_in_colour(tmp_path: Path, columns: int) -> None:
    log = LogWriter(tmp_path / "tasks.log", format=json_line)
    for number in range(40):
        log.run(
            60 * number,
            60 * number + 5,
            "failed" if number % 9 == 0 else "success",
            func_name="send_an_email_to_all_customers",
        )
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    terminal = pexpect.spawn(
        COMMAND,
        ["report", str(tmp_path / "tasks.log")],
        env={**environment, "TERM": "xterm-256color"},
        encoding="utf-8",
        dimensions=(24, columns),
    )
    terminal.expect(pexpect.EOF)
    shown = terminal.before or ""
    tables = shown.partition("function")[2].partition("Slowest")[0]
    assert "\x1b[31;49m█" in tables
    assert "\x1b[32;49m█" in tables
    lines = re.sub(r"\x1b\[[\d;]*m", "", tables).split("\r\n")
    assert len(lines) > 10
    assert max(map(len, lines)) <= columns
    assert "…" not in tables
    assert re.search("send_an_e.*[.]{3} ", tables) if columns < 200 else "..." not in tables


def test_a_log_without_status_lines_reports_the_missing_option(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log", log_lifecycle=False).log(0, "hello")
    assert "log_lifecycle=True" in cli("report", "tasks.log").stdout


def test_a_missing_file_is_an_error_and_the_others_are_read(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    done = cli("report", "--json", "nowhere.log", "tasks.log", exit_code=1)
    assert done.stderr == "taskflow-loguru: nowhere.log: No such file or directory\n"
    assert functions(json.loads(done.stdout))["send_email"]["runs"] == 1


def test_a_file_without_a_task_s_line_is_an_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk\n")
    done = cli("report", "notes.txt", exit_code=1)
    assert (done.stdout, done.stderr) == ("", "taskflow-loguru: notes.txt: no line is from a task\n")


def test_a_new_and_empty_log_is_no_error(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").close()
    assert figures(cli, "tasks.log")["lines"] == 0


def test_an_unknown_function_is_told_with_those_there_are(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    assert "'nope'; there are send_email" in cli("report", "--func", "nope", "tasks.log").stderr
