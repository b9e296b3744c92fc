"""A signal handler that makes a sink reopen its file."""

from __future__ import annotations

import atexit
import signal
import threading
import weakref
from types import FrameType
from typing import Any

from .sinks._file import FileSink


def check_signal(number: int) -> None:
    """Raise a TypeError or a ValueError if no handler for *number* can be set here."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"reopen_signal must be a signal such as signal.SIGHUP, not {number!r}")
    if number not in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        raise ValueError(f"reopen_signal must be a signal that can be handled, not {number!r}")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError(f"reopen_signal must be None outside the main thread, not {number!r}")


def reopen_on(number: int, file: FileSink) -> None:
    """Set a handler that closes *file*, so that its next write opens it, and then calls the previous handler."""
    previous = signal.getsignal(number)
    if isinstance(previous, _Reopener):
        previous.files.add(file)
        return
    signal.signal(number, _Reopener(file, previous))
    # While the interpreter exits, it restores the default action: a signal then kills the process.
    # test_reopen_signal.py::test_the_signal_is_ignored_while_the_interpreter_ends
    atexit.register(_ignore, number)


def _ignore(number: int) -> None:
    if isinstance(signal.getsignal(number), _Reopener):
        signal.signal(number, signal.SIG_IGN)


class _Reopener:
    """The handler of a signal: one for all its files, so that the chain does not grow with each logger."""

    def __init__(self, file: FileSink, previous: Any) -> None:
        self.files = weakref.WeakSet([file])
        self._previous = previous

    def __call__(self, received: int, frame: FrameType | None) -> None:
        for file in list(self.files):
            file.reopen()
        if callable(self._previous):
            self._previous(received, frame)
