"""A signal that makes a sink open its file again."""

from __future__ import annotations

import signal
import threading
import weakref
from types import FrameType
from typing import Any

from .sinks import WatchedFileSink


def check_signal(number: int) -> None:
    """Raise a TypeError or a ValueError where no handler can be set for ``number`` here."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"reopen_signal must be a signal such as signal.SIGHUP, not {number!r}")
    if number not in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        raise ValueError(f"reopen_signal must be a signal that can be handled, not {number!r}")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError(f"reopen_signal must be None outside the main thread, not {number!r}")


def reopen_on(number: int, file: WatchedFileSink) -> None:
    """Have the signal close ``file``, so that its next write opens it, and then call the handler that was there."""
    previous = signal.getsignal(number)
    if isinstance(previous, _Reopener):
        previous.files.add(file)
    else:
        signal.signal(number, _Reopener(file, previous))


class _Reopener:
    """The handler: one for all files of a signal, so that the chain does not grow with each logger that is made."""

    def __init__(self, file: WatchedFileSink, previous: Any) -> None:
        self.files = weakref.WeakSet([file])
        self._previous = previous

    def __call__(self, received: int, frame: FrameType | None) -> None:
        for file in list(self.files):
            file.reopen()
        if callable(self._previous):
            self._previous(received, frame)
