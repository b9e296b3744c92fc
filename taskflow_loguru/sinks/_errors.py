"""The difference between errors of system calls and exceptions that a signal handler raises."""

from __future__ import annotations

from types import TracebackType


class _Ignoring:
    # Not @contextmanager: from Python 3.12 on, an exception that it swallows is part of a reference cycle. That keeps a
    # dropped sink, with its open file, until the next garbage collection.
    # test_errors.py::test_an_ignored_error_keeps_nothing_alive
    def __init__(self, numbers: tuple[int, ...]) -> None:
        self._numbers = numbers

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, OSError) or error.errno is None:
            return False
        return not self._numbers or error.errno in self._numbers


def ignoring(*numbers: int) -> _Ignoring:
    """Ignore each ``OSError`` of a system call, or only those with one of *numbers* as ``errno``.

    An ``OSError`` without ``errno`` was raised by a signal handler, a ``TimeoutError`` for example, and passes.
    """
    return _Ignoring(numbers)
