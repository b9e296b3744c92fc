from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from taskflow_loguru.sinks import _locking
from taskflow_loguru.sinks._locking import LOCK_TIMEOUT, WINDOW, Flock, Folder

from .files import Clock, descriptors, error, failing, is_unlocked, locked, unprivileged
from .interrupts import interrupted, moments


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "app.log"
    file.touch()
    return file


@pytest.fixture
def fd(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def other(path: Path) -> Iterator[int]:
    """Open the same file and lock it, as another process would."""
    fd = os.open(path, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield fd
    os.close(fd)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(os, "sched_yield", lambda: None)
    return Clock(monkeypatch, _locking)


def test_a_free_lock_is_acquired_at_once(fd: int, path: Path, clock: Clock) -> None:
    flock = Flock()
    assert flock.acquire(fd)
    assert not is_unlocked(path)
    assert (flock.trouble, clock.sleeps) == (None, [])


def test_a_lock_that_is_released_in_time_is_acquired(fd: int, other: int, clock: Clock) -> None:
    """The pauses grow, which saves processor time, but only to 2 ms, so that the wait ends soon after the lock."""

    def release() -> None:
        if len(clock.sleeps) == 20:
            fcntl.flock(other, fcntl.LOCK_UN)

    clock.on_sleep = release
    flock = Flock()
    assert flock.acquire(fd)
    assert flock.trouble is None
    assert clock.sleeps[:3] == [0.00005, 0.0001, 0.0002]
    assert clock.sleeps == sorted(clock.sleeps)
    assert max(clock.sleeps) == 0.002


def test_a_lock_that_is_released_soon_costs_no_sleep(
    fd: int, other: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is held for microseconds, and the shortest sleep takes longer."""
    monkeypatch.setattr(os, "sched_yield", lambda: fcntl.flock(other, fcntl.LOCK_UN))
    assert Flock().acquire(fd)
    assert not clock.sleeps


def test_a_lock_is_waited_for_until_the_timeout(fd: int, other: int, clock: Clock) -> None:
    flock = Flock()
    assert not flock.acquire(fd)
    assert clock.time == pytest.approx(1000.0 + LOCK_TIMEOUT, abs=0.003)
    assert flock.trouble == f"could not acquire it within {LOCK_TIMEOUT} s"


def test_a_clock_that_stands_still_does_not_prolong_the_wait(
    fd: int, other: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "sleep", clock.sleeps.append)
    assert not Flock().acquire(fd)
    assert sum(clock.sleeps) < 4 * LOCK_TIMEOUT


def waiting_in(flock: Flock, fd: int, clock: Clock, seconds: float, between: Callable[[], object] = int) -> float:
    """Acquire the lock again and again for *seconds*, as lines do; return for how many seconds it was waited for."""
    ends, waited = clock.time + seconds, 0.0
    while clock.time < ends:
        before = clock.time
        if flock.acquire(fd):
            fcntl.flock(fd, fcntl.LOCK_UN)
        waited += clock.time - before
        clock.time += 0.001
        between()
    return waited


@pytest.mark.parametrize("held", [0.005, 0.04, 0.3, 0.45, 0.55, 2.0])
def test_a_stranger_who_holds_the_lock_again_and_again_costs_little(
    held: float, fd: int, other: int, clock: Clock
) -> None:
    """Anyone who may read the log can: with each hold just below the timeout, every line would wait."""
    free_from = [clock.time + held]

    def toggle() -> None:
        if clock.time >= free_from[0]:
            fcntl.flock(other, fcntl.LOCK_UN)
            if clock.time >= free_from[0] + 0.003:
                free_from[0] = clock.time + held
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    clock.on_sleep = toggle
    waited = waiting_in(Flock(), fd, clock, 10 * WINDOW, toggle)
    assert waited <= 10 * LOCK_TIMEOUT + 0.1


def test_after_a_wait_in_vain_none_follows_for_ten_times_as_long(fd: int, other: int, clock: Clock) -> None:
    flock = Flock()
    flock.acquire(fd)
    assert waiting_in(flock, fd, clock, 10 * LOCK_TIMEOUT) == 0


def test_a_lock_whose_holders_write_is_waited_for_as_often_as_needed(
    fd: int, other: int, path: Path, clock: Clock
) -> None:
    """Many processes share a file: the waits add up, but each process writes its lines."""
    flock = Flock()

    def write() -> None:
        if len(clock.sleeps) % 10 == 0:
            with path.open("a") as file:
                file.write("line\n")
            fcntl.flock(other, fcntl.LOCK_UN)

    clock.on_sleep = write
    waited = 0.0
    for _ in range(1000):
        before = clock.time
        assert flock.acquire(fd)
        waited += clock.time - before
        fcntl.flock(fd, fcntl.LOCK_UN)
        fcntl.flock(other, fcntl.LOCK_EX)
    assert waited > 2 * LOCK_TIMEOUT


def test_trouble_is_reported_once_a_minute_at_most(fd: int, other: int, clock: Clock) -> None:
    flock = Flock()
    times: list[float] = []
    while clock.time < 1150:
        flock.acquire(fd)
        if flock.trouble is not None:
            times.append(clock.time)
            flock.trouble = None
        clock.time += 1
    assert [round((time - times[0]) / 60) for time in times] == [0, 1, 2]
    assert all(later - earlier >= 60 for earlier, later in pairwise(times))


def test_a_file_system_without_locks_is_reported(fd: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "flock", error(errno.ENOLCK), of=fcntl)
    flock = Flock()
    assert not flock.acquire(fd)
    assert flock.trouble == str(error(errno.ENOLCK))


@pytest.mark.parametrize("when", ["before", "during the wait"])
def test_a_descriptor_that_is_closed_is_for_the_caller(when: str, fd: int, other: int, clock: Clock) -> None:
    copy = os.dup(fd)
    if when == "before":
        os.close(copy)
    else:
        clock.on_sleep = lambda: os.close(copy)
    with pytest.raises(OSError, match="Bad file"):
        Flock().acquire(copy)


def test_an_exception_of_a_signal_handler_passes(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(patch, "flock", TimeoutError("time limit"), of=fcntl)
        with pytest.raises(TimeoutError, match="time limit"):
            Flock().acquire(fd)


# -- a folder -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder()
    folder.open(str(tmp_path))
    yield folder
    folder.release()


def test_a_folder_is_locked_until_it_is_released(folder: Folder, tmp_path: Path) -> None:
    folder.lock()
    assert not is_unlocked(tmp_path)
    folder.release()
    assert is_unlocked(tmp_path)
    assert not descriptors(tmp_path)
    folder.release()


def test_a_folder_that_another_process_has_locked_is_not_waited_for_long(
    folder: Folder, tmp_path: Path, clock: Clock
) -> None:
    with locked(tmp_path), pytest.raises(BlockingIOError, match="the folder is locked by another process"):
        folder.lock()
    assert not folder.is_locked


def test_a_folder_that_may_not_be_listed_is_used_without_its_lock(as_root: None) -> None:
    with tempfile.TemporaryDirectory() as path:
        Path(path, "file").touch()
        os.chmod(path, 0o733)
        folder = Folder()
        with unprivileged():
            folder.open(path)
        folder.lock()
        assert (folder.is_listable, folder.is_locked) == (False, False)
        assert folder.status("file") is not None
        folder.release()


def test_any_other_error_of_opening_a_folder_is_raised(path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        Folder().open(str(path))


def test_names_are_those_of_the_folder_that_was_opened(folder: Folder, tmp_path: Path) -> None:
    """Even if another folder is at its path by now."""
    (tmp_path / "one").write_text("1")
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    try:
        tmp_path.mkdir()
        folder.rename("one", "two")
        folder.link("two", "three")
        folder.exchange("two", "three")
        folder.unlink("two")
        assert [name.name for name in moved.iterdir()] == ["three"]
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.rmdir()
        moved.rename(tmp_path)


def test_only_enoent_means_that_a_name_is_missing(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("missing")
    assert folder.status("link") is not None
    assert folder.status("missing") is None
    assert folder.status("x" * 300) is None
    failing(monkeypatch, "stat", error(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        folder.status("missing")


def test_the_lock_is_released_though_a_child_has_the_folder_open(folder: Folder, tmp_path: Path) -> None:
    """A child that was forked meanwhile shares the opening, as a copy of the descriptor does."""
    folder.lock()
    copy = os.dup(folder.file.fd)
    folder.release()
    assert is_unlocked(tmp_path)
    os.close(copy)


@pytest.mark.parametrize("call", ["flock", "close"])
def test_an_error_at_the_release_of_a_folder_is_ignored(
    call: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was written to a folder that could be lost."""
    with monkeypatch.context() as patch:
        failing(patch, call, error(errno.EIO), of=fcntl if call == "flock" else os)
        folder.release()


def test_no_interrupt_leaves_the_folder_locked(tmp_path: Path) -> None:
    """The next rotation, which opens and releases the folder, releases what an interrupt left."""
    for moment in moments():
        folder = Folder()

        def open_and_lock(folder: Folder = folder) -> None:
            folder.open(str(tmp_path))
            folder.lock()

        goes_on = interrupted(open_and_lock, moment)
        goes_on |= interrupted(folder.release, moment)
        open_and_lock()
        folder.release()
        assert is_unlocked(tmp_path), moment
        assert not descriptors(tmp_path), moment
        if not goes_on:
            break
    assert moment > 5
