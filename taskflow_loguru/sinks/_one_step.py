"""Calls that a signal handler cannot come between.

CPython runs signal handlers between bytecodes: when a call returns, and before its result is stored. A handler that
raises there loses the result, and with it a descriptor, a lock, or the knowledge that a line has been written. C code
that calls C code is not interrupted, so the functions here store a result within the call that makes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def call_into(results: list[T], function: Callable[..., T], *arguments: Any) -> None:
    """Append ``function(*arguments)``, a function written in C, to *results*: both happen, or neither."""
    results.extend(map(function, *[(argument,) for argument in arguments]))


def pop_into(function: Callable[[T], object], items: list[T]) -> None:
    """Remove the last of *items* and call *function*, written in C, with it: both happen, or neither."""
    deque(map(function, map(items.pop, (-1,))), maxlen=0)
