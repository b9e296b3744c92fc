from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _log
from taskflow_loguru.sinks._log import LogFile
from taskflow_loguru.sinks._open_file import OpenFile

from .files import EIO, Clock, descriptors, error, failing, is_unlocked, locked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def log(path: Path, reports: list[str]) -> Iterator[LogFile]:
    log = LogFile(str(path), reports.append)
    yield log
    log.close()


def while_writing(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, after: Callable[[], object] = int
) -> None:
    """Call *act* before the next ``os.write``, and *after* behind it."""
    really_write = os.write

    def write(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", really_write)
        act()
        written = really_write(fd, data)
        after()
        return written

    monkeypatch.setattr(os, "write", write)


def test_the_file_is_locked_while_it_is_written(log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    was_unlocked: list[bool] = []
    while_writing(monkeypatch, lambda: was_unlocked.append(is_unlocked(path)))
    assert log.append((b"line\n",)) == 1
    assert was_unlocked == [False]
    assert is_unlocked(path)


def test_a_file_that_was_moved_is_closed_and_the_new_one_opened(log: LogFile, path: Path) -> None:
    log.append((b"one\n",))
    path.rename(path.with_suffix(".old"))
    log.append((b"two\n",))
    assert path.read_text() == "two\n"
    assert len(descriptors(path.parent)) == 1


@pytest.mark.parametrize(
    ("seconds", "seconds_stopped", "attempts"), [(0.009, 0.0, 112), (0.0, 50.0, 101), (0, 0, 10_001)]
)
def test_a_file_that_is_always_replaced_ends_as_an_error(
    seconds: float, seconds_stopped: float, attempts: int, log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a hundred attempts and a second; a process that was stopped tries more, and a frozen clock ends it too."""
    clock = Clock(monkeypatch, _log)
    log.open()
    looks = 0

    def look() -> tuple[int, int, int, int, int]:
        nonlocal looks
        clock.time += seconds if looks else seconds + seconds_stopped
        looks += 1
        return 1, 1, 0, 0, 0

    monkeypatch.setattr(log, "_look", look)
    monkeypatch.setattr(log, "_close_moved_file", lambda: None)
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)) as raised:
        log.append((b"one\n",))
    assert (raised.value.errno, raised.value.filename, looks) == (errno.ESTALE, str(path), attempts)
    monkeypatch.undo()


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_descriptor_that_was_closed_by_the_program_is_opened_again(
    when: str, log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append((b"one\n",))
    if when == "before":
        os.close(log.file.fd)
    else:
        while_writing(monkeypatch, lambda: os.close(log.file.fd))
    log.append((b"two\n",))
    assert path.read_text() == "one\ntwo\n"


def test_a_bad_descriptor_elsewhere_is_an_error(log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file cannot be opened, the opening is not repeated without end."""
    failing(monkeypatch, "open", error(errno.EBADF), only_for=path)
    with pytest.raises(OSError, match="Bad file"):
        log.append((b"one\n",))


@pytest.mark.parametrize("number", [EIO, errno.ESTALE, errno.ENOTCONN])
@pytest.mark.parametrize("call", ["flock", "fstat", "write", "pread"])
def test_a_file_whose_mount_has_died_is_opened_again(
    call: str, number: int, log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FUSE mount that came back, or a share whose file another machine has replaced."""
    log.append((b"one\n",))
    dead = log.file.fd
    with monkeypatch.context() as patch:
        failing(patch, call, error(number), only_for=dead, of=fcntl if call == "flock" else os)
        if call == "fstat":
            path.rename(path.with_suffix(".old"))
        with contextlib.suppress(OSError):  # then it is kept, and the next attempt opens the path
            log.append((b"two\n",))
    log.append((b"three\n",))
    assert path.read_text().endswith("three\n")
    assert len(descriptors(path.parent)) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_does_not_close_the_file(
    number: int, log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.open()
    fd = log.file.fd
    failing(monkeypatch, "write", error(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        log.append((b"one\n",))
    assert log.file.fd == fd


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOLCK])
def test_an_error_of_the_unlock_costs_no_line(
    number: int, log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.open()
    fd, really_lock = log.file.fd, fcntl.flock

    def lock(fd: int, operation: int) -> None:
        if operation == fcntl.LOCK_UN:
            raise error(number)
        really_lock(fd, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lock)
        log.append((b"one\n",))
    assert path.read_text() == "one\n"
    assert log.file.fd == (-1 if number == errno.EBADF else fd)
    if number == errno.EBADF:
        os.close(fd)


def test_an_exception_of_a_signal_handler_passes_the_unlock(
    log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_lock = fcntl.flock
    log.open()

    def lock(fd: int, operation: int) -> None:
        really_lock(fd, operation)
        if operation == fcntl.LOCK_UN:
            raise TimeoutError("time limit")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lock)
        with pytest.raises(TimeoutError):
            log.append((b"one\n",))
    log.append((b"two\n",))
    assert path.read_text() == "one\ntwo\n"


def test_a_file_that_is_not_regular_is_not_locked(log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with monkeypatch.context() as patch:
        failing(patch, "flock", AssertionError("must not be locked"), of=fcntl)
        log.append((b"line\n",))
    assert os.read(reader, 99) == b"line\n"
    os.close(reader)


# -- without the lock -----------------------------------------------------------------------------


@pytest.fixture
def no_wait(log: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Hold the lock, as another process would; nothing waits for it."""
    monkeypatch.setattr("taskflow_loguru.sinks._locking.LOCK_TIMEOUT", 0.001)
    log.open()
    with locked(path) as fd:
        yield fd


def test_a_lock_held_by_another_process_is_reported_and_the_line_written(
    log: LogFile, path: Path, no_wait: int, reports: list[str]
) -> None:
    log.append((b"one\n",))
    log.append((b"two\n",))
    assert path.read_text() == "one\ntwo\n"
    assert reports == [f"writing to {str(path)!r} without its lock: could not acquire it within 0.001 s"]


def test_without_the_lock_a_line_is_not_glued_to_a_partial_one(
    log: LogFile, path: Path, no_wait: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, not only once: a full disk can cut the line of any process."""
    for number in range(2):
        with path.open("a") as other:
            other.write("partial")
        log.append((b"%d\n" % number,))
    assert path.read_text() == "partial\n0\npartial\n1\n"


def test_a_line_without_the_lock_is_not_lost_in_a_deleted_file(
    log: LogFile, path: Path, no_wait: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have rotated the file since, as often as it has backups."""

    def delete() -> None:
        path.unlink()
        path.touch()

    while_writing(monkeypatch, delete)
    assert log.append((b"line\n",)) == 1
    assert path.read_text() == "line\n"


def test_a_line_in_a_backup_is_not_written_again(
    log: LogFile, path: Path, no_wait: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rotate() -> None:
        path.rename(path.with_suffix(".1"))
        path.touch()

    while_writing(monkeypatch, rotate)
    log.append((b"line\n",))
    assert (path.read_text(), path.with_suffix(".1").read_text()) == ("", "line\n")


def test_an_error_of_the_check_behind_a_line_does_not_double_it(
    log: LogFile, path: Path, no_wait: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_writing(monkeypatch, int, after=lambda: failing(monkeypatch, "fstat", error(EIO), only_for=log.file.fd))
    assert log.append((b"line\n",)) == 1
    assert path.read_text() == "line\n"
    monkeypatch.undo()


# -- a file that is mounted by itself -------------------------------------------------------------


def test_a_file_that_has_no_name_left_is_reported_once(
    log: LogFile, path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One container has mounted the single file, and another one has rotated its folder."""
    log.append((b"one\n",))
    look = log._look
    monkeypatch.setattr(log, "_look", lambda: (0, *look()[1:]))
    log.append((b"two\n",))
    log.append((b"three\n",))
    assert len(reports) == 1
    assert "no path leads to its lines there" in reports[0]


def test_a_file_system_that_knows_no_links_is_not_reported(
    log: LogFile, path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    really_fstat = os.fstat

    def fstat(fd: int) -> os.stat_result:
        status: list[Any] = list(really_fstat(fd))
        status[3] = 0
        return os.stat_result(status)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", fstat)
        log.open()
    look = log._look
    monkeypatch.setattr(log, "_look", lambda: (0, *look()[1:]))
    log.file.inode = path.stat().st_ino
    log.append((b"line\n",))
    assert not reports


def test_an_opening_of_another_file_begins_with_nothing_known(log: LogFile, path: Path) -> None:
    log.file.is_full = True
    log.close()
    log.append((b"line\n",))
    assert (log.file.is_full, log.file.is_named) == (False, True)
    assert isinstance(log.file, OpenFile)
