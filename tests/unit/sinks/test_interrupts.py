"""A signal handler that raises, at every moment of a write, a rotation, a stop."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
from taskflow_loguru.sinks._file import FileSink
from taskflow_loguru.sinks.background import THREAD_NAME

from .files import descriptors, is_unlocked, lines_in
from .interrupts import interrupted, moments

MakeSink = Callable[[Path], FileSink]


def by_size(path: Path) -> FileSink:
    """Every line rotates the file."""
    return RotatingFileSink(path, max_bytes=1, backup_count=4)


def not_at_all(path: Path) -> FileSink:
    return RotatingFileSink(path, max_bytes=1000, backup_count=4)


every_sink = pytest.mark.parametrize("make", [by_size, not_at_all, WatchedFileSink])


@every_sink
@pytest.mark.parametrize("what", ["write", "writelines", "stop", "reopen"])
def test_no_interrupt_loses_or_doubles_a_line_or_leaks(make: MakeSink, what: str, tmp_path: Path) -> None:
    """An interrupted call has written its lines once or not at all.

    All other lines are there once, no lock is left held, no descriptor is leaked, and nothing is swallowed.
    """
    before = descriptors(tmp_path)
    for moment in moments():
        folder = tmp_path / str(moment)
        path = folder / "app.log"
        folder.mkdir()
        path.with_name("app.log.1").write_text("one\n")
        sink = make(path)
        sink.write("two")
        calls: dict[str, Callable[[], object]] = {
            "write": partial(sink.write, "interrupted"),
            "writelines": partial(sink.writelines, ["interrupted", "interrupted too"]),
            "stop": sink.stop,
            "reopen": sink.reopen,
        }
        goes_on = interrupted(calls[what], moment)
        assert is_unlocked(folder)
        assert all(is_unlocked(file) for file in folder.iterdir()), moment
        sink.write("three")
        found = lines_in(folder)
        left = [line for line in found if not line.startswith("interrupted")]
        assert left == ["one", "three", "two"], moment
        assert len(found) == len(set(found)), moment
        sink.stop()
        assert descriptors(tmp_path) == before, moment
        assert not [name for name in os.listdir(folder) if name.startswith(".")], moment
        if not goes_on:
            break
    assert moment > 10


@every_sink
def test_a_handler_that_logs_and_raises_loses_no_line_of_its_own(make: MakeSink, tmp_path: Path) -> None:
    """The handler's own call has returned: its line is in the file once the interrupted call has ended."""
    for moment in moments():
        folder = tmp_path / str(moment)
        sink = make(folder / "app.log")
        sink.write("one")
        goes_on = interrupted(partial(sink.write, "interrupted"), moment, handler=partial(sink.write, "handled"))
        found = lines_in(folder)
        assert found.count("handled") == goes_on, moment
        assert found.count("interrupted") <= 1, moment
        sink.stop()
        if not goes_on:
            break


@every_sink
def test_a_handler_that_logs_at_any_moment_loses_no_line(make: MakeSink, tmp_path: Path) -> None:
    """Both lines are in the file when the interrupted call returns."""
    for moment in moments():
        folder = tmp_path / str(moment)
        sink = make(folder / "app.log")
        sink.write("one")
        goes_on = interrupted(
            partial(sink.write, "interrupted"),
            moment,
            handler=partial(sink.write, "handled"),
            raises=False,
        )
        expected = ["handled", "interrupted", "one"] if goes_on else ["interrupted", "one"]
        assert lines_in(folder) == expected, moment
        sink.stop()
        if not goes_on:
            break


class Lines(WatchedFileSink):
    """A file sink that a test can wait for, and that waits for a test."""

    def __init__(self) -> None:
        super().__init__(os.devnull)
        self.written: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.may_return = threading.Event()
        self.may_return.set()

    def write(self, message: str) -> None:
        self.write_encoded([message.encode()])

    def write_encoded(self, lines: list[bytes]) -> None:
        for line in lines:
            self.written.put(line.decode().rstrip("\n"))
        assert self.may_return.wait(30)

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("is_asleep", [False, True])
def test_no_interrupt_stops_the_background_thread(is_asleep: bool) -> None:
    """Whatever call is interrupted, the lines of the next call arrive, each once and in order."""
    for moment in moments():
        lines = Lines()
        sink = BackgroundSink(lines)
        if is_asleep:
            sink.write("first")
            assert lines.written.get(timeout=30) == "first"
        goes_on = interrupted(partial(sink.write, "interrupted"), moment)
        sink.write("after")
        arrived = lines.written.get(timeout=30)
        if arrived == "interrupted":
            arrived = lines.written.get(timeout=30)
        assert arrived == "after", moment
        goes_on_too = interrupted(sink.stop, moment)
        sink.stop()
        sink.write("at the end")
        assert lines.written.get(timeout=30) == "at the end"
        assert lines.written.empty()
        if not goes_on and not goes_on_too:
            break


def test_an_interrupt_starts_no_second_thread() -> None:
    """Two threads would write the same lines. Each sink is new: its first line starts the thread."""
    for moment in moments():
        lines = Lines()
        lines.may_return.clear()
        sink = BackgroundSink(lines)
        goes_on = interrupted(partial(sink.write, "first"), moment)
        sink.write("second")
        first = lines.written.get(timeout=30)
        assert [thread.name for thread in threading.enumerate()].count(THREAD_NAME) == 1, moment
        lines.may_return.set()
        sink.stop()
        found = [first, *(lines.written.get() for _ in range(lines.written.qsize()))]
        assert found in (["first", "second"], ["second"]), moment
        if not goes_on:
            break
    assert moment > 5
