"""Real shippers read what four processes write, while the file rotates."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from taskflow_loguru import FileLogger, json_line, shippers, task_line
from tests.conftest import formatted

from .shipped import SHIPPERS, Format, Line, Shipper, as_read
from .writers import Files, Writers, write_task

FORMATS: tuple[Format, ...] = ("text", "json")
PATIENCE = 15
"""The time without progress after which a line counts as lost, in seconds."""

LONG_AGO = datetime(2020, 2, 29, 23, 59, 57, tzinfo=timezone.utc)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    # These characters need quotes, or are special for one of the shippers.
    folder = tmp_path / "tom's logs é 100%"
    folder.mkdir()
    return Files(folder / "tasks.log", folder / "tasks.jsonl")


@pytest.fixture
def start(program: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[[str, Files], Shipper]]:
    started: list[Shipper] = []

    def start(name: str, files: Files) -> Shipper:
        shipper = SHIPPERS[name](program(name), tmp_path / "shipper", files.text, files.json)
        started.append(shipper)
        shipper.start()
        return shipper

    yield start
    for shipper in started:
        shipper.close()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def wait_for(shipper: Shipper, files: Files) -> None:
    """Wait until as many lines have arrived as the files have."""
    expected = {kind: len(as_read(getattr(files, kind))) for kind in FORMATS}
    deadline = time.monotonic() + PATIENCE
    while any(len(shipper.lines(kind)) < expected[kind] for kind in FORMATS):
        if time.monotonic() > deadline:
            assert_each_once(shipper, files)
        time.sleep(0.05)


def assert_each_once(shipper: Shipper, files: Files) -> None:
    """Check that each line has arrived once, with the same fields as from our reader."""
    for kind in FORMATS:
        # A separator has the time of the previous line, which is of any process here.
        arrived = Counter(without_borrowed_time(line, kind) for line in shipper.lines(kind))
        written = Counter(as_read(getattr(files, kind)))
        assert {"missing": written - arrived, "surplus": arrived - written} == {
            "missing": Counter(),
            "surplus": Counter(),
        }


def without_borrowed_time(line: Line, kind: Format) -> Line:
    is_separator = kind == "text" and line.attempt is not None
    return line._replace(time=None) if is_separator else line


@pytest.mark.parametrize("mode", ["rotate", "watched"])
@pytest.mark.parametrize("name", SHIPPERS)
def test_every_line_arrives_once_with_its_fields(
    name: str,
    mode: Literal["rotate", "watched"],
    files: Files,
    start: Callable[[str, Files], Shipper],
    writers: Writers,
    program: Callable[[str], str],
    tmp_path: Path,
    opened: ExitStack,
) -> None:
    """This includes rotations by the sink or by logrotate, and a restart of the shipper."""
    files = Files(files.text, files.json, mode)
    for logger in files.loggers():
        asyncio.run(logger.close())
    rotation = Rotation(program("logrotate"), files, tmp_path, opened) if mode == "watched" else None
    shipper = start(name, files)
    for number in range(4):
        restarts = number == 2 and shipper.keeps_position
        if restarts:
            shipper.stop()
        writers.write(files, 1, rotates=False)
        if restarts:
            shipper.start()
        # A shipper that polls must have found the file before the next rotation: docs/shippers.md has their limits.
        wait_for(shipper, files)
        jobs = writers.start(files, 14)
        if rotation and shipper.finishes_moved_files:
            rotation.run()
        for job in jobs:
            job.result()
        wait_for(shipper, files)
        if rotation and not shipper.finishes_moved_files:
            rotation.run()
    assert_each_once(shipper, files)
    assert len(list(files.text.parent.glob("tasks.log.*"))) >= 2
    assert len(list(files.text.parent.glob("tasks.jsonl.*"))) >= 2


class Rotation:
    """Real logrotate with our rules."""

    def __init__(self, program: str, files: Files, folder: Path, opened: ExitStack) -> None:
        self._paths, self._opened = (files.text, files.json), opened
        rules = folder / "logrotate.conf"
        rules.write_text("".join(shippers.logrotate_rule(path) for path in self._paths))
        self._command = [program, "--force", "--state", str(folder / "logrotate.state"), str(rules)]

    def run(self) -> None:
        """Rotate both files once.

        A file that is open keeps its inode when logrotate has compressed and deleted it. If a new file had it, Filebeat
        could take that one for the old one: see docs/shippers.md.
        """
        for path in self._paths:
            self._opened.enter_context(path.open())
        subprocess.run(self._command, check=True, capture_output=True)


@pytest.mark.parametrize("name", [name for name in SHIPPERS if SHIPPERS[name].finishes_moved_files])
def test_a_line_that_comes_to_the_moved_file_late_arrives(
    name: str, files: Files, start: Callable[[str, Files], Shipper]
) -> None:
    """Written by a process that logrotate overtook, when the shipper reads the new file already."""
    with files.text.open("a") as moved:
        moved.write(formatted(task_line, "first") + "\n")
        moved.flush()
        shipper = start(name, files)
        wait_for(shipper, files)
        files.text.rename(f"{files.text}.1")
        files.text.write_text(formatted(task_line, "of the new file") + "\n")
        wait_for(shipper, files)
        moved.write(formatted(task_line, "late") + "\n")
        moved.flush()
        wait_for(shipper, files)
    assert_each_once(shipper, files)


@pytest.mark.parametrize("name", [name for name in SHIPPERS if SHIPPERS[name].times_separators])
def test_a_separator_gets_the_time_of_the_line_before_it(
    name: str, files: Files, start: Callable[[str, Files], Shipper]
) -> None:
    """This is so even if a backlog is read, years later."""

    async def write() -> None:
        options: dict[str, Any] = {"log_lifecycle": True, "max_bytes": 0}
        loggers = [FileLogger(files.text, **options), FileLogger(files.json, format=json_line, **options)]
        for number in range(20):
            await write_task(loggers, f"{number:08}", number, LONG_AGO + timedelta(seconds=number))

    asyncio.run(write())
    shipper = start(name, files)
    wait_for(shipper, files)
    expected: list[Line] = []
    for line in as_read(files.text):
        expected.append(line if line.time else line._replace(time=expected[-1].time))
    assert sum(line.attempt is not None for line in expected) == 40
    assert shipper.lines("text") == expected


VALUES: dict[str, Any] = {
    "big": 2**63,
    "low": -(2**63) - 1,
    "most": 2**63 - 1,
    "none": None,
    "list": [1, "x"],
    "two": 2.0,
}
CHANGED: dict[str, dict[str, Any]] = {
    "rsyslogd": {"message": "a", "big": 2**63 - 1, "low": -(2**63)},
    "syslog-ng": {
        "message": "a",
        "big": str(2**63 - 1),
        "low": str(-(2**63)),
        "most": str(2**63 - 1),
        "none": "",
        "list": "1,x",
        "two": "2.000000",
    },
    "filebeat": {"big": float(2**63), "low": float(-(2**63)), "none": "missing"},
    "otelcol": {"big": float(2**63), "low": float(-(2**63))},
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_shipper_changes_only_the_values_that_the_page_names(
    name: str, files: Files, start: Callable[[str, Files], Shipper]
) -> None:
    """docs/shippers.md has a table of them. Text lines arrive unchanged."""
    for path, line_format in ((files.text, task_line), (files.json, json_line)):
        path.write_text(formatted(line_format, "a\0b", data=VALUES) + "\n")
    shipper = start(name, files)
    wait_for_line(shipper, "json")
    expected = {"message": "a\0b", **VALUES, **CHANGED[name]}
    found = {key: value for key, value in shipper.values().items() if key in expected}
    assert {"none": "missing", **found} == expected
    assert wait_for_line(shipper, "text").message == "a\0b"


def wait_for_line(shipper: Shipper, kind: Format) -> Line:
    deadline = time.monotonic() + PATIENCE
    while not (lines := shipper.lines(kind)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return lines[0]
