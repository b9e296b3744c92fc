"""Rotation by time and on demand, reopening, and the numbers of a sink, among processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink

from .disks import fill, small_disk
from .programs import output_of
from .tracing import Lab, lab
from .writers import Writer, assert_each_once_in_order, backups_of, read_lines

__all__ = ["lab"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def hour_ago(path: Path, hours: float = 1) -> None:
    """Set the mtime of the file as if its last line was written *hours* ago."""
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))


# -- when -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "begin"),
    [
        ("hour", lambda now: now.replace(minute=0, second=0, microsecond=0)),
        ("day", lambda now: now.replace(hour=0, minute=0, second=0, microsecond=0)),
        ("week", lambda now: (now - timedelta(now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)),
    ],
)
def test_the_time_of_the_last_line_decides(when: str, begin: Callable[[datetime], datetime], path: Path) -> None:
    """The first line of a new hour, day or ISO week of UTC rotates; one second after its beginning, none does."""
    sink = RotatingFileSink(path, max_bytes=0, backup_count=9, when=when)  # type: ignore[arg-type]
    for text, seconds in [("one", None), ("two", -1), ("three", 0), ("four", -1)]:
        if seconds is not None:
            last = begin(datetime.now(timezone.utc)).timestamp() + seconds
            os.utime(path, (last, last))
        sink.write(text)
    sink.stop()
    assert [file.read_text() for file in (*backups_of(path), path)] == ["one\n", "two\nthree\n", "four\n"]


def test_a_restart_rotates_as_if_there_was_none(path: Path) -> None:
    for number in range(3):
        sink = RotatingFileSink(path, max_bytes=0, backup_count=9, when="hour")
        sink.write(f"{number} a")
        sink.write(f"{number} b")
        sink.stop()
        hour_ago(path)
    assert [file.read_text().split() for file in (*backups_of(path), path)] == [
        [str(number), "a", str(number), "b"] for number in range(3)
    ]


def test_processes_agree_on_the_hour(path: Path, start_writer: Callable[..., Writer]) -> None:
    """The first one to write rotates, and there is one rotation an hour for all."""
    writers = [start_writer(name, path, max_bytes=0, backup_count=99, when="hour") for name in "abc"]
    for number in range(5):
        if number:
            hour_ago(path)
        for writer in writers:
            writer.write(20)
        for writer in writers:
            writer.wait_for(20 * (number + 1))
        assert len(backups_of(path)) == number
    for writer in writers:
        writer.finish()
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})
    assert {len(file.read_text().splitlines()) for file in (*backups_of(path), path)} == {60}


def test_size_still_holds_and_an_empty_file_never_rotates(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=10, backup_count=9, when="day")
    hour_ago(path, 48)
    for text in ("1234", "1234", "1234"):
        sink.write(text)
    sink.stop()
    assert [file.read_text() for file in (*backups_of(path), path)] == ["1234\n1234\n", "1234\n"]


# -- rotate and reopen ------------------------------------------------------------------------------


def test_rotate_rotates_now_and_never_an_empty_file(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=0, backup_count=9)
    sink.rotate()
    assert backups_of(path) == []
    sink.write("one")
    sink.rotate()
    sink.rotate()
    sink.write("two")
    sink.stop()
    assert [file.read_text() for file in (*backups_of(path), path)] == ["one\n", "two\n"]


def test_rotate_raises_the_error_that_prevents_it(path: Path, as_root: None) -> None:
    """The caller learns why it did not rotate."""
    with pytest.raises(ValueError, match="backup_count must be at least 1 to rotate, not 0"):
        RotatingFileSink(path, max_bytes=0, backup_count=0).rotate()
    path.with_name("app.log.1").mkdir()
    sink = RotatingFileSink(path, max_bytes=0, backup_count=1)
    sink.write("one")
    with pytest.raises(FileExistsError, match=r"unexpected file, which is not overwritten: .*app\.log\.1"):
        sink.rotate()
    assert path.read_text() == "one\n"


def test_a_file_that_is_moved_by_hand_needs_no_rotation(lab: Lab, tmp_path: Path) -> None:
    """If it is moved at any step of ``rotate()``, no error is raised, and no line is lost."""
    make = "RotatingFileSink({!r}, max_bytes=0, backup_count=9)"
    act = "sink.write('one'); sink.rotate(); sink.write('two')"
    calls = [call for call in lab.calls(make.format(str(tmp_path / "traced.log")), act) if call.changes_something]
    written = next(number for number, call in enumerate(calls) if call.name == "write")
    for number, call in enumerate(calls[written + 1 :]):
        path = tmp_path / str(number) / "app.log"
        child = lab.start(make.format(str(path)), act, call.inject("signal=SIGSTOP"))
        assert child.go() == -signal.SIGSTOP
        path.rename(path.with_name("moved"))
        assert child.resume() == 0, call
        RotatingFileSink(path, max_bytes=0, backup_count=9).rotate()
        files = [file for file in path.parent.iterdir() if file.stat().st_size]
        assert sorted(file.read_text() for file in files) == ["one\n", "two\n"]


def test_processes_that_rotate_on_demand_lose_nothing(path: Path, start_writer: Callable[..., Writer]) -> None:
    writers = [start_writer(name, path, max_bytes=5000, backup_count=9999) for name in "ab"]
    sink = RotatingFileSink(path, max_bytes=5000, backup_count=9999)
    for writer in writers:
        writer.write(1000)
    for count in range(100, 1001, 100):
        for writer in writers:
            writer.wait_for(count)
        sink.rotate()
    for writer in writers:
        writer.finish()
    assert sink.stats().rotations > 0
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})


def test_a_signal_handler_may_rotate_and_reopen(path: Path) -> None:
    """The write that it interrupts comes first, and no line is lost."""
    code = """
