"""Recognition of exceptions that a signal handler raised in the code that it interrupted."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any

_SIGNALS = tuple(map(int, signal.valid_signals()))


def is_from_signal_handler(error: BaseException) -> bool:
    """Return whether a signal handler of this process has raised *error*.

    The handler of a ``signal.setitimer`` time limit may raise any exception, anywhere. Code that catches the errors of
    a user's function must not catch such an exception.
    """
    codes = set(_handler_codes())
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _handler_codes() -> Iterator[CodeType]:
    handler: Any
    # signal.getsignal looks each result up in an enum: for all signals, that takes longer than to write a line.
    for handler in filter(callable, map(_signal.getsignal, _SIGNALS)):
        while isinstance(handler, partial):
            handler = handler.func
        for function in (handler, getattr(type(handler), "__call__", None)):  # noqa: B004
            code = getattr(function, "__code__", None)  # that of the function, for a method
            if isinstance(code, CodeType):
                yield code
