"""Pairs of calls that no signal handler can interrupt.

CPython runs signal handlers between bytecodes, so also after a call has returned and before its result is stored. A
handler that raises there loses the result: a descriptor, a lock, or the fact that a line has been written. C code
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
