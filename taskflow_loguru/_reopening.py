"""A signal that makes a sink open its file again."""

from __future__ import annotations

import atexit
import signal
import threading
import weakref
from types import FrameType
from typing import Any

from .sinks._file import FileSink


def check_signal(number: int) -> None:
    """Raise a TypeError or a ValueError if no handler can be set for *number* here."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"reopen_signal must be a signal such as signal.SIGHUP, not {number!r}")
    if number not in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        raise ValueError(f"reopen_signal must be a signal that can be handled, not {number!r}")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError(f"reopen_signal must be None outside the main thread, not {number!r}")


def reopen_on(number: int, file: FileSink) -> None:
    """Have the signal close *file*, so that its next write opens it, and call the handler that was set before."""
    previous = signal.getsignal(number)
    if isinstance(previous, _Reopener):
        previous.files.add(file)
        return
    signal.signal(number, _Reopener(file, previous))
    # While the interpreter ends, it gives back the default action, which ends the process with that signal as its
    # status. test_reopen_signal.py::test_the_signal_is_ignored_while_the_interpreter_ends
    atexit.register(_ignore, number)


def _ignore(number: int) -> None:
    if isinstance(signal.getsignal(number), _Reopener):
        signal.signal(number, signal.SIG_IGN)


class _Reopener:
    """The handler: one for all files of a signal, so that the chain does not grow with each logger."""

    def __init__(self, file: FileSink, previous: Any) -> None:
        self.files = weakref.WeakSet([file])
        self._previous = previous

    def __call__(self, received: int, frame: FrameType | None) -> None:
        for file in list(self.files):
            file.reopen()
        if callable(self._previous):
            self._previous(received, frame)
