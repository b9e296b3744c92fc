from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _open_file
from taskflow_loguru.sinks._locking import LOCK_TIMEOUT
from taskflow_loguru.sinks._open_file import OpenFile

from .files import EIO, Clock, descriptors, error, failing, is_unlocked
from .interrupts import interrupted, moments

APPENDING = os.O_CREAT | os.O_RDWR


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture(autouse=True)
def no_descriptor_is_leaked(tmp_path: Path) -> Iterator[None]:
    yield
    assert not descriptors(tmp_path)


Open = Callable[..., OpenFile]


@pytest.fixture
def opened() -> Iterator[Open]:
    """``opened(path)``: an OpenFile, closed after the test; ``is_locked=True`` locks it too."""
    files: list[OpenFile] = []

    def open_file(path: Path, *, is_locked: bool = False) -> OpenFile:
        file = OpenFile()
        files.append(file)
        file.open(str(path), APPENDING)
        if is_locked:
            fcntl.flock(file.fd, fcntl.LOCK_EX)
            file.is_locked = True
        return file

    yield open_file
    for file in files:
        file.close()


def append(file: OpenFile, *lines: bytes) -> int:
    """Append *lines* as a sink does it."""
    size = os.fstat(file.fd).st_size
    return file.append(lines, size, is_torn=file.is_torn(size))


# -- opening --------------------------------------------------------------------------------------


def test_a_file_is_opened_for_appending_and_for_no_child(path: Path, opened: Open) -> None:
    path.write_text("before\n")
    file = opened(path)
    assert file.fd >= 0
    assert file.is_regular
    assert not file.is_locked
    assert not os.get_inheritable(file.fd)
    flags = fcntl.fcntl(file.fd, fcntl.F_GETFL)
    assert flags & os.O_APPEND
    assert flags & os.O_NONBLOCK
    append(file, b"line\n")
    assert path.read_text() == "before\nline\n"


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o020)
    try:
        for name, mode in [("usual", ()), ("private", (0o600,))]:
            file = OpenFile()
            file.open(str(tmp_path / name), APPENDING, *mode)
            file.close()
    finally:
        os.umask(before)
    assert (tmp_path / "usual").stat().st_mode & 0o777 == 0o646
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


@contextlib.contextmanager
def closed(*streams: int) -> Iterator[None]:
    """Close standard streams for the time of the block."""
    copies = [(stream, fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, 3)) for stream in streams]
    for stream in streams:
        os.close(stream)
    try:
        yield
    finally:
        for stream, copy in copies:
            os.dup2(copy, stream)
            os.close(copy)


@pytest.mark.parametrize("streams", [(0,), (2,), (0, 2)])
def test_a_file_never_gets_the_number_of_a_standard_stream(streams: tuple[int, ...], path: Path, opened: Open) -> None:
    """While one is closed, the program's own output must not end up in the file."""
    with closed(*streams):
        file = opened(path)
        assert file.fd >= 0
        assert file.fd > 2
        assert not os.get_inheritable(file.fd)
        for stream in streams:
            with pytest.raises(OSError, match="Bad file"):
                os.fstat(stream)


def test_a_copy_never_gets_the_number_of_a_standard_stream() -> None:
    file = OpenFile()
    with closed(0):
        file.duplicate(1)
        assert file.fd > 2
        file.close()


def test_a_copy_of_a_descriptor_is_neither_locked_nor_rotated(path: Path) -> None:
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    file = OpenFile()
    file.duplicate(fd)
    assert not file.is_regular
    assert file.fd > 2
    assert not os.get_inheritable(file.fd)
    os.write(fd, b"one\n")
    append(file, b"two\n")
    os.write(fd, b"three\n")
    assert path.read_text() == "one\ntwo\nthree\n"
    file.close()
    os.close(fd)


def test_a_fifo_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    file = OpenFile()
    file.open(str(tmp_path / "fifo"), os.O_WRONLY)
    assert not file.is_regular
    append(file, b"line\n")
    assert os.read(reader, 99) == b"line\n"
    file.close()
    os.close(reader)


# -- which file it is -----------------------------------------------------------------------------


def test_a_number_that_is_opened_again_is_not_its_old_owners_any_more(tmp_path: Path, opened: Open) -> None:
    """The program has closed all its descriptors: one opening must not write into the file of another."""
    first = opened(tmp_path / "first")
    number = first.fd
    os.close(number)
    second = opened(tmp_path / "second")
    assert second.fd == number
    assert first.fd < 0
    third = opened(tmp_path / "third")
    assert second.fd == number
    fourth = OpenFile()
    os.close(number)
    fourth.duplicate(third.fd)
    assert (fourth.fd, second.fd) == (number, -1)
    fourth.close()


