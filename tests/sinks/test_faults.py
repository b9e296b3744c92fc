"""Promises of the file sinks while the disk is full, read-only, broken or gone."""

from __future__ import annotations

import fcntl
import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import task_log

from taskflow_loguru import FileLogger, TaskManager
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink
from taskflow_loguru.sinks._file import FileSink
from tests.conftest import log_event
from tests.hosting import app_with
from tests.sinks.children import SinkProcess
from tests.sinks.disks import BlockDisk, fill, small_disk
from tests.sinks.writers import read_lines

LINES = [f"line {number:04} {'.' * 80}" for number in range(200)]


def rotating(path: Path, **more: Any) -> FileSink:
    return RotatingFileSink(path, max_bytes=100_000, backup_count=3, **more)


def watched(path: Path, **more: Any) -> FileSink:
    return WatchedFileSink(path, **more)


both_sinks = pytest.mark.parametrize("make_sink", [rotating, watched])
both_expressions = pytest.mark.parametrize(
    "sink", ["RotatingFileSink({!r}, max_bytes=100_000, backup_count=3)", "WatchedFileSink({!r})"]
)


@pytest.fixture
def disk(as_root: None, tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as point:
        yield point


def write_all(sink: FileSink, lines: list[str]) -> None:
    for line in lines:
        sink.write(line)


def read(path: Path) -> list[str]:
    text = path.read_text()
    assert text.endswith("\n")
    return text.splitlines()


# -- a full disk ----------------------------------------------------------------------------------


@both_sinks
def test_lines_that_a_full_disk_did_not_take_come_first_and_in_order(
    make_sink: Callable[..., FileSink], disk: Path
) -> None:
    path = disk / "tasks.log"
    sink = make_sink(path)
    write_all(sink, LINES[:10])
    filler = fill(disk)
    write_all(sink, LINES[10:190])
    assert len(read(path)) < 190
    filler.unlink()
    write_all(sink, LINES[190:])
    sink.stop()
    assert read(path) == LINES


@both_sinks
def test_a_file_on_a_full_disk_ends_with_a_whole_line(make_sink: Callable[..., FileSink], disk: Path) -> None:
    path = disk / "tasks.log"
    sink = make_sink(path)
    write_all(sink, LINES[:10])
    fill(disk)
    # The last block has room for a part of one of these lines, so that a write is cut short.
    write_all(sink, LINES[10:])
    assert read(path) == LINES[: len(read(path))]
    assert len(read(path)) < len(LINES)


@both_sinks
def test_a_partial_line_that_stays_does_not_swallow_the_next(make_sink: Callable[..., FileSink], disk: Path) -> None:
    """Without the lock, the partial line is not truncated."""
    path = disk / "tasks.log"
    sink = make_sink(path)
    write_all(sink, LINES[:10])
    filler = fill(disk)
    with path.open("rb") as other_holder:
        fcntl.flock(other_holder, fcntl.LOCK_EX)  # without the lock, the file must not be truncated
        write_all(sink, LINES[10:190])
        torn = path.read_bytes().splitlines()[-1].decode()
        assert torn not in LINES
        filler.unlink()
        write_all(sink, LINES[190:])
        sink.stop()
    lines = read(path)
    assert lines.count(torn) == 1
    assert [line for line in lines if line != torn] == LINES


@both_sinks
def test_each_incident_is_reported_once_on_stderr(
    make_sink: Callable[..., FileSink], disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = make_sink(disk / "tasks.log")
    for _ in range(2):
        filler = fill(disk)
        write_all(sink, LINES)
        stderr = capsys.readouterr().err.splitlines()
        assert len(stderr) == 1
        assert "No space left on device" in stderr[0]
        assert "tasks.log" in stderr[0]
        filler.unlink()
        sink.stop()
    assert not capsys.readouterr().err
    assert sorted(set(read(disk / "tasks.log"))) == LINES


def test_a_disk_with_room_again_rotates_with_the_kept_lines(disk: Path) -> None:
    path = disk / "tasks.log"
    sink = RotatingFileSink(path, max_bytes=1000, backup_count=100)
    filler = fill(disk)
    write_all(sink, LINES[:50])
    filler.unlink()
    sink.stop()
    backups = sorted(disk.glob("tasks.log.*"), key=lambda backup: -int(backup.suffix[1:]))
    files = [*backups, path]
    assert [line for file in files for line in read(file)] == LINES[:50]
    assert all(file.stat().st_size <= 1000 for file in files)


# -- the bound on the backlog ---------------------------------------------------------------------


@both_sinks
def test_lines_that_did_not_fit_are_counted_in_their_place(make_sink: Callable[..., FileSink], disk: Path) -> None:
    path = disk / "tasks.log"
    size = len(LINES[0]) + 1
    sink = make_sink(path, backlog_bytes=20 * size)
    filler = fill(disk)
    write_all(sink, LINES[:100])
    filler.unlink()
    sink.stop()
    write_all(sink, LINES[100:])
    lines = read(path)
    assert lines[:20] == LINES[:20]
    assert "80 lines lost: [Errno 28] No space left on device" in lines[20]
    assert lines[21:] == LINES[100:]


@both_sinks
def test_the_first_line_after_a_full_backlog_is_written(make_sink: Callable[..., FileSink], disk: Path) -> None:
    """It finds room on the disk, though no other line could be kept."""
    path = disk / "tasks.log"
    sink = make_sink(path, backlog_bytes=0)
    filler = fill(disk)
    sink.write("0")
    filler.unlink()
    number = 0
    while not path.stat().st_size:  # it is not tried again with each line
        number += 1
        sink.write(str(number))
    loss, line = read(path)
    assert f"{number} {'line' if number == 1 else 'lines'} lost: " in loss
    assert line == str(number)


def test_each_gap_is_counted_where_it_is(disk: Path) -> None:
    path = disk / "tasks.log"
    sink = watched(path, backlog_bytes=100)
    filler = fill(disk)
    write_all(sink, ["a" * 49, "b" * 200, "c" * 49, "d", "e"])
    filler.unlink()
    sink.stop()
    first, gap, third, end = read(path)
    assert (first, third) == ("a" * 49, "c" * 49)
    assert "1 line lost" in gap
    assert "2 lines lost" in end


@pytest.mark.parametrize(
    ("options", "loss"),
    [
        ({}, r"\[-\] \[taskflow_loguru\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d 3 lines lost: \[Errno 28\] .*"),
        ({"format": "{level}|{extra[func_name]}|{message}"}, r"ERROR\|taskflow_loguru\|3 lines lost: \[Errno 28\] .*"),
        ({"format": lambda record: "<{message}>\n"}, r"<3 lines lost: \[Errno 28\] .*>"),
    ],
    ids=["task_line", "format string", "function"],
)
@both_sinks
async def test_a_loss_is_said_in_the_format_of_the_file(
    disk: Path, make_sink: Callable[..., Any], options: dict[str, Any], loss: str
) -> None:
    logger = FileLogger(make_sink(disk / "tasks.log", backlog_bytes=0), **options)
    filler = fill(disk)
    for _ in range(3):
        await logger.on_log(log_event())
    filler.unlink()
    await logger.close()
    (line,) = read(disk / "tasks.log")
    assert re.fullmatch(loss, line)


# -- the app --------------------------------------------------------------------------------------


def test_neither_a_task_nor_the_host_notices_a_full_disk(disk: Path) -> None:
    def work() -> None:
        task_log("." * 4096)

    manager = TaskManager(loggers=[FileLogger(disk / "tasks.log", log_lifecycle=True)])
    filler = fill(disk)
    with TestClient(app_with(manager, work)) as client:
        tasks = [client.post("/run/work").json() for _ in range(3)]
        statuses = {task["task_id"]: task["status"] for task in client.get("/tasks").json()}
        assert [statuses[task] for task in tasks] == ["success"] * 3
        assert not (disk / "tasks.log").read_bytes().count(b"....")
        filler.unlink()
    lines = read(disk / "tasks.log")
    expected = ["RUNNING", "." * 4096, "SUCCESS"]
    assert [line.split(" ")[-1] for line in lines] == expected * 3
    assert [line[1:9] for line in lines] == [task[:8] for task in tasks for _ in expected]


async def test_close_tries_again_and_events_after_it_follow(disk: Path) -> None:
    logger = FileLogger(disk / "tasks.log")
    filler = fill(disk)
    await logger.on_log(log_event("first"))
    await logger.close()
    filler.unlink()
    await logger.close()
    assert read(disk / "tasks.log") == ["[abc12345] [send_email] 2026-01-01T12:00:00 first"]
    await logger.on_log(log_event("second"))
    assert len(read(disk / "tasks.log")) == 2


# -- other faults ---------------------------------------------------------------------------------


@pytest.fixture
def file_size_limit() -> Iterator[None]:
    """``ulimit -f``: no file may have more than 1,000 bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_limit_of_the_file_size_costs_no_line_if_a_file_rotates(file_size_limit: None, tmp_path: Path) -> None:
    sink = RotatingFileSink(tmp_path / "tasks.log", max_bytes=10_000_000, backup_count=1000)
    write_all(sink, LINES)
    sink.stop()
    assert read_lines(tmp_path / "tasks.log") == [f"{line}\n" for line in LINES]


def test_a_limit_of_the_file_size_that_is_raised_again_costs_no_line(file_size_limit: None, tmp_path: Path) -> None:
    """logrotate can make room, too."""
    path = tmp_path / "tasks.log"
    sink = watched(path)
    write_all(sink, LINES[:100])
    assert read(path) == LINES[: len(read(path))]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    write_all(sink, LINES[100:])
    sink.stop()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read(path) == LINES


@both_expressions
def test_a_read_only_folder_whose_file_is_gone_costs_no_line(
    sink: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    program("setpriv")
    path = tmp_path / "tasks.log"
    with SinkProcess(sink.format(str(path))) as process:
        process.write("first")
        path.unlink()
        tmp_path.chmod(0o555)
        try:
            process.write("second", "third")
            assert not path.exists()
        finally:
            tmp_path.chmod(0o755)
        process.write("fourth")
        stderr = process.end()
    assert read(path) == ["second", "third", "fourth"]
    assert len(stderr.splitlines()) == 1
    assert "Permission denied" in stderr


@both_expressions
def test_a_removed_folder_that_cannot_be_made_again_costs_no_line(
    sink: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    program("setpriv")
    path = tmp_path / "logs" / "tasks.log"
    with SinkProcess(sink.format(str(path))) as process:
        path.unlink()
        path.parent.rmdir()
        tmp_path.chmod(0o555)
        try:
            process.write("first", "second")
        finally:
            tmp_path.chmod(0o755)
        process.write("third")
        process.end()
    assert read(path) == ["first", "second", "third"]


def test_a_read_only_folder_delays_a_rotation_and_costs_no_line(tmp_path: Path, program: Callable[[str], str]) -> None:
    program("setpriv")
    path = tmp_path / "tasks.log"
    with SinkProcess(f"RotatingFileSink({str(path)!r}, max_bytes=500, backup_count=9)") as process:
        tmp_path.chmod(0o555)
        try:
            process.write(*LINES[:20])
        finally:
            tmp_path.chmod(0o755)
        assert read(path) == LINES[:20]
        number = 20
        while not (tmp_path / "tasks.log.1").exists():
            process.write(LINES[number % 200])
            number += 1
            time.sleep(0.05)
            assert number < 100, "it never rotated"
        stderr = process.end()
    assert read(tmp_path / "tasks.log.1") + read(path) == LINES[:number]
    assert len(stderr.splitlines()) == 1
    assert "cannot rotate" in stderr


@both_sinks
def test_a_disk_that_cannot_be_read_costs_no_line(
    make_sink: Callable[..., FileSink],
    as_root: None,
    program: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program("mkfs.ext4")
    disk = BlockDisk(tmp_path)
    with disk.mounted() as point:
        (point / "tasks.log").write_text("old\n")
    with disk.mounted() as point:
        sink = make_sink(point / "tasks.log")
        with disk.broken():
            write_all(sink, ["first", "second"])
            assert "Input/output error" in capsys.readouterr().err
        sink.write("third")
        sink.stop()
        assert read(point / "tasks.log") == ["old", "first", "second", "third"]


@both_sinks
def test_a_folder_in_the_place_of_the_file_costs_no_line(make_sink: Callable[..., FileSink], tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    sink = make_sink(path)
    path.unlink()
    path.mkdir()
    write_all(sink, LINES[:5])
    path.rmdir()
    sink.stop()
    assert read(path) == LINES[:5]


# -- the end --------------------------------------------------------------------------------------


@both_expressions
def test_the_end_of_the_interpreter_tries_again(sink: str, tmp_path: Path, program: Callable[[str], str]) -> None:
    program("setpriv")
    path = tmp_path / "logs" / "tasks.log"
    with SinkProcess(sink.format(str(path))) as process:
        path.unlink()
        path.parent.chmod(0o555)
        process.write("first", "second")
        path.parent.chmod(0o755)
        assert not path.exists()
        process.end()
    assert read(path) == ["first", "second"]


@both_expressions
def test_a_loss_at_the_end_of_the_interpreter_is_reported(
    sink: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    program("setpriv")
    path = tmp_path / "tasks.log"
    with SinkProcess(sink.format(str(path))) as process:
        path.unlink()
        tmp_path.chmod(0o555)
        try:
            process.write(*LINES[:7])
            stderr = process.end()
        finally:
            tmp_path.chmod(0o755)
    incident, loss = stderr.splitlines()
    assert "Permission denied" in incident
    assert "7 lines lost: " in loss
    assert str(path) in loss
    assert not path.exists()


def test_a_device_that_is_always_full_is_reported_and_raises_nothing() -> None:
    with SinkProcess("WatchedFileSink('/dev/full')") as process:
        process.write("first", "second")
        stderr = process.end()
    assert "No space left on device" in stderr
    assert "2 lines lost" in stderr


def test_an_unusable_place_raises_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"tasks\.log"):
        WatchedFileSink(tmp_path / "file" / "tasks.log")
