from __future__ import annotations

import errno
import fcntl
import gc
import os
import pickle
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _file, _kept, _log
from taskflow_loguru.sinks._file import FileSink
from taskflow_loguru.sinks._helper import THREAD_NAME
from taskflow_loguru.sinks._kept import plain_loss_line
from taskflow_loguru.sinks._linux import now
from taskflow_loguru.sinks._locking import LOCK_TIMEOUT
from taskflow_loguru.sinks._log import LogFile
from taskflow_loguru.sinks._open_file import abandon_all

from .files import EIO, NOBODY, Clock, descriptors, error, failing, is_unlocked, unprivileged


class PlainSink(FileSink):
    """A file sink that neither rotates nor watches."""

    def __init__(self, path: Any, *, backlog_bytes: int = 100, loss_line: Any = plain_loss_line) -> None:
        super().__init__(path, backlog_bytes=backlog_bytes, loss_line=loss_line)

    def _log_file(self, report: Callable[[str], None]) -> LogFile:
        return LogFile(self.path, report)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = now() + 30
    while not condition():
        assert now() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def no_helper_runs_on() -> Iterator[None]:
    before = threading.enumerate()  # among them helpers of the sinks of other tests
    yield
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME and thread not in before:
            wait_until(lambda thread=thread: not thread.is_alive())  # type: ignore[misc]


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


def test_a_dropped_sink_closes_its_file(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink._log._folder.open(str(path.parent))
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
                "buffering up to 12 bytes of lines until it can be written again\n"
            )
            sink._kept.retry_at = 0.0
            sink.write("two")
            sink.writelines(["three"])
        sink.stop()
        assert capsys.readouterr().err == ""
        assert path.read_text().count("one") == number + 1


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
    wait_until(lambda: gc.collect() >= 0 and life() is None)
    assert path.read_text() == "one\n"


def test_a_bad_descriptor_elsewhere_is_a_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file cannot be opened, the error is reported, and the opening is not repeated without end."""
    sink = PlainSink(path)
    sink.stop()
    with monkeypatch.context() as patch:
        failing(patch, "open", error(errno.EBADF), only_for=path)
        sink.write("one")
        assert sink.stats().lines_kept == 1


def test_a_folder_that_an_interrupt_left_open_is_closed_by_stop(path: Path) -> None:
    before = descriptors(path.parent)
    sink = PlainSink(path)
    sink._log._folder.open(str(path.parent))
    sink.stop()
    assert descriptors(path.parent) == before


# -- numbers --------------------------------------------------------------------------------------


def test_stats_count_what_was_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path, backlog_bytes=6)
    clock = Clock(monkeypatch, _file, _kept, _log)
    sink.write("ä")
    stats = sink.stats()
    assert (stats.lines_written, stats.bytes_written, stats.rotations) == (1, 3, 0)
    assert (stats.lines_kept, stats.lines_lost, stats.seconds_failing, stats.lines_waiting) == (0, 0, 0.0, 0)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
        sink.write("two")
    clock.time += 2.5
    stats = sink.stats()
    assert (stats.lines_written, stats.lines_kept, stats.lines_lost) == (1, 1, 1)
    assert stats.seconds_failing == 2.5
    sink.stop()
    stats = sink.stats()
    assert (stats.lines_written, stats.lines_kept, stats.lines_lost, stats.seconds_failing) == (3, 0, 1, 0.0)
    assert stats.bytes_written == len(path.read_bytes())


# -- the process ----------------------------------------------------------------------------------


def test_at_the_end_lines_that_are_kept_are_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
    capsys.readouterr()
    sink.at_exit(now() + 5.0)
    assert path.read_text() == "one\n"
    assert capsys.readouterr().err == ""


def test_a_loss_at_the_end_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = PlainSink(path, backlog_bytes=4)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
        sink.write("two")
        capsys.readouterr()
        sink.at_exit(now() + 1.0)
    said = capsys.readouterr().err
    assert said == f"taskflow_loguru: {str(path)!r}: 2 lines lost: {NO_SPACE} (at exit)\n"
    sink.stop()


# -- lines that come by themselves ----------------------------------------------------------------


def test_kept_lines_are_written_though_no_other_line_follows(path: Path) -> None:
    """An idle app's last lines are in the file soon after the disk has room."""
    sink = PlainSink(path)
    with pytest.MonkeyPatch.context() as patch:
        full(patch)
        sink.write("last")
    wait_until(lambda: path.read_text() == "last\n")
    assert sink.stats().lines_kept == 0


def test_lines_that_stop_cannot_write_are_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """uvicorn may end by a signal after that, without the end of the interpreter."""
    sink = PlainSink(path, backlog_bytes=4)
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("one")
        sink.write("two")
        capsys.readouterr()
        sink.stop()
    assert capsys.readouterr().err == (
        f"taskflow_loguru: {str(path)!r}: 2 lines are not written yet, and lost if the process ends now: {NO_SPACE}\n"
    )
    sink.stop()
    assert capsys.readouterr().err == ""


