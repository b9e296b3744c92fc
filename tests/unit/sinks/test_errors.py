from __future__ import annotations

import errno
import weakref

import pytest

from taskflow_loguru.sinks._errors import ignoring

from .files import error


def test_any_error_of_a_system_call_is_ignored() -> None:
    with ignoring():
        raise error(errno.EIO)


def test_only_the_named_errors_are_ignored() -> None:
    with ignoring(errno.ENOENT, errno.EPERM):
        raise error(errno.EPERM)
    with pytest.raises(OSError, match="Input/output"), ignoring(errno.ENOENT, errno.EPERM):
        raise error(errno.EIO)


@pytest.mark.parametrize("numbers", [(), (errno.ENOENT,)])
def test_an_exception_of_a_signal_handler_passes(numbers: tuple[int, ...]) -> None:
    """A ``TimeoutError`` is an ``OSError`` too, but no system call has raised it: it has no errno."""
    with pytest.raises(TimeoutError, match="time limit"), ignoring(*numbers):
        raise TimeoutError("time limit")


def test_an_ignored_error_keeps_nothing_alive() -> None:
    """A sink that is dropped closes its file at once, and not with the next garbage collection."""

    class Sink:
        def open(self) -> None:
            with ignoring():
                raise error(errno.EIO)

    sink = Sink()
    sink.open()
    dropped = weakref.ref(sink)
    del sink
    assert dropped() is None
