from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Iterator

import pytest

from taskflow_loguru.sinks import _helper
from taskflow_loguru.sinks._helper import THREAD_NAME, Helper, Worker, forget_helpers, helper_of

from .files import Clock
from .interrupts import interrupted, moments


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Collect the functions of the started threads; a test calls them."""
    started: list[Callable[[], None]] = []

    class Thread:
        def __init__(self, target: Callable[[], None], name: str, daemon: bool) -> None:
            assert (name, daemon) == (THREAD_NAME, True)
            self.start = target

    def start_new_thread(function: Callable[[], None], arguments: tuple[()]) -> None:
        started.append(function)

    monkeypatch.setattr(threading, "Thread", Thread)
    monkeypatch.setattr(_thread, "start_new_thread", start_new_thread)
    return started


def job_of(done: list[str], name: str, pauses: list[float]) -> Callable[[], Iterator[float]]:
    def job() -> Iterator[float]:
        for pause in pauses:
            done.append(name)
            yield pause
        done.append(name)

    return job


def test_one_thread_runs_all_jobs_and_ends_with_the_last(threads: list[Callable[[], None]]) -> None:
    helper, done = Helper(), list[str]()
    for name in "ab":
        helper.run(job_of(done, name, []))
    assert len(threads) == 1
    threads.pop()()
    assert done == ["a", "b"]
    helper.run(job_of(done, "c", []))
    threads.pop()()
    assert done == ["a", "b", "c"]


def test_jobs_take_steps_in_turn_and_a_pause_delays_no_other(
    threads: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long compression does not keep another file's lines waiting."""
    clock = Clock(monkeypatch, _helper)
    helper, done = Helper(), list[str]()
    helper.run(job_of(done, "retry", [1.0]))
    helper.run(job_of(done, "gzip", [0, 0]))
    helper.run(job_of(done, "sync", [0]))
    threads.pop()()
    assert done == ["retry", "gzip", "sync", "gzip", "sync", "gzip", "retry"]
    assert clock.time == pytest.approx(1001.0)


def test_a_job_that_is_running_runs_once_more(threads: list[Callable[[], None]]) -> None:
    """A rotation during a compression has its backups compressed too."""
    helper, runs = Helper(), list[int]()

    def job() -> Iterator[float]:
        runs.append(1)
        if len(runs) == 1:
            helper.run(job)
            helper.run(job)
        yield 0

    helper.run(job)
    threads.pop()()
    assert (len(runs), threads) == (2, [])


def test_a_job_that_raises_is_reported_and_delays_no_other(
    threads: list[Callable[[], None]], capsys: pytest.CaptureFixture[str]
) -> None:
    helper, done = Helper(), list[str]()

    def fail() -> Iterator[float]:
        yield 0
        raise ValueError("broken")

    helper.run(fail)
    helper.run(job_of(done, "a", []))
    threads.pop()()
    assert done == ["a"]
    assert "ValueError('broken')" in capsys.readouterr().err


def test_without_threads_a_job_waits_for_the_next_call(
    threads: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    helper, done = Helper(), list[str]()
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", refuse)
        helper.run(job_of(done, "a", []))
    helper.run(job_of(done, "b", []))
    threads.pop()()
    assert done == ["a", "b"]


def test_if_only_one_thread_is_allowed_it_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    worker = Worker()
    worker.start_thread(ended.set, THREAD_NAME)
    assert worker.is_running
    assert ended.wait(30)


def test_the_thread_has_a_name_and_is_gone_without_work() -> None:
    names: list[str] = []
    ended = threading.Event()

    def job() -> Iterator[float]:
        names.extend(thread.name for thread in threading.enumerate())
        ended.set()
        yield 0

    helper = Helper()
    helper.run(job)
    assert ended.wait(30)
    assert names.count(THREAD_NAME) == 1
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(30)
    assert not helper.is_running


def test_each_disk_has_a_helper_and_a_thousand_files_have_one() -> None:
    """A disk that does not answer delays no file of another one."""
    assert len({id(helper_of(1)) for _ in range(1000)}) == 1
    assert helper_of(1) is not helper_of(2)
    before = helper_of(1)
    forget_helpers()
    assert helper_of(1) is not before


def test_an_interrupt_leaves_no_worker_without_its_thread(threads: list[Callable[[], None]]) -> None:
    for moment in moments():
        helper, done = Helper(), list[str]()
        goes_on = interrupted(lambda helper=helper, done=done: helper.run(job_of(done, "a", [])), moment)  # type: ignore[misc]
        assert helper.is_running == bool(threads), moment
        helper.run(job_of(done, "b", []))
        threads.pop()()
        assert done[-1] == "b"
        assert not threads
        if not goes_on:
            break
    assert moment > 3