def test_the_numbers_take_no_time_however_many_lines_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PlainSink(path, backlog_bytes=10_000)
    with monkeypatch.context() as patch:
        full(patch)
        sink.writelines(["line"] * 1000)
        patch.setattr(sink._kept, "entries", None)
        assert sink.stats().lines_kept == 1000
        patch.undo()
    sink.stop()


# -- waits ----------------------------------------------------------------------------------------


@pytest.fixture
def busy(path: Path) -> Iterator[PlainSink]:
    """Make a sink in which another thread is blocked, as in a write to a dead disk."""
    sink = PlainSink(path)
    lock, is_inside, may_leave = sink._calls.lock, threading.Event(), threading.Event()

    def stay() -> None:
        with lock:
            is_inside.set()
            may_leave.wait(30)

    thread = threading.Thread(target=stay)
    thread.start()
    is_inside.wait(30)
    yield sink
    may_leave.set()
    thread.join()


def test_reopen_never_waits_and_is_done_by_the_next_call(busy: PlainSink, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    really_run = busy._calls.run_within

    def run_within(timeout: float, job: Callable[[], object]) -> bool:
        waits.append(timeout)
        return really_run(timeout, job)

    monkeypatch.setattr(busy._calls, "run_within", run_within)
    busy.reopen()
    assert waits == [0.0]
    assert busy._calls.queued == [busy._log.close]


def test_stop_waits_with_a_bound(busy: PlainSink, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file, "LOCK_TIMEOUT", 0.01)
    assert LOCK_TIMEOUT == 0.5
    busy.stop()
    assert busy._log.file.fd >= 0


def test_at_exit_the_lock_gives_up(busy: PlainSink, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A daemon thread inside never leaves, once the interpreter ends."""
    busy.at_exit(now())
    busy.write("one")
    assert path.read_text() == ""
    busy.at_exit(now())
    assert capsys.readouterr().err == (
        f"taskflow_loguru: {str(path)!r}: 1 line lost: another thread was still writing (at exit)\n"
    )


# -- a forked child -------------------------------------------------------------------------------


def fork(sink: PlainSink) -> None:
    """Do in this process what happens in a forked child."""
    sink.after_fork()
    abandon_all()


def test_a_child_recreates_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that does not exist there may hold the locks, and the lines are the parent's."""
    sink = PlainSink(path, backlog_bytes=12, loss_line=my_loss_line)
    monkeypatch.setattr(_file, "helper_of", lambda device: SimpleNamespace(run=lambda job: None))
    with monkeypatch.context() as patch:
        full(patch)
        sink.write("parent's")
    folder = sink._log._folder
    folder.open(str(path.parent))
    folder.lock()
    parents = os.dup(folder.file.fd)
    thread = threading.Thread(target=sink._calls.lock.acquire)
    thread.start()
    thread.join()
    fork(sink)
    assert (sink._log.file.fd, folder.file.fd) == (-1, -1)
    assert not is_unlocked(path.parent), "the lock is the parent's"
    os.close(parents)
    assert sink.stats().lines_kept == 0
    assert repr(sink) == repr(PlainSink(path, backlog_bytes=12, loss_line=my_loss_line))
    sink.write("child's")
    assert path.read_text() == "child's\n"


def test_a_child_opens_its_own_file_and_leaves_the_parent_its_lock(path: Path) -> None:
    sink = PlainSink(path)
    before = descriptors(path.parent)
    fcntl.flock(sink._log.file.fd, fcntl.LOCK_EX)
    parents = os.dup(sink._log.file.fd)
    fork(sink)
    assert not is_unlocked(path)
    fcntl.flock(parents, fcntl.LOCK_UN)
    os.close(parents)
    sink.write("line")
    assert len(descriptors(path.parent)) == len(before)
    sink.stop()
    assert not descriptors(path.parent)


@pytest.mark.parametrize("folder_mode", [0o755, 0o700])
def test_a_child_of_another_user_writes_through_the_parents_descriptor(
    folder_mode: int, as_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Workers of a gunicorn that root has started do so; the message names both users and the remedy."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, folder_mode)
        path = Path(folder, "app.log")
        sink = PlainSink(path)
        sink.write("root")
        path.chmod(0o600)
        fork(sink)
        with unprivileged():
            sink.write("worker")
            sink.write("worker")
        said = capsys.readouterr().err
        assert path.read_text() == "root\nworker\nworker\n"
        assert said.startswith(
            f"taskflow_loguru: user nobody ({NOBODY}) may not open {str(path)!r}, which user root (0) has"
        )
        assert said.count("\n") == 1
        path.rename(path.with_suffix(".old"))
        with unprivileged():
            sink.write("moved")
        # A user who may not search the folder cannot see that the file was moved.
        assert sink.stats().lines_kept == (folder_mode == 0o755)
        sink.stop()
