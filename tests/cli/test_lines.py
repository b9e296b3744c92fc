"""`taskflow-loguru lines`: the lines of a log, as they are in the file."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from taskflow_loguru import detailed_line, json_line, task_line
from tests.cli.conftest import COMMAND, Cli
from tests.cli.writing import LogWriter

PIPES: dict[str, Callable[[str], str]] = {
    "-": lambda name: f'cat {name} | "$0" "$@" -',
    "/dev/stdin": lambda name: f'"$0" "$@" /dev/stdin < {name}',
    "/dev/fd": lambda name: f'"$0" "$@" <(cat {name})',
}


def write_all(path: Path, format: Any = json_line) -> None:
    log = LogWriter(path, format=format)
    log.status(0, "running", task_id="aaa11111-1", func_name="send_email", tags={"tenant": "acme", "region": "eu"})
    log.log(
        1, "first", task_id="aaa11111-1", level="warning", extra={"order": 42, "paid": True}, tags={"tenant": "acme"}
    )
    log.log(2, "second", task_id="aaa11111-1", attempt=1, level="error", tags={"tenant": "other", "region": "eu"})
    log.status(3, "failed", task_id="aaa11111-1", func_name="send_email", attempt=1, error="refused", duration=1.5)
    log.status(4, "running", task_id="aaa11111-2", func_name="send_report")
    log.log(5, "third", task_id="aaa11111-2", func_name="send_report", extra={"order": 43})
    log.status(6, "success", task_id="aaa11111-2", func_name="send_report", duration=2.0)
    log.log(7, "fourth", task_id="ccc33333-3", func_name="resize")
    log.close()


def seconds_of(printed: str) -> list[int]:
    return [int(json.loads(line)["time"][17:19]) for line in printed.splitlines()]


FILTERS: dict[str, list[int]] = {
    "--task aaa11111-2": [4, 5, 6],
    "--task aaa11111-2 --task CCC": [4, 5, 6, 7],
    "--func send_*": [0, 1, 2, 2, 3, 4, 5, 6],
    "--func resize --func *_report": [4, 5, 6, 7],
    "--func send_email --grep fir": [1],
    "--level warning": [1, 2, 3],
    "--status failed --status SUCCESS": [3, 6],
    "--attempt 1": [2, 2, 3],
    "--attempt 0 --attempt 1 --task aaa11111-1": [0, 1, 2, 2, 3],
    "--tag tenant=acme": [0, 1],
    "--tag tenant=acme --tag tenant=other": [0, 1, 2, 2],
    "--tag tenant=acme --tag region=eu": [0],
    "--data order=42": [1],
    "--data order=42 --data order=43": [1, 5],
    "--data paid=true": [1],
    "--data paid=True --data order=43": [],
    "--grep ^.aaa11111. --grep FOURTH|ourt": [0, 1, 2, 2, 3, 4, 5, 6, 7],
    "--grep order=4[2] --grep refused$": [1, 3],
    "-v --grep aaa --level info": [7],
    "--failed": [0, 1, 2, 2, 3],
    "--failed --level error": [2, 3],
    "--since 2026-01-01T12:00:02 --until 2026-01-01T12:00:06Z": [2, 2, 3, 4, 5],
    "--tz Asia/Tokyo --since 2026-01-01T21:00:06": [6, 7],
    "--until 2026-01-01T12:00:06 -n 2": [4, 5],
    "-n 1 --status failed": [3],
    "-n 0": [],
}


@pytest.mark.parametrize("options", FILTERS)
def test_a_line_meets_all_filters_and_one_value_of_each(cli: Cli, tmp_path: Path, options: str) -> None:
    write_all(tmp_path / "tasks.jsonl")
    assert seconds_of(cli("lines", "--json", *options.split(), "tasks.jsonl").stdout) == FILTERS[options]


@pytest.mark.parametrize("format", [task_line, detailed_line])
def test_a_text_line_is_printed_as_it_is_in_the_file(cli: Cli, tmp_path: Path, format: Any) -> None:
    write_all(tmp_path / "tasks.log", format)
    (tmp_path / "tasks.log.1").write_bytes(
        b"\xef\xbb\xbf[abc12345] [f] 2026-01-01T11:00:00 caf\xe9 \x1b[1m\xf0\x9f\x98\x80\r\n"
    )
    first = (tmp_path / "tasks.log.1").read_bytes().removeprefix(b"\xef\xbb\xbf")
    printed = subprocess.run([COMMAND, "lines", tmp_path / "tasks.log"], capture_output=True, check=True).stdout
    assert printed == first + (tmp_path / "tasks.log").read_bytes()


def test_a_json_line_is_printed_as_detailed_line_with_tags_and_data(cli: Cli, tmp_path: Path) -> None:
    write_all(tmp_path / "tasks.jsonl")
    write_all(tmp_path / "tasks.log", detailed_line)
    expected = (tmp_path / "tasks.log").read_text().splitlines()
    printed = cli("lines", "tasks.jsonl").stdout.splitlines()
    assert printed == expected
    assert printed[1].endswith(" WARNING attempt=0 first order=42 paid=true  tenant=acme")


@pytest.mark.parametrize("way", PIPES)
@pytest.mark.parametrize(
    "arguments",
    [["lines"], ["lines", "-n", "3"], ["lines", "--failed"], ["follow"], ["report"], ["show", "aaa11111-1"]],
)
def test_a_pipe_is_read_like_a_file(tmp_path: Path, cli: Cli, way: str, arguments: list[str]) -> None:
    write_all(tmp_path / "tasks.jsonl")
    command = ["bash", "-c", PIPES[way]("tasks.jsonl"), COMMAND, *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(command, cwd=tmp_path, env=inherited, capture_output=True, text=True, check=True, timeout=60)
    arguments = ["lines" if one == "follow" else one for one in arguments]
    assert done.stdout.splitlines()[1:] == cli(*arguments, "tasks.jsonl").stdout.splitlines()[1:]
    assert done.stderr == ""


def test_lines_of_a_pipe_are_printed_as_they_arrive(tmp_path: Path) -> None:
    with subprocess.Popen([COMMAND, "lines", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(b"[abc12345] [f] 2026-01-01T12:00:00 %d\n" % number)
            process.stdin.flush()
            assert process.stdout.readline().endswith(b" %d\n" % number)
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("content", "options", "message", "exit_code"),
    [
        ("", "", "tasks.log: the file is empty", 0),
        ("[abc12345] [f] 2026-01-01T12:00:00 x\n", "--since 2026-02-01", "no line from 2026-02-01 00:00:00 UTC", 0),
        ("[abc12345] [f] 2026-01-01T12:00:00 x\n", "--func nope", "no function matches nope; there are: f", 0),
        ("[abc12345] [f] 2026-01-01T12:00:00 x\n", "--grep nope", "no line matches", 0),
        ("[abc12345] [f] 2026-01-01T12:00:00 x\n", "--tag a=b", "lines of task_line have no tags", 0),
        ("other\n", "", "no line is from a task", 1),
        ('{"v":99,"time":"2030-01-01T00:00:00.000000Z","message":"x"}\n', "", "1 line is of a later version", 1),
    ],
)
def test_it_says_why_nothing_is_printed(
    cli: Cli, tmp_path: Path, content: str, options: str, message: str, exit_code: int
) -> None:
    (tmp_path / "tasks.log").write_text(content)
    done = cli("lines", *options.split(), "tasks.log", exit_code=exit_code)
    assert done.stdout == ""
    assert message in done.stderr.splitlines()[0]


def test_a_backup_among_the_paths_is_read_once_and_a_neighbour_too(cli: Cli, tmp_path: Path) -> None:
    """Whether a file is a backup is decided by the reader."""
    for second, name in enumerate(("tasks.log.2", "old/tasks.log.1", "tasks.log", "tasks.log-4711")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"[abc12345] [f] 2026-01-01T12:00:0{second} {name}\n")
    (tmp_path / "link.log").symlink_to("tasks.log")
    names = ["tasks.log", "tasks.log.2", "old/tasks.log.1", "tasks.log-4711", "./tasks.log", "link.log"]
    printed = cli("lines", *names).stdout.splitlines()
    assert [line.split()[-1] for line in printed] == ["tasks.log.2", "old/tasks.log.1", "tasks.log", "tasks.log-4711"]


@pytest.mark.parametrize("is_plain", [True, False])
def test_no_control_character_reaches_a_terminal(tmp_path: Path, is_plain: bool) -> None:
    path = tmp_path / "tasks\x1b[7m.log"
    fields = {
        "v": 1,
        "time": "2026-01-01T12:00:00.000000Z",
        "level": "\x1b]0;",
        "event": "log",
        "message": "\x9b1m\x07",
    }
    fields |= {"task_id": "\x1b[2J", "func_name": "\x1b[2J", "tags": {"\x1b": "\x1b"}, "data": {"a": {"\x1b": "\x7f"}}}
    lines = [
        json.dumps(fields),
        json.dumps(fields | {"event": "lifecycle", "status": "\x1bc", "error": "\x1b"}),
        "[abc12345] [f] 2026-01-01T12:00:00 \x1b[5m\x07",
    ]
    path.write_text("\n".join([*lines, ""]))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1" * is_plain}
    for command in (["lines"], ["show", "\x1b[2J"], ["report"], ["lines", "-n", "1", "missing\x1b[7m.log"]):
        terminal: pexpect.spawn[bytes] = pexpect.spawn(COMMAND, [*command, str(path)], env=environment, timeout=60)
        shown = re.sub(rb"\r\n|\x1b\[[0-9;]*m", b"", terminal.read() or b"")  # a new line, a colour
        assert shown.decode().isprintable(), shown
        assert b"missing" in shown or b"\\x1b[2J" in shown