import signal, sys
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink(sys.argv[1], max_bytes=0, backup_count=9999)
calls = [sink.rotate, sink.reopen]
handled = 0
def handle(*_):
    global handled
    calls[handled % 2]()
    handled += 1
    if handled == 40:  # each rotation takes longer than the one before
        signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
number = 0
while handled < 40:
    sink.write(str(number))
    number += 1
sink.stop()
print(number, sink.stats().rotations)
"""
    written, rotations = map(int, output_of(code, path).split())
    assert rotations == len(backups_of(path)) > 5
    assert read_lines(path) == [f"{number}\n" for number in range(written)]


def test_reopen_frees_the_file_that_was_moved(path: Path) -> None:
    sink = WatchedFileSink(path)
    sink.write("one")
    path.rename(path.with_name("moved"))
    sink.reopen()
    assert not [fd for fd in os.listdir("/proc/self/fd") if "moved" in os.path.realpath(f"/proc/self/fd/{fd}")]
    sink.write("two")
    sink.stop()
    assert path.read_text() == "two\n"


# -- stats ------------------------------------------------------------------------------------------


def test_stats_of_a_disk_that_is_full_and_has_room_again(as_root: None, tmp_path: Path) -> None:
    """Lines are written, kept, or lost: the three numbers always add up."""
    with small_disk(tmp_path / "disk") as disk:
        sink = RotatingFileSink(disk / "app.log", max_bytes=4000, backup_count=99, backlog_bytes=1000)
        line = "x" * 99
        for _ in range(50):
            sink.write(line)
        assert (sink.stats().lines_written, sink.stats().bytes_written, sink.stats().rotations) == (50, 5000, 1)
        assert (sink.stats().lines_kept, sink.stats().lines_lost, sink.stats().seconds_failing) == (0, 0, 0.0)
        filler = fill(disk)
        for _ in range(100):
            sink.write(line)
        failing = sink.stats()
        assert failing.lines_kept == 10
        assert failing.lines_lost > 0
        assert failing.lines_written + failing.lines_kept + failing.lines_lost == 150
        assert failing.seconds_failing > 0
        filler.unlink()
        sink.stop()
        after = sink.stats()
        assert (after.lines_kept, after.lines_lost, after.seconds_failing) == (0, failing.lines_lost, 0.0)
        assert after.lines_written + after.lines_lost == 150 + 1  # and the line that reports the loss


def test_stats_of_a_child_begin_with_nothing(path: Path) -> None:
    sink = BackgroundSink(RotatingFileSink(path, max_bytes=0, backup_count=1))
    sink.write("one")
    sink.stop()
    assert (sink.stats().lines_written, sink.stats().lines_waiting) == (1, 0)
    code = """
import os, sys
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink(sys.argv[1], max_bytes=0, backup_count=1)
sink.write("parent")
if not os.fork():
    sink.write("child")
    print(sink.stats().lines_written, flush=True)
    os._exit(0)
os.wait()
print(sink.stats().lines_written)
"""
    assert output_of(code, path) == "1\n1\n"
