from __future__ import annotations

import errno
import fcntl
import os
import time
from functools import partial
from pathlib import Path

import pytest

from taskflow_loguru.sinks._flock import LOCK_TIMEOUT
from taskflow_loguru.sinks._folder_lock import FolderLock

from .files import descriptors, error, failing, is_unlocked, locked, unprivileged
from .interrupts import interrupted, moments


def test_a_folder_is_locked_until_it_is_released(tmp_path: Path) -> None:
    before = descriptors(tmp_path)
    lock = FolderLock()
    lock.acquire(str(tmp_path), time.monotonic())
    assert not is_unlocked(tmp_path)
    lock.release()
    assert is_unlocked(tmp_path)
    assert descriptors(tmp_path) == before
    lock.release()


def test_a_folder_that_another_process_has_locked_is_not_waited_for_long(tmp_path: Path) -> None:
    before = descriptors(tmp_path)
    lock = FolderLock()
    with locked(tmp_path), pytest.raises(BlockingIOError) as raised:
        lock.acquire(str(tmp_path), time.monotonic() - LOCK_TIMEOUT)
    assert (raised.value.errno, raised.value.filename) == (errno.EAGAIN, str(tmp_path))
    assert raised.value.strerror == "locked by another process"
    assert descriptors(tmp_path) == before


def test_a_folder_that_cannot_be_read_is_used_without_its_lock(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o300)
    lock = FolderLock()
    with unprivileged():
        lock.acquire(str(folder), time.monotonic())
    assert not lock.file.fds
    lock.release()


def test_any_other_error_ends_the_attempt(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        FolderLock().acquire(str(tmp_path / "file"), time.monotonic())


def test_the_lock_is_released_though_a_child_has_the_folder_open(tmp_path: Path) -> None:
    """A child that was forked meanwhile shares the opening, as a copy of the descriptor does."""
    lock = FolderLock()
    lock.acquire(str(tmp_path), time.monotonic())
    copy = os.dup(lock.file.fds[0])
    lock.release()
    assert is_unlocked(tmp_path)
    os.close(copy)


@pytest.mark.parametrize("call", ["flock", "close"])
def test_an_error_at_its_release_is_ignored(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was written to a folder that could be lost."""
    lock = FolderLock()
    lock.acquire(str(tmp_path), time.monotonic())
    with monkeypatch.context() as patch:
        failing(patch, call, error(errno.EIO), of=fcntl if call == "flock" else os)
        lock.release()
    lock.acquire(str(tmp_path), time.monotonic())
    with monkeypatch.context() as patch:
        failing(patch, call, TimeoutError("time limit"), of=fcntl if call == "flock" else os)
        with pytest.raises(TimeoutError):
            lock.release()
    lock.release()


def test_no_interrupt_leaves_the_folder_locked(tmp_path: Path) -> None:
    """The next rotation, which acquires and releases the lock, releases what an interrupt left."""
    before = descriptors(tmp_path)
    for moment in moments():
        lock = FolderLock()
        goes_on = interrupted(partial(lock.acquire, str(tmp_path), time.monotonic()), moment)
        goes_on |= interrupted(lock.release, moment)
        lock.acquire(str(tmp_path), time.monotonic())
        lock.release()
        assert is_unlocked(tmp_path), moment
        assert descriptors(tmp_path) == before, moment
        if not goes_on:
            break
    assert moment > 5
