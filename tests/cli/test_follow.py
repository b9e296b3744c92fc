"""`taskflow-loguru follow`: lines as they are written, in a pipe and on a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pexpect
import pytest

from taskflow_loguru import json_line
from tests.cli.conftest import COMMAND
from tests.cli.writing import LogWriter

Follow = Callable[..., "tuple[subprocess.Popen[str], IO[str]]"]
SINCE = ("--since", "2026-01-01")


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Yield ``follow(*arguments)``: it starts the command in a pipe, and returns the process and its stdout."""
    with ExitStack() as stack:

        def start(*arguments: str) -> tuple[subprocess.Popen[str], IO[str]]:
            process = subprocess.Popen(
                [COMMAND, "follow", *arguments],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            return process, process.stdout

        yield start


def test_it_waits_for_the_file_and_follows_it_through_rotations(follow: Follow, tmp_path: Path) -> None:
    _, out = follow(*SINCE, "tasks.log")
    log = LogWriter(tmp_path / "tasks.log", max_bytes=150, backup_count=50)
    for number in range(20):
        log.log(number, f"line {number}")
        assert out.readline() == f"[abc12345] [send_email] 2026-01-01T12:00:{number:02} line {number}\n"


def test_with_since_it_begins_in_the_backups(follow: Follow, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", max_bytes=150, backup_count=50)
    for number in range(20):
        log.log(number, f"line {number}")
    _, out = follow("--since", "2026-01-01T12:00:05", "tasks.log")
    assert [out.readline().split()[-1] for _ in range(5, 20)] == [str(number) for number in range(5, 20)]
    log.log(20, "line 20")
    assert out.readline().endswith("line 20\n")


def test_several_files_are_merged_by_time_and_named(follow: Follow, tmp_path: Path) -> None:
    one, two = LogWriter(tmp_path / "one.log"), LogWriter(tmp_path / "two.log")
    for number in range(50):
        (one if number % 3 else two).log(number, str(number))
    _, out = follow(*SINCE, "one.log", "two.log")
    lines = [out.readline() for _ in range(50)]
    assert [int(line.split()[-1]) for line in lines] == list(range(50))
    assert lines[0].startswith("two.log: [abc12345]")
    two.log(50, "50")
    assert out.readline().endswith(" 50\n")


def test_it_begins_with_the_last_lines_and_misses_none(follow: Follow, tmp_path: Path) -> None:
    """Of all files together, in backups too; ``-n`` sets how many, and they meet the filters."""
    one, two = (LogWriter(tmp_path / name, max_bytes=200, backup_count=50) for name in ("one.log", "two.log"))
    for number in range(20):
        (one if number % 2 else two).log(number, f"{'odd' if number % 2 else 'even'} {number}")
    for arguments, expected in (
        (["one.log"], range(1, 20, 2)),
        (["-n", "3", "one.log", "two.log"], [17, 18, 19]),
        (["-n", "2", "--grep", "even", "one.log", "two.log"], [16, 18]),
    ):
        process, out = follow(*arguments)
        assert [int(out.readline().split()[-1]) for _ in expected] == list(expected)
        process.kill()


def test_a_missing_file_is_told_and_waited_for(follow: Follow, tmp_path: Path) -> None:
    process, out = follow("tasks.log")
    assert process.stderr is not None
    assert "tasks.log: No such file or directory; waiting for it" in process.stderr.readline()
    LogWriter(tmp_path / "tasks.log").log(0, "hello")
    assert out.readline().endswith(" hello\n")


def test_the_filters_are_combined(follow: Follow, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    log.run(0, 1, "failed", task_id="a1")
    log.run(0, 1, "failed", task_id="a2", func_name="make_report")
    log.run(0, 1, "success", task_id="a3")
    log.run(0, 1, "failed", task_id="b4")
    log.run(0, 1, "failed", task_id="a5")
    _, out = follow(*SINCE, "--task", "a", "--func", "send_email", "--status", "FAILED", "--json", "tasks.jsonl")
    assert [json.loads(out.readline())["task_id"] for _ in range(2)] == ["a1", "a5"]


def test_a_level_lets_through_this_level_and_above(follow: Follow, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    for level in ("info", "warning", "error", "info"):
        log.log(0, level, level=level)
    log.status(0, "failed")
    _, out = follow(*SINCE, "--level", "warning", "tasks.jsonl")
    assert [out.readline().split()[-1] for _ in range(3)] == ["warning", "error", "FAILED"]


def test_of_text_lines_a_level_shows_only_status_lines_and_reports_it(follow: Follow, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    log.log(0, "hello", level="error")
    log.status(0, "failed")
    process, out = follow(*SINCE, "--level", "error", "tasks.log")
    assert out.readline().endswith("-- FAILED\n")
    assert process.stderr is not None
    assert "lines of task_line have no level" in process.stderr.readline()


def test_json_has_all_fields_of_the_line(follow: Follow, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    log.log(0.5, "hello\nworld", extra={"order": 42})
    _, out = follow(*SINCE, "--json", "tasks.jsonl")
    fields = json.loads(out.readline())
    expected = {"time": "2026-01-01T12:00:00.500000Z", "message": "hello\nworld", "data": {"order": 42}}
    assert {name: fields[name] for name in expected} == expected


def test_ctrl_c_ends_it_with_130_and_no_message(follow: Follow, tmp_path: Path) -> None:
    for names in (["tasks.log"], ["tasks.log", "other.log"]):
        for name in names:
            LogWriter(tmp_path / name).log(0, "hello")
        process, out = follow(*SINCE, *names)
        out.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert (process.wait(30), process.stderr.read()) == (130, "")


def test_a_terminal_gets_colour_and_no_control_character_of_a_message(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    log.log(0, "\x1b]0;title\x07[bold]50%", level="error")
    log.status(0, "failed")
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    arguments = ["follow", *SINCE, str(tmp_path / "tasks.jsonl")]
    terminal = pexpect.spawn(COMMAND, arguments, env={**environment, "TERM": "xterm"}, encoding="utf-8", timeout=30)
    terminal.expect_exact("-- FAILED")
    shown = terminal.before or ""
    assert "\\x1b]0;title\\x07[bold]50%" in shown
    assert "\x1b]0;" not in shown
    assert "\x1b[31m" in shown
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
