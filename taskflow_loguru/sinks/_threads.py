"""Daemon threads that can be started while a signal handler may raise."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable

from ._one_step import call_into


def start_thread(function: Callable[[], None], name: str, started: list[int]) -> None:
    """Run *function* in a new daemon thread, and add a number to *started*: both happen, or neither.

    ``Thread.start()`` waits for the new thread with a lock. In the main thread, a signal handler that raises could
    leave that lock held, and the new thread would never begin; so another thread calls it, started without a lock.

    Raises:
        RuntimeError: The system allows no more threads, or the interpreter is ending.
    """
    thread = threading.Thread(target=function, name=name, daemon=True)

    def start() -> None:
        try:
            thread.start()
        except RuntimeError:  # one thread was allowed, a second one is not
            function()

    call_into(started, _thread.start_new_thread, start, ())
