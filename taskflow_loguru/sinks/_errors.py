"""The difference between errors of system calls and exceptions that a signal handler raises."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def ignoring(*numbers: int) -> Iterator[None]:
    """Ignore each ``OSError`` of a system call, or only those with one of *numbers* as ``errno``.

    An ``OSError`` without ``errno`` was raised by a signal handler, a ``TimeoutError`` for example, and passes.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or (numbers and error.errno not in numbers):
            raise
