from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from taskflow_loguru.sinks import _flock
from taskflow_loguru.sinks._flock import LOCK_TIMEOUT, Flock

from .files import Clock, error, is_unlocked


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
    """The same file, opened and locked by another process."""
    fd = os.open(path, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield fd
    os.close(fd)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock on which ``sched_yield`` takes some time too."""
    clock = Clock(monkeypatch, _flock)

    def sched_yield() -> None:
        clock.now += 0.0001

    monkeypatch.setattr(os, "sched_yield", sched_yield)
    return clock


def test_a_free_lock_is_acquired_at_once(fd: int, path: Path, clock: Clock) -> None:
    flock = Flock()
    assert flock.acquire(fd, clock.now)
    assert not is_unlocked(path)
    assert flock.take_trouble() is None
    assert clock.now == 1000.0


def test_a_lock_that_is_released_in_time_is_acquired(fd: int, other: int, clock: Clock) -> None:
    clock.on_sleep = lambda: fcntl.flock(other, fcntl.LOCK_UN)
    flock = Flock()
    assert flock.acquire(fd, clock.now)
    assert clock.sleeps == [0.00005]
    assert flock.take_trouble() is None


def test_a_lock_that_is_released_at_once_costs_no_time(
    fd: int, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most often its holder runs on another core, and is done before a yield would be."""
    really_lock, refusals = fcntl.flock, [errno.EAGAIN] * 2

    def lock(fd: int, operation: int) -> None:
        if refusals:
            raise error(refusals.pop())
        really_lock(fd, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lock)
        flock = Flock()
        assert flock.acquire(fd, clock.now)
    assert not is_unlocked(path)
    assert flock.take_trouble() is None
    assert clock.now == 1000.0


def test_a_lock_that_is_released_soon_costs_no_sleep(
    fd: int, other: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is held for microseconds, and the shortest sleep takes longer."""
    monkeypatch.setattr(os, "sched_yield", lambda: fcntl.flock(other, fcntl.LOCK_UN))
    assert Flock().acquire(fd, clock.now)
    assert not clock.sleeps


def test_a_lock_is_waited_for_until_the_timeout(fd: int, other: int, clock: Clock) -> None:
    """The pauses grow, which saves processor time, but only to 2 ms, so that the wait ends soon after the lock."""
    assert not Flock().acquire(fd, clock.now - 0.1)
    assert clock.now == pytest.approx(1000.0 + LOCK_TIMEOUT - 0.1, abs=0.003)
    assert clock.now > 1000.0 + LOCK_TIMEOUT - 0.1
    assert clock.sleeps[:3] == [0.00005, 0.0001, 0.0002]
    assert max(clock.sleeps) == 0.002
    assert sorted(clock.sleeps) == clock.sleeps
    yielded = LOCK_TIMEOUT - 0.1 - sum(clock.sleeps)
    assert abs(yielded) < 0.003


def test_processor_time_is_yielded_for_a_fifth_of_a_millisecond(fd: int, other: int, clock: Clock) -> None:
    began: list[float] = []
    clock.on_sleep = lambda: began.append(clock.now - clock.sleeps[-1])
    Flock().acquire(fd, clock.now)
    assert began[0] == pytest.approx(1000.0002)


def test_a_lock_that_stays_held_delays_one_line_and_not_every_line(fd: int, other: int, clock: Clock) -> None:
    flock = Flock()
    assert not flock.acquire(fd, clock.now)
    waited = clock.now
    assert not flock.acquire(fd, clock.now)
    assert clock.now == waited


def test_trouble_is_reported_once_until_the_lock_was_free_again(fd: int, other: int, clock: Clock) -> None:
    flock = Flock()
    for _ in range(2):
        flock.acquire(fd, clock.now)
        assert flock.take_trouble() == f"could not acquire it within {LOCK_TIMEOUT} s"
        flock.acquire(fd, clock.now)
        assert flock.take_trouble() is None
        fcntl.flock(other, fcntl.LOCK_UN)
        assert flock.acquire(fd, clock.now)
        fcntl.flock(fd, fcntl.LOCK_UN)
        fcntl.flock(other, fcntl.LOCK_EX)


def test_a_file_system_without_locks_is_reported_once(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise error(errno.ENOLCK)

    monkeypatch.setattr(fcntl, "flock", refuse)
    flock = Flock()
    assert not flock.acquire(fd, time.monotonic())
    assert flock.take_trouble() == str(error(errno.ENOLCK))
    assert not flock.acquire(fd, time.monotonic())
    assert flock.take_trouble() is None


def test_a_descriptor_that_is_closed_is_for_the_caller(fd: int) -> None:
    closed = os.dup(fd)
    os.close(closed)
    with pytest.raises(OSError, match="Bad file") as raised:
        Flock().acquire(closed, time.monotonic())
    assert raised.value.errno == errno.EBADF


def test_a_descriptor_that_is_closed_during_the_wait_is_for_the_caller(fd: int, other: int, clock: Clock) -> None:
    copy = os.dup(fd)
    clock.on_sleep = lambda: os.close(copy)
    with pytest.raises(OSError, match="Bad file"):
        Flock().acquire(copy, clock.now)


def test_an_exception_of_a_signal_handler_passes(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: int) -> None:
        raise TimeoutError("time limit")

    # Not for all modules: a sink of an earlier test may be collected now, and unlock its file.
    monkeypatch.setattr(_flock, "fcntl", SimpleNamespace(flock=interrupt))
    flock = Flock()
    with pytest.raises(TimeoutError, match="time limit"):
        flock.acquire(fd, time.monotonic())
    assert flock.take_trouble() is None
