from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from taskflow_loguru.sinks._linux import now
from taskflow_loguru.sinks._one_at_a_time import OneAtATime

from .interrupts import interrupted, moments

Run = Callable[[OneAtATime, Callable[[], object]], object]
each_way = pytest.mark.parametrize("run", [OneAtATime.run, lambda calls, job: calls.run_within(1.0, job)])


def in_a_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def is_free(calls: OneAtATime) -> bool:
    """Return whether another thread can run a call."""
    results: list[bool] = []
    in_a_thread(lambda: results.append(calls.run_within(0.0, int)))
    return results[0] and not calls.is_busy


@each_way
def test_a_call_of_a_signal_handler_follows_the_one_that_it_interrupts(run: Run) -> None:
    calls, done = OneAtATime(), list[str]()

    def job() -> None:
        run(calls, lambda: done.append("handler"))
        done.append("interrupted")

    run(calls, job)
    assert done == ["interrupted", "handler"]
    assert is_free(calls)


@each_way
def test_what_was_queued_runs_though_the_interrupted_call_raises(run: Run) -> None:
    """The call of the handler has returned by then."""
    calls, done = OneAtATime(), list[str]()

    def job() -> None:
        run(calls, lambda: done.append("handler"))
        raise TimeoutError("time limit")

    with pytest.raises(TimeoutError):
        run(calls, job)
    assert done == ["handler"]
    assert is_free(calls)


def test_a_queued_calls_error_is_dropped_but_not_a_handlers_exception() -> None:
    calls, done = OneAtATime(), list[str]()

    def fail(error: OSError) -> None:
        raise error

    calls.queued += [partial(fail, OSError(28, "full")), lambda: done.append("next")]
    calls.run(int)
    assert done == ["next"]
    calls.queued.append(partial(fail, OSError("of a signal handler")))
    with pytest.raises(OSError, match="of a signal handler"):
        calls.run(int)


def test_a_thread_that_stays_inside_is_waited_for_no_longer_than_allowed() -> None:
    calls = OneAtATime()
    in_a_thread(calls.lock.acquire)
    assert not calls.run_within(0.01, int)
    calls.give_up_at(now() + 0.01)
    done: list[int] = []
    calls.run(lambda: done.append(1))
    assert (done, len(calls.queued)) == ([], 1)


@each_way
def test_no_interrupt_leaves_the_lock_held_or_a_queued_call_undone(run: Run) -> None:
    for moment in moments():
        calls, done = OneAtATime(), list[str]()

        def job(calls: OneAtATime = calls, done: list[str] = done) -> None:
            if not done:
                calls.queued.append(lambda: done.append("queued"))

        goes_on = interrupted(partial(run, calls, job), moment)
        assert is_free(calls), moment
        calls.run(int)
        # A call may be repeated, as it is idempotent; only its end may be missed.
        assert done in ([], ["queued"], ["queued", "queued"]) if goes_on else done == ["queued"], moment
        assert not calls.queued
        if not goes_on:
            break
    assert moment > 1


def test_messages_are_printed_once_each_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    calls = OneAtATime()
    calls.messages += ["one", "two"]
    calls.print_messages()
    calls.print_messages()
    assert capsys.readouterr().err == "taskflow_loguru: one\ntaskflow_loguru: two\n"
