"""Exceptions that a signal handler raises, told apart from those of the code that it interrupts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any


def is_from_signal_handler(error: BaseException) -> bool:
    """Return whether a signal handler of this process has raised *error*.

    A time limit that is set with ``signal.setitimer`` may raise anything, anywhere. Code that catches the errors of a
    user's function must not take such an exception for one of these.
    """
    codes = set(_handler_codes())
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _handler_codes() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        for function in (handler, getattr(type(handler), "__call__", None)):  # noqa: B004
            code = getattr(function, "__code__", None)  # of a method, this is its function's
            if isinstance(code, CodeType):
                yield code