@pytest.mark.parametrize("way", ["close", "abandon"])
def test_a_descriptor_that_has_become_another_file_is_not_closed(
    way: str, tmp_path: Path, path: Path, opened: Open
) -> None:
    file = opened(path)
    number = file.fd
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
    os.dup2(other, number)
    getattr(file, way)()
    assert file.fd < 0
    assert os.fstat(number).st_ino == (tmp_path / "other").stat().st_ino
    os.close(number)
    os.close(other)


@pytest.mark.parametrize("way", ["close", "abandon"])
def test_a_descriptor_that_was_closed_is_forgotten(way: str, path: Path, opened: Open) -> None:
    file = opened(path)
    os.close(file.fd)
    getattr(file, way)()
    assert file.fd < 0


def test_a_file_that_is_opened_again_is_looked_at_again(path: Path, opened: Open) -> None:
    file = opened(path, is_locked=True)
    append(file, b"\n")
    file.close()
    path.write_text("t")
    file.open(str(path), APPENDING)
    file.is_locked = True
    append(file, b"next\n")
    assert path.read_text() == "t\nnext\n"


# -- closing --------------------------------------------------------------------------------------


def test_a_closed_file_is_unlocked_though_a_child_has_it_open(path: Path, opened: Open) -> None:
    """A child that was forked since the opening shares it, as a copy of the descriptor does."""
    file = opened(path, is_locked=True)
    copy = os.dup(file.fd)
    file.close()
    assert not file.is_locked
    assert is_unlocked(path)
    os.close(copy)


def test_an_abandoned_file_keeps_the_lock_of_the_parent(path: Path, opened: Open) -> None:
    file = opened(path, is_locked=True)
    copy = os.dup(file.fd)  # the parent's
    file.abandon()
    assert not is_unlocked(path)
    os.close(copy)


def test_a_child_can_abandon_a_file_that_it_cannot_close(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path)
    number = file.fd
    with monkeypatch.context() as patch:
        failing(patch, "close", error(EIO))
        file.abandon()
    assert file.fd < 0
    os.close(number)


