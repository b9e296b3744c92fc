from __future__ import annotations

import _thread
import threading
from queue import SimpleQueue
from typing import Any

import pytest

from taskflow_loguru.sinks._threads import start_thread


def test_the_function_runs_in_a_daemon_thread_of_that_name() -> None:
    ran: SimpleQueue[threading.Thread] = SimpleQueue()
    started: list[int] = []
    start_thread(lambda: ran.put(threading.current_thread()), "worker", started)
    assert len(started) == 1
    thread = ran.get(timeout=30)
    assert thread is not threading.current_thread()
    assert (thread.name, thread.daemon) == ("worker", True)


def test_thread_start_is_not_called_in_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the main thread runs signal handlers, so ``Thread.start()`` runs in another one."""
    called: SimpleQueue[int] = SimpleQueue()
    really_start = threading.Thread.start

    def start(self: threading.Thread) -> None:
        called.put(threading.get_ident())
        really_start(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    start_thread(lambda: None, "worker", [])
    assert called.get(timeout=30) != threading.get_ident()


def test_one_thread_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system allows one thread but not a second one, the function runs in the first."""
    ran: SimpleQueue[int] = SimpleQueue()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    start_thread(lambda: ran.put(threading.get_ident()), "worker", [])
    assert ran.get(timeout=30) != threading.get_ident()


def test_if_no_thread_is_allowed_an_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    started: list[int] = []
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with pytest.raises(RuntimeError):
        start_thread(lambda: None, "worker", started)
    assert not started
