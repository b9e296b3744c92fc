from __future__ import annotations

import errno
import fcntl
import gc
import os
import pickle
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _file, _process
from taskflow_loguru.sinks._backlog import plain_loss_line
from taskflow_loguru.sinks._file import FileSink
from taskflow_loguru.sinks._flock import LOCK_TIMEOUT
from taskflow_loguru.sinks._open_file import OpenFile

from .files import EIO, Clock, descriptors, error, failing, is_unlocked, locked


class PlainSink(FileSink):
    """A file sink that neither rotates nor watches."""

    def __init__(self, path: Any, *, backlog_bytes: int = 100, loss_line: Any = plain_loss_line) -> None:
        super().__init__(path, backlog_bytes=backlog_bytes, loss_line=loss_line)

    def _append_locked(self, size: int, lines: Sequence[bytes], written: list[int], started: float) -> None:
        self._file.append(lines, written, size, self._file.is_torn(size))


def my_loss_line(count: int, reason: str) -> str:
    return f"{count} gone: {reason}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "write", error(errno.ENOSPC))


NO_SPACE = "[Errno 28] No space left on device"


# -- writing --------------------------------------------------------------------------------------


def test_a_line_is_in_the_file_when_write_returns(path: Path) -> None:
    sink = PlainSink(path)
    sink.write("one")
    sink.write("two\n")
    assert path.read_text() == "one\ntwo\n"
    assert is_unlocked(path)


@pytest.mark.parametrize("way", ["write", "writelines"])
def test_what_utf_8_cannot_encode_is_written_as_an_escape(way: str, path: Path) -> None:
    """A lone surrogate, as it is in the name of a file that is not UTF-8."""
    sink = PlainSink(path)
    getattr(sink, way)(["a\ud800b"] if way == "writelines" else "a\ud800b")
    assert path.read_bytes() == b"a\\ud800b\n"


def test_many_lines_are_written_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    really_write, calls = os.write, []

    def write(fd: int, data: bytes) -> int:
        calls.append(data)
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    sink.writelines(["one", "two\n"])
    assert calls == [b"one\ntwo\n"]


