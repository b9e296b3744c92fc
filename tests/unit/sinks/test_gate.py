from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from taskflow_loguru.sinks._gate import Gate, Job

from .interrupts import InterruptError, interrupted, moments

WAIT_SECONDS = 30.0


def in_a_thread(call: Callable[[], Any]) -> Any:
    """Return what *call* returns in another thread."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join(WAIT_SECONDS)
    return results[0]


def is_free(gate: Gate) -> bool:
    """Return whether another thread gets in, and its job is run."""
    ran: list[bool] = []
    return bool(in_a_thread(lambda: gate.run_within(0.0, lambda: ran.append(True)))) and ran == [True]


class Inside:
    """A thread that stays inside a gate until it is allowed to leave."""

    def __init__(self, gate: Gate) -> None:
        self._may_leave = threading.Event()
        is_inside = threading.Event()

        def stay() -> None:
            is_inside.set()
            self._may_leave.wait(WAIT_SECONDS)

        self._thread = threading.Thread(target=gate.run, args=(stay,), daemon=True)
        self._thread.start()
        assert is_inside.wait(WAIT_SECONDS)

    def leave(self) -> None:
        self._may_leave.set()
        self._thread.join(WAIT_SECONDS)


class LastMomentLock:
    """A lock that calls a function in the last moment before it is released."""

    def __init__(self, lock: Any, at_release: Callable[[], object]) -> None:
        self._lock = lock
        self._at_release = at_release
        self.waits: list[Any] = []

    def acquire(self, *arguments: Any) -> bool:
        self.waits.append(arguments)
        return bool(self._lock.acquire(*arguments))

    def release(self) -> None:
        at_release, self._at_release = self._at_release, int
        at_release()
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_a_job_is_run_at_once() -> None:
    ran: list[int] = []
    gate = Gate()
    gate.run(lambda: ran.append(1))
    assert gate.run_within(1.0, lambda: ran.append(2))
    gate.run_soon(lambda: ran.append(3))
    assert ran == [1, 2, 3]
    assert is_free(gate)


def test_threads_wait_for_each_other() -> None:
    gate = Gate()
    inside = Inside(gate)
    ran: list[str] = []
    waiting = threading.Thread(target=gate.run, args=(lambda: ran.append("second"),))
    waiting.start()
    ran.append("first")
    inside.leave()
    waiting.join(WAIT_SECONDS)
    assert ran == ["first", "second"]


def test_a_thread_that_stays_inside_is_not_waited_for_longer() -> None:
    gate = Gate()
    inside = Inside(gate)
    ran: list[int] = []
    for timeout in (0.01, 0.0, -1.0):
        assert not gate.run_within(timeout, lambda: ran.append(1))
    inside.leave()
    assert not ran
    assert is_free(gate)


def test_a_thread_that_leaves_in_time_is_waited_for() -> None:
    gate = Gate()
    inside = Inside(gate)
    threading.Timer(0.01, inside.leave).start()
    assert gate.run_within(WAIT_SECONDS, lambda: None)


def test_a_job_of_a_signal_handler_follows_the_one_it_interrupts() -> None:
    """It runs inside the thread that it has interrupted, and cannot wait for it."""
    gate = Gate()
    ran: list[str] = []

    def job() -> None:
        gate.run(lambda: ran.append("of the handler"))
        gate.run_soon(lambda: ran.append("of another handler"))
        ran.append("interrupted")

    gate.run(job)
    assert ran == ["interrupted", "of the handler", "of another handler"]


def test_a_job_that_is_left_by_a_job_that_was_left_is_run() -> None:
    gate = Gate()
    ran: list[int] = []

    def again() -> None:
        gate.run(lambda: ran.append(1))
        ran.append(0)

    gate.run(lambda: gate.run(again))
    assert ran == [0, 1]


def test_a_job_that_was_left_runs_though_the_other_raises() -> None:
    gate = Gate()
    ran: list[str] = []

    def job() -> None:
        gate.run(lambda: ran.append("of the handler"))
        raise InterruptError

    with pytest.raises(InterruptError):
        gate.run(job)
    assert ran == ["of the handler"]
    assert is_free(gate)


def test_a_thread_does_not_wait_to_have_its_job_run_soon() -> None:
    gate = Gate()
    inside = Inside(gate)
    ran: list[threading.Thread] = []
    gate.run_soon(lambda: ran.append(threading.current_thread()))
    assert not ran
    inside.leave()
    assert len(ran) == 1
    assert ran[0] is not threading.current_thread()


def test_a_thread_does_not_wait_for_one_that_is_about_to_leave() -> None:
    """The thread inside checks for jobs once more after it has released the lock."""
    gate = Gate()
    in_a_thread(gate._lock.acquire)
    lock = LastMomentLock(gate._lock, int)
    gate._lock = lock  # type: ignore[assignment]
    gate.run_soon(lambda: None)
    assert lock.waits == [(True, 0.0)]


def run(gate: Gate, job: Job) -> None:
    gate.run(job)


def run_within(gate: Gate, job: Job) -> None:
    gate.run_within(1.0, job)


def run_soon(gate: Gate, job: Job) -> None:
    gate.run_soon(job)


every_way = pytest.mark.parametrize("way", [run, run_within, run_soon])


@every_way
def test_a_job_left_at_the_last_moment_is_run(way: Callable[[Gate, Job], None]) -> None:
    """After the thread inside has looked for such jobs, and before it has released the lock."""
    gate = Gate()
    ran: list[str] = []

    def leave_a_job() -> None:
        in_a_thread(lambda: gate.run_soon(lambda: ran.append("of the other thread")))

    gate._lock = LastMomentLock(gate._lock, leave_a_job)  # type: ignore[assignment]
    way(gate, lambda: ran.append("first"))
    assert ran == ["first", "of the other thread"]


@every_way
def test_an_interrupt_leaves_the_gate_free(way: Callable[[Gate, Job], None]) -> None:
    """A job that a handler left is not lost either: the next thread inside runs it at the latest."""
    for moment in moments():
        gate = Gate()
        ran: list[str] = []
        first, of_the_handler = partial(ran.append, "first"), partial(ran.append, "of the handler")
        goes_on = interrupted(partial(way, gate, first), moment, handler=partial(way, gate, of_the_handler))
        assert is_free(gate), moment
        assert ran.count("of the handler") >= goes_on, moment
        if not goes_on:
            break
    assert ran == ["first"]
    assert moment > 3


@every_way
def test_a_handler_that_does_not_raise_has_its_job_run_once(way: Callable[[Gate, Job], None]) -> None:
    """Before the interrupted call returns."""
    for moment in moments():
        gate = Gate()
        ran: list[str] = []
        first, of_the_handler = partial(ran.append, "first"), partial(ran.append, "of the handler")
        goes_on = interrupted(partial(way, gate, first), moment, partial(way, gate, of_the_handler), raises=False)
        assert sorted(ran) == ["first", "of the handler"][: 1 + goes_on], moment
        if not goes_on:
            break


@every_way
def test_a_handler_between_two_jobs_that_were_left_runs_each_once(way: Callable[[Gate, Job], None]) -> None:
    """It finds the gate free for a moment, and runs the jobs that the interrupted thread was about to run."""
    for moment in moments():
        gate = Gate()
        ran: list[str] = []

        def job(gate: Gate = gate, ran: list[str] = ran) -> None:
            for name in ("left", "left too"):
                gate.run(partial(ran.append, name))
            ran.append("first")

        of_the_handler = partial(way, gate, partial(ran.append, "of the handler"))
        goes_on = interrupted(partial(gate.run, job), moment, of_the_handler, raises=False)
        assert sorted(ran) == ["first", "left", "left too", "of the handler"][: 3 + goes_on], moment
        if not goes_on:
            break


def test_at_the_end_a_daemon_thread_inside_is_not_waited_for() -> None:
    """While the interpreter ends, it never leaves."""
    gate = Gate()
    inside = Inside(gate)
    gate.close(0.0)
    ran: list[int] = []
    gate.run(lambda: ran.append(1))
    assert not ran
    inside.leave()
    gate.run(lambda: ran.append(2))
    assert ran == [2]


def test_until_the_deadline_of_the_end_a_thread_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    gate.close(1007.0)
    timeouts: list[float] = []

    def run_within(timeout: float, job: Job) -> bool:
        timeouts.append(timeout)
        return True

    monkeypatch.setattr(gate, "run_within", run_within)
    gate.run(lambda: None)
    assert timeouts == [7.0]