def test_a_file_is_closed_on_a_file_system_without_locks(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise error(errno.ENOLCK)

    file = opened(path)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        file.close()
    assert file.fd < 0


def test_an_error_of_close_is_raised_and_the_number_forgotten(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system frees the number all the same."""
    file = opened(path)
    number = file.fd
    with monkeypatch.context() as patch:
        failing(patch, "close", error(EIO))
        with pytest.raises(OSError, match="Input/output"):
            file.close()
    assert file.fd < 0
    os.close(number)


def test_a_file_that_has_no_status_any_more_is_closed(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that vanished from a network share would fail every later line if it stayed open."""
    file = opened(path)
    number = file.fd
    with monkeypatch.context() as patch:
        failing(patch, "fstat", error(errno.ESTALE))
        file.close()
    assert file.fd < 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_the_first_line_of_an_empty_file_follows_no_torn_one(path: Path, opened: Open) -> None:
    """Also if another process has written since the size was read."""
    file = opened(path)
    path.write_bytes(b"a line of another process\n")
    assert not file.is_torn(0)


def test_no_interrupt_leaks_a_descriptor(path: Path) -> None:
    """After an interrupt, the next ``close`` closes everything, also while a standard stream is closed."""
    for streams in ((), (0,)):
        with closed(*streams):
            for moment in moments():
                file = OpenFile()
                goes_on = interrupted(partial(file.open, str(path), APPENDING), moment)
                goes_on |= interrupted(file.close, moment)
                file.close()
                assert not descriptors(path.parent), moment
                if not goes_on:
                    break
            assert moment > 10


def test_an_interrupted_opening_is_closed_whatever_its_number_was_before(path: Path, tmp_path: Path) -> None:
    for opening in ("open", "duplicate"):
        for moment in moments():
            other = os.open(tmp_path, os.O_RDONLY)
            file = OpenFile()
            file.open(str(path), APPENDING)
            file.close()
            call = (
                partial(file.open, str(tmp_path / "2"), APPENDING)
                if opening == "open"
                else partial(file.duplicate, other)
            )
            goes_on = interrupted(call, moment)
            file.close()
            os.close(other)
            assert not descriptors(tmp_path), moment
            if not goes_on:
                break


# -- the last line --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "is_torn"), [("", False), ("line\n", False), ("line", True), ("\n", False), ("l", True)]
)
def test_a_line_without_end_is_torn(content: str, is_torn: bool, path: Path, opened: Open) -> None:
    path.write_text(content)
    file = opened(path, is_locked=True)
    assert file.is_torn(len(content)) == is_torn
    append(file, b"next\n")
    assert path.read_text() == content + "\n" * is_torn + "next\n"


def test_with_the_lock_a_last_line_of_another_process_is_checked(path: Path, opened: Open) -> None:
    file = opened(path, is_locked=True)
    append(file, b"line\n")
    path.write_text("line\ntorn by another")
    append(file, b"next\n")
    path.write_text("torn again")
    append(file, b"last\n")
    assert path.read_text() == "torn again\nlast\n"


def test_our_own_last_line_is_not_read_again(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    file = opened(path, is_locked=True)
    append(file, b"line\n")
    append(file, b"a", b"\n")

    def pread(*arguments: Any) -> bytes:
        reads.append(arguments)
        return b"x"

    monkeypatch.setattr(os, "pread", pread)
    assert not file.is_torn(7)
    assert not reads
    assert file.is_torn(6)
    assert reads


@pytest.mark.parametrize("content", ["torn.", "t"])
def test_without_the_lock_nothing_is_known_about_the_end_of_our_line(content: str, path: Path, opened: Open) -> None:
    """Another process may have written in the same moment."""
    file = opened(path)
    append(file, b"line\n")
    file.is_locked = True
    path.write_text(content)
    assert file.is_torn(len(content))


def test_a_file_that_was_emptied_since_its_size_was_read_is_not_torn(path: Path, opened: Open) -> None:
    """It is ``copytruncate`` of logrotate that does so."""
    assert not opened(path, is_locked=True).is_torn(5)


def test_a_file_that_has_grown_since_is_judged_by_its_size_then(path: Path, opened: Open) -> None:
    path.write_text("line\nnext")
    file = opened(path, is_locked=True)
    assert not file.is_torn(5)
    assert file.is_torn(3)


def test_a_line_that_is_being_written_is_not_torn(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock, another process may be in the middle of its write."""
    path.write_text("being writ")
    clock = Clock(monkeypatch, _open_file)
    clock.on_sleep = lambda: path.write_text("being written\n")
    assert not opened(path).is_torn(10)
    assert clock.sleeps == [0.002]


def test_a_line_that_does_not_grow_is_torn(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock, each last line is checked: a full disk can cut any of them."""
    path.write_text("torn")
    Clock(monkeypatch, _open_file)
    file = opened(path)
    append(file, b"next\n")
    assert path.read_text() == "torn\nnext\n"
    path.write_text("torn again")
    assert file.is_torn(10)


def test_a_line_stays_torn_until_another_was_appended(path: Path, opened: Open) -> None:
    """Also without the lock, on a disk that was full at the first attempt."""
    path.write_text("torn")
    file = opened(path)
    with full_after():
        append(file, b"next\n")
    append(file, b"next\n")
    assert path.read_text() == "torn\nnext\n"


def test_with_the_lock_there_is_no_pause(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("torn")
    clock = Clock(monkeypatch, _open_file)
    assert opened(path, is_locked=True).is_torn(4)
    assert not clock.sleeps


def test_a_file_that_cannot_be_read_is_not_called_torn(path: Path) -> None:
    path.write_text("torn?")
    file = OpenFile()
    file.open(str(path), os.O_WRONLY)
    file.is_locked = True
    assert not file.is_torn(5)
    file.close()


def test_an_exception_of_a_signal_handler_passes_the_check(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("torn")
    file = opened(path)
    failing(monkeypatch, "pread", TimeoutError("time limit"))
    with pytest.raises(TimeoutError, match="time limit"):
        file.is_torn(4)


def test_the_last_line_of_a_pipe_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    file = OpenFile()
    file.duplicate(writer)
    failing(monkeypatch, "pread", AssertionError("must not be read"))
    assert not file.is_torn(5)
    file.close()
    os.close(reader)
    os.close(writer)


# -- appending ------------------------------------------------------------------------------------


def test_lines_are_one_system_call(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    really_write = os.write

    def write(fd: int, data: bytes) -> int:
        calls.append(data)
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    file = opened(path)
    assert append(file, b"one\n") == 1
    assert append(file, b"two\n", b"three\n") == 2
    assert calls == [b"one\n", b"two\nthree\n"]


def short_writes(monkeypatch: pytest.MonkeyPatch, *limits: int, then: Callable[[], object] = int) -> None:
    """Let the next calls of ``os.write`` take only so many bytes each; then call *then*, and the disk is full."""
    really_write, left = os.write, list(limits)

    def write(fd: int, data: bytes) -> int:
        if not left:
            then()
            raise error(errno.ENOSPC)
        return really_write(fd, data[: left.pop(0)])

    monkeypatch.setattr(os, "write", write)


@contextlib.contextmanager
def full_after(*limits: int, then: Callable[[], object] = int) -> Iterator[None]:
    """Let the disk be full after short writes, as :func:`short_writes` does; the block must fail for it."""
    with pytest.MonkeyPatch.context() as patch:
        short_writes(patch, *limits, then=then)
        with pytest.raises(OSError, match=r"No space|short write"):
            yield


def test_a_short_write_is_continued_with_the_rest(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(path, is_locked=True)
    with monkeypatch.context() as patch:
        short_writes(patch, 2, 3, 99)
        assert append(file, b"one\n", b"two\n") == 2
    assert path.read_text() == "one\ntwo\n"
    assert not file.is_torn(8)


def test_after_a_short_write_the_partial_line_is_taken_back(path: Path, opened: Open) -> None:
    path.write_text("before\n")
    file = opened(path, is_locked=True)
    with pytest.MonkeyPatch.context() as patch:
        short_writes(patch, 2, 4, 4)
        assert append(file, b"one\n", b"two\n", b"three\n") == 2
    assert path.read_text() == "before\none\ntwo\n"
    append(file, b"three\n")
    assert path.read_text() == "before\none\ntwo\nthree\n"


def test_behind_a_torn_line_a_partial_one_is_taken_back_too(path: Path, opened: Open) -> None:
    path.write_text("torn")
    file = opened(path, is_locked=True)
    with full_after(1, 2):
        append(file, b"one\n")
    assert path.read_text() == "torn\n"


def test_after_a_short_write_the_end_is_checked_again(path: Path, opened: Open) -> None:
    file = opened(path, is_locked=True)
    with full_after(2):
        append(file, b"one\n")
    path.write_text("t")
    append(file, b"next\n")
    assert path.read_text() == "t\nnext\n"


def test_a_partial_line_that_was_taken_back_needs_no_end(path: Path, opened: Open) -> None:
    """This holds although the lock is lost meanwhile."""
    file = opened(path, is_locked=True)
    append(file, b"one\n")
    with full_after(2):
        append(file, b"two\n")
    file.is_locked = False
    append(file, b"two\n")
    assert path.read_text() == "one\ntwo\n"


def test_a_short_write_of_whole_lines_takes_nothing_back(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path, is_locked=True)
    with monkeypatch.context() as patch:
        short_writes(patch, 4)
        failing(patch, "ftruncate", AssertionError("must not be truncated"))
        assert append(file, b"one\n", b"two\n") == 1
    append(file, b"two\n")
    assert path.read_text() == "one\ntwo\n"


def test_a_file_at_its_size_limit_ends_with_a_whole_line(path: Path, opened: Open) -> None:
    """The real system writes up to the limit, and refuses the rest."""
    file = opened(path, is_locked=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, limits[1]))
    try:
        assert append(file, b"one\n", b"two\n") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "one\n"


@pytest.mark.parametrize("is_locked", [True, False])
def test_the_rest_of_a_line_never_follows_the_line_of_another_process(
    is_locked: bool, path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be a line of its own, with no beginning."""
    really_write = os.write
    file = opened(path, is_locked=is_locked)

    def write(fd: int, data: bytes) -> int:
        written = really_write(fd, data[:2])
        really_write(fd, b"\nother\n")
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(OSError, match="short write"):
            append(file, b"line\n")
    append(file, b"line\n")
    assert path.read_text() == "li\nother\nline\n"


def test_a_torn_line_stays_once_another_process_has_appended(path: Path, opened: Open) -> None:
    """It may have appended without the lock, and its line must not be truncated with ours."""

    def append_by_another() -> None:
        with path.open("a") as other:
            other.write("x\n")

    file = opened(path, is_locked=True)
    with full_after(2, then=append_by_another):
        append(file, b"one\n")
    assert path.read_text() == "onx\n"
    append(file, b"next\n")
    assert path.read_text() == "onx\nnext\n"


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_part_that_cannot_be_taken_back_is_ended(
    is_locked: bool, path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock nothing is truncated; with it the system may refuse."""
    file = opened(path, is_locked=is_locked)
    with monkeypatch.context() as patch:
        short_writes(patch, 2)
        failing(patch, "ftruncate", error(errno.EPERM))
        failing(patch, "pread", error(errno.EBADF))
        with pytest.raises(OSError, match="No space" if is_locked else "short write"):
            append(file, b"one\n")
        patch.undo()
        failing(patch, "pread", error(errno.EBADF))  # a file that can be written but not read
        append(file, b"next\n")
        append(file, b"last\n")
    assert path.read_text() == "on\nnext\nlast\n"


def test_a_part_in_a_file_that_was_emptied_since_needs_no_end(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path, is_locked=True)
    failing(monkeypatch, "ftruncate", error(errno.EPERM))
    with full_after(2):
        append(file, b"one\n")
    path.write_text("")
    append(file, b"next\n")
    assert path.read_text() == "next\n"


def test_the_next_opening_forgets_a_torn_line_of_the_last_one(path: Path, opened: Open) -> None:
    file = opened(path)
    with full_after(2):
        append(file, b"one\n")
    file.close()
    path.write_text("whole\n")
    file.open(str(path), APPENDING)
    append(file, b"next\n")
    assert path.read_text() == "whole\nnext\n"


def test_an_error_of_the_first_write_is_raised(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(path)
    with monkeypatch.context() as patch:
        short_writes(patch)
        with pytest.raises(OSError, match="No space") as raised:
            append(file, b"one\n")
    assert raised.value.errno == errno.ENOSPC
    append(file, b"two\n")
    assert path.read_text() == "two\n"


def test_an_exception_of_a_signal_handler_takes_nothing_back(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path, is_locked=True)

    def interrupt() -> None:
        raise TimeoutError("time limit")

    with monkeypatch.context() as patch:
        short_writes(patch, 2, then=interrupt)
        with pytest.raises(TimeoutError, match="time limit"):
            append(file, b"one\n")
    assert path.read_text() == "on"
    append(file, b"next\n")
    assert path.read_text() == "on\nnext\n"


class Pipe:
    """A pipe that is full."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.file = OpenFile()
        self.file.duplicate(self.writer)
        try:
            while True:
                os.write(self.writer, b"x" * 4096)
        except BlockingIOError:
            pass

    def drain(self) -> bytes:
        os.set_blocking(self.reader, False)
        content = b""
        try:
            while True:
                content += os.read(self.reader, 65536)
        except BlockingIOError:
            return content

    def close(self) -> None:
        self.file.close()
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_a_full_pipe_is_waited_for(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reader gets some time to make room."""
    deadlines: list[float] = []
    really_wait = _open_file._is_writable

    def drain_and_wait(fd: int, deadline: float) -> bool:
        deadlines.append(deadline)
        pipe.drain()
        return really_wait(fd, deadline)

    monkeypatch.setattr(_open_file, "_is_writable", drain_and_wait)
    started = time.monotonic()
    assert pipe.file.append([b"line\n"], 0, is_torn=False) == 1
    assert pipe.drain() == b"line\n"
    assert len(deadlines) == 1
    assert deadlines[0] >= started + LOCK_TIMEOUT


def test_a_pipe_that_stays_full_is_not_waited_for_longer(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Poll:
        def register(self, fd: int, events: int) -> None:
            assert (fd, events) == (pipe.file.fd, select.POLLOUT)

        def poll(self, milliseconds: float) -> list[int]:
            waits.append(milliseconds)
            return []

    Clock(monkeypatch, _open_file)
    monkeypatch.setattr(select, "poll", Poll)
    with pytest.raises(BlockingIOError):
        pipe.file.append([b"line\n"], 0, is_torn=False)
    assert waits == [1000 * LOCK_TIMEOUT]
    assert not _open_file._is_writable(pipe.file.fd, 0.0)
    assert waits[1] == 0.0
    assert b"line" not in pipe.drain()


def test_a_pipe_that_is_closed_by_its_reader_is_an_error() -> None:
    reader, writer = os.pipe()
    file = OpenFile()
    file.duplicate(writer)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        file.append([b"line\n"], 0, is_torn=False)
    file.close()
    os.close(writer)