@pytest.mark.parametrize("way", ["write", "writelines"])
def test_the_file_is_locked_while_it_is_written(way: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    really_write, was_unlocked = os.write, []

    def write(fd: int, data: bytes) -> int:
        was_unlocked.append(is_unlocked(path))
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    getattr(sink, way)(["line"] if way == "writelines" else "line")
    assert was_unlocked == [False]
    assert is_unlocked(path)


def test_a_path_that_cannot_be_opened_is_named(path: Path) -> None:
    path.mkdir(mode=0o700)
    with pytest.raises(OSError, match="Not a directory") as raised:
        PlainSink("/dev/null/app.log")
    assert str(raised.value) == "[Errno 20] Not a directory: '/dev/null/app.log'"


def test_without_a_reader_a_fifo_opens_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(path)
    sink = PlainSink(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink.write("line")
    assert os.read(reader, 99) == b"line\n"
    os.close(reader)


def test_a_device_that_cannot_be_opened_is_no_fifo(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "open", error(errno.ENXIO), only_for=path)
    with pytest.raises(OSError, match="No such device"):
        PlainSink(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backlog_bytes": -1}, "backlog_bytes must be at least 0, not -1"),
        ({"loss_line": None}, "loss_line must be a function of a count and a reason, not None"),
    ],
)
def test_a_wrong_argument_is_named(options: dict[str, Any], words: str, path: Path) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{words}$"):
        PlainSink(path, **options)
    assert not path.exists()


# -- its life -------------------------------------------------------------------------------------


def test_stop_closes_the_file_and_the_next_line_opens_it(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink.write("one")
    sink.stop()
    assert descriptors(path.parent) == before
    sink.write("two")
    assert path.read_text() == "one\ntwo\n"
    sink.stop()


def test_reopen_goes_to_the_file_that_is_at_the_path_then(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink.reopen()
    assert descriptors(path.parent) == before
    sink.write("one")
    assert path.read_text() == "one\n"


def test_reopen_in_a_signal_handler_follows_the_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    really_write = os.write

    def write(fd: int, data: bytes) -> int:
        sink.reopen()
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    sink.write("one")
    assert path.read_text() == "one\n"
    assert descriptors(path.parent) == before


def test_stop_does_not_wait_for_a_thread_in_a_dead_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    timeouts: list[float] = []
    monkeypatch.setattr(sink._gate, "run_within", lambda timeout, job: timeouts.append(timeout))
    sink.stop()
    assert timeouts == [LOCK_TIMEOUT]


def test_lines_that_are_kept_are_written_by_stop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    clock = Clock(monkeypatch, _file)
    with monkeypatch.context() as patch:
        patch.setattr("taskflow_loguru.sinks._spool.time", clock)
        failing(patch, "write", error(errno.ENOSPC))
        clock.now += 1
        sink._spool.put(b"kept\n")
        really_append = sink._append

        def slow(*arguments: Any) -> None:
            clock.now += 1
            really_append(*arguments)

        sink._spool.write(slow)
    assert path.read_text() == ""
    sink.stop()
    assert path.read_text() == "kept\n"


def test_a_dropped_sink_closes_its_file(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink._folder.acquire(str(path.parent), time.monotonic())
    del sink
    gc.collect()
    assert descriptors(path.parent) == before


@pytest.mark.filterwarnings("error")
def test_a_sink_that_could_not_be_made_is_dropped_without_noise() -> None:
    FileSink.__del__(object.__new__(PlainSink))


def test_a_file_that_cannot_be_closed_is_dropped_without_noise(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    with monkeypatch.context() as patch:
        failing(patch, "fstat", error(EIO))
        sink.__del__()
    sink.stop()


def test_an_error_of_close_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path)
    with monkeypatch.context() as patch:
        failing(patch, "close", error(EIO))
        sink.stop()
    assert capsys.readouterr().err == f"taskflow_loguru: cannot close {str(path)!r}: {error(EIO)}\n"
    sink.stop()
    sink.write("opened again")
    with monkeypatch.context() as patch:
        failing(patch, "fstat", TimeoutError("time limit"))
        with pytest.raises(TimeoutError):
            sink.stop()
    assert capsys.readouterr().err == ""
    sink.stop()


def test_reopen_reports_an_error_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path)
    with monkeypatch.context() as patch:
        failing(patch, "close", error(EIO))
        sink.reopen()
    assert "cannot close" in capsys.readouterr().err
    sink.stop()


def test_a_sink_shows_how_to_make_it(path: Path) -> None:
    assert repr(PlainSink(path)) == f"PlainSink({str(path)!r})"
    shown = repr(PlainSink(path, loss_line=my_loss_line))
    assert shown == f"PlainSink({str(path)!r}, loss_line=my_loss_line)"


def test_a_pickled_sink_has_the_same_arguments(path: Path) -> None:
    sink = PlainSink(path, backlog_bytes=7, loss_line=my_loss_line)
    assert repr(pickle.loads(pickle.dumps(sink))) == repr(sink)


def test_the_loss_line_can_be_changed_to_another_one_only(path: Path) -> None:
    sink = PlainSink(path)
    sink.loss_line = my_loss_line
    assert sink.loss_line is my_loss_line
    with pytest.raises(TypeError, match="loss_line"):
        sink.loss_line = "gone"  # type: ignore[assignment]
    assert sink.loss_line is my_loss_line


# -- faults ---------------------------------------------------------------------------------------


def test_an_incident_is_reported_once_and_the_next_one_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path, backlog_bytes=12)
    for number in range(2):
        with monkeypatch.context() as patch:
            full(patch)
            sink.write("one")
            assert capsys.readouterr().err == (
                f"taskflow_loguru: cannot write to {str(path)!r}: {NO_SPACE}; "
                "up to 12 bytes of lines are kept until it can be written again\n"
            )
            sink._spool._retry_at = 0.0
            sink.write("two")
            sink.writelines(["three"])
        sink.stop()
        assert capsys.readouterr().err == ""
        assert path.read_text().count("one") == number + 1


def test_after_a_failure_the_next_line_does_not_try_again_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
    sink._spool._retry_at = float("inf")
    sink.write("two")
    assert path.read_text() == ""
    sink._spool._retry_at = 0.0
    sink.write("three")
    assert path.read_text() == "one\ntwo\nthree\n"


def test_a_sink_with_kept_lines_outlives_its_owner_until_they_are_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = PlainSink(path)
    life = weakref.ref(sink)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
    del sink
    gc.collect()
    held = life()
    assert held is not None
    held.stop()
    del held
    gc.collect()
    assert life() is None
    assert path.read_text() == "one\n"


@pytest.mark.parametrize("stays", ["fd", "lock"])
def test_a_file_that_was_closed_behind_its_back_is_opened_again(
    stays: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = PlainSink(path)
    sink.write("one")
    really_write = os.write
    closed: list[int] = []

    def close_and_write(fd: int, data: bytes) -> int:
        if not closed:
            closed.append(fd)
            os.close(fd)
        return really_write(fd, data)

    if stays == "fd":
        os.close(sink._file.fds[0])
    else:
        monkeypatch.setattr(os, "write", close_and_write)
    sink.write("two")
    assert path.read_text() == "one\ntwo\n"
    assert sink.stats().lines_kept == 0


def test_a_bad_descriptor_elsewhere_is_a_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file cannot be opened, the error is reported, and the opening is not repeated without end."""
    sink = PlainSink(path)
    sink.stop()
    failing(monkeypatch, "open", error(errno.EBADF), only_for=path)
    sink.write("one")
    assert sink.stats().lines_kept == 1


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOLCK])
def test_an_error_of_the_unlock_costs_no_line(number: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    really_lock = fcntl.flock

    def lock(fd: int, operation: int) -> None:
        if operation == fcntl.LOCK_UN:
            raise error(number)
        really_lock(fd, operation)

    fds = list(sink._file.fds)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lock)
        sink.write("one")
    assert path.read_text() == "one\n"
    assert sink._file.fds == ([] if number == errno.EBADF else fds)
    if number == errno.EBADF:
        os.close(fds[0])


def test_an_exception_of_a_signal_handler_passes_the_unlock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path)
    really_lock = fcntl.flock

    def lock(fd: int, operation: int) -> None:
        really_lock(fd, operation)
        if operation == fcntl.LOCK_UN:
            raise TimeoutError("time limit")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lock)
        with pytest.raises(TimeoutError):
            sink.write("one")
    sink.write("two")
    assert path.read_text() == "one\ntwo\n"


def test_an_unavailable_lock_is_reported_and_the_line_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks._flock.LOCK_TIMEOUT", 0.001)
    sink = PlainSink(path)
    with locked(path):
        sink.write("one")
        sink.write("two")
    assert path.read_text() == "one\ntwo\n"
    assert capsys.readouterr().err == (
        f"taskflow_loguru: writing to {str(path)!r} without its lock: could not acquire it within 0.001 s\n"
    )


def test_a_file_that_is_not_regular_is_not_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise AssertionError("must not be locked")

    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = PlainSink(path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    sink.write("line")
    assert os.read(reader, 99) == b"line\n"
    os.close(reader)


# -- a turn at the file ---------------------------------------------------------------------------


def test_a_file_that_was_moved_is_left(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink.write("one")
    path.rename(path.with_suffix(".old"))
    sink.write("two")
    assert path.read_text() == "two\n"
    assert len(descriptors(path.parent)) == len(before) + 1
    sink.stop()


@pytest.mark.parametrize(
    ("seconds_a_turn", "seconds_stopped", "turns"),
    [
        (0.009, 0.0, 112),  # a second has passed
        (0.0, 50.0, 101),  # the process was stopped for that time: the clock alone proves nothing
    ],
)
def test_a_file_that_is_always_replaced_ends_as_a_fault(
    seconds_a_turn: float, seconds_stopped: float, turns: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a hundred turns, and a second."""
    sink = PlainSink(path)
    clock = Clock(monkeypatch, _file)
    monkeypatch.setattr("taskflow_loguru.sinks._spool.time", clock)
    replaced: list[float] = []
    really_look = sink._place.look

    def look() -> tuple[int, int, int]:
        path.rename(path.with_suffix(".old"))
        path.write_text("")
        clock.now += seconds_a_turn if replaced else seconds_a_turn + seconds_stopped
        replaced.append(clock.now)
        return really_look()

    monkeypatch.setattr(sink._place, "look", look)
    sink.write("one")
    assert str(sink._spool.fault) == f"[Errno {errno.ESTALE}] {os.strerror(errno.ESTALE)}: {str(path)!r}"
    assert len(replaced) == turns


def test_a_folder_that_an_interrupt_left_open_is_closed_by_stop(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink._folder.acquire(str(path.parent), time.monotonic())
    sink.stop()
    assert descriptors(path.parent) == before


def test_a_file_that_is_replaced_in_its_turn_is_unlocked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock that is held is that of the file which the turn began with."""
    sink = PlainSink(path)
    sink.write("one")
    old = path.with_suffix(".old")
    really_append = PlainSink._append_locked

    def replace(self: PlainSink, *arguments: Any) -> None:
        monkeypatch.setattr(PlainSink, "_append_locked", really_append)
        path.rename(old)
        self._file = OpenFile()
        self._open(0.0)

    monkeypatch.setattr(PlainSink, "_append_locked", replace)
    sink._gate.run(lambda: sink._append([], [], 0.0))
    assert is_unlocked(old)
    sink.write("two")
    assert path.read_text() == "two\n"


# -- numbers --------------------------------------------------------------------------------------


def test_stats_count_what_was_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path, backlog_bytes=6)
    clock = Clock(monkeypatch, _file)
    monkeypatch.setattr("taskflow_loguru.sinks._spool.time", clock)
    sink.write("ä")
    stats = sink.stats()
    assert (stats.lines_written, stats.bytes_written, stats.rotations) == (1, 3, 0)
    assert (stats.lines_kept, stats.lines_lost, stats.seconds_failing, stats.lines_waiting) == (0, 0, 0.0, 0)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
        sink.write("two")
    clock.now += 2.5
    stats = sink.stats()
    assert (stats.lines_written, stats.lines_kept, stats.lines_lost) == (1, 1, 1)
    assert stats.seconds_failing == 2.5
    sink.stop()
    stats = sink.stats()
    assert (stats.lines_written, stats.lines_kept, stats.lines_lost, stats.seconds_failing) == (3, 0, 1, 0.0)
    assert stats.bytes_written == len(path.read_bytes())


def test_a_line_that_another_thread_is_writing_is_not_called_kept(path: Path) -> None:
    sink = PlainSink(path)
    sink._spool.put(b"one\n")
    assert sink.stats().lines_kept == 0


# -- the process ----------------------------------------------------------------------------------


def test_a_child_begins_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that was not forked may hold the locks, and the lines are the parent's."""
    sink = PlainSink(path, backlog_bytes=12, loss_line=my_loss_line)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("parent's")
    folder = sink._folder
    folder.acquire(str(path.parent), time.monotonic())
    parents = os.dup(folder.file.fds[0])
    thread = threading.Thread(target=sink._gate._lock.acquire)
    thread.start()
    thread.join()
    sink.after_fork()
    assert not sink._file.fds
    assert not folder.file.fds
    assert not is_unlocked(path.parent), "the lock is the parent's"
    os.close(parents)
    assert sink.stats().lines_kept == 0
    assert repr(sink) == repr(PlainSink(path, backlog_bytes=12, loss_line=my_loss_line))
    sink.write("child's")
    assert path.read_text() == "child's\n"
    _process.release(sink)


def test_a_child_leaves_the_lock_to_the_parent(path: Path) -> None:
    sink = PlainSink(path)
    fcntl.flock(sink._file.fds[0], fcntl.LOCK_EX)
    parents = os.dup(sink._file.fds[0])
    sink.after_fork()
    assert not is_unlocked(path)
    os.close(parents)


def at_exit(sink: FileSink, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, seconds_left: float) -> list[float]:
    """End the process; return how long the gate was waited for."""
    timeouts: list[float] = []
    really_run = sink._gate.run_within

    def run_within(timeout: float, job: Callable[[], None]) -> bool:
        timeouts.append(timeout)
        return really_run(timeout, job)

    monkeypatch.setattr(sink._gate, "run_within", run_within)
    sink.at_exit(clock.now + seconds_left)
    return timeouts


def test_at_the_end_lines_that_are_kept_are_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
    capsys.readouterr()
    clock = Clock(monkeypatch, _file)
    assert at_exit(sink, clock, monkeypatch, seconds_left=5.0) == [LOCK_TIMEOUT]
    assert path.read_text() == "one\n"
    assert capsys.readouterr().err == ""


def test_the_end_waits_no_longer_than_all_sinks_may(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, _file)
    assert at_exit(PlainSink(path), clock, monkeypatch, seconds_left=0.25) == [0.25]


def test_a_loss_at_the_end_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path, backlog_bytes=4)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
        sink.write("two")
        capsys.readouterr()
        at_exit(sink, Clock(patch, _file), patch, seconds_left=1.0)
    said = capsys.readouterr().err
    assert said == f"taskflow_loguru: {str(path)!r}: 2 lines lost: {NO_SPACE} (at exit)\n"
    _process.release(sink)


def test_after_the_end_a_daemon_thread_inside_delays_nobody(path: Path) -> None:
    sink = PlainSink(path)
    sink.at_exit(0.0)
    thread = threading.Thread(target=sink._gate._lock.acquire)
    thread.start()
    thread.join()
    sink.write("one")
    assert path.read_text() == ""


def test_a_file_that_its_server_has_forgotten_is_opened_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine has replaced it on NFS: its descriptor stays useless, though its inode number may be reused."""
    sink = PlainSink(path)
    stale = sink._file.fds[0]
    with monkeypatch.context() as patch:
        for name in ("fstat", "write", "pread"):
            failing(patch, name, error(errno.ESTALE), only_for=stale)
        really_close = os.close

        def close(fd: int) -> None:
            really_close(fd)
            if fd == stale:
                patch.undo()

        patch.setattr(os, "close", close)
        sink.write("one")
    assert not sink._file.fds
    sink._spool._retry_at = 0.0
    sink.write("two")
    assert path.read_text() == "one\ntwo\n"
    assert sink._spool.fault is None
