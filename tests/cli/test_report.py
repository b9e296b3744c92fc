"""`taskflow-loguru report`: its figures, as text and as JSON."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

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
from tests.cli.conftest import COMMAND, Cli
from tests.cli.writing import LogWriter


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


def test_a_glob_that_matches_the_backups_too_counts_nothing_twice(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", max_bytes=300, backup_count=50)
    for number in range(20):
        log.run(number, number + 1, task_id=f"{number:08}")
    log.close()
    report = figures(cli, *sorted(tmp_path.iterdir()))
    assert functions(report)["send_email"]["success"] == 20


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
    assert row == ["send_email", "3", "1", "1", "1", "0", "1", "s", "1", "s", "2", "s", "5"]
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
            60 * number, 60 * number + 5, "failed" if number % 9 == 0 else "success", func_name="send_an_email_to_all"
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
    assert cli("report", "tasks.log").stderr == ""
