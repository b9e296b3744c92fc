"""The lines that wait in memory: bounded, in order, and with each gap counted in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Generic, TypeVar

from .._signals import is_from_signal_handler

T = TypeVar("T")
U = TypeVar("U")

LossLine = Callable[[int, str], str]
"""Render ``(how many lines were lost, why)`` as one line of the file's own format."""


def plain_loss_line(count: int, reason: str) -> str:
    """Render a loss as a sentence: the default of sinks, which know no format."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{now} {loss_message(count, reason)}\n"


def loss_message(count: int, reason: str) -> str:
    """Return the sentence that reports a loss."""
    return f"{count} {'line' if count == 1 else 'lines'} lost: {reason}"


def render_loss(loss_line: LossLine, count: int, reason: str) -> str:
    """Render a loss with *loss_line*, or plainly if that raises."""
    try:
        return loss_line(count, reason)
    except Exception as error:  # user code; the loss must be reported even if it raises
        if is_from_signal_handler(error):
            raise
        return plain_loss_line(count, reason)


class Loss:
    """A gap between two waiting lines.

    Attributes:
        count: How many lines did not fit there.
    """

    def __init__(self, count: int) -> None:
        self.count = count


class Backlog(Generic[T]):
    """A queue of lines, bounded to *max_bytes* bytes.

    Any thread and any signal handler may append to :attr:`entries` at any time. Everything else is for one thread at a
    time, as a :class:`~._gate.Gate` ensures. A signal handler that raises leaves the queue consistent: each change is
    one run of assignments, without a call in which a handler could run.

    Args:
        max_bytes: How many bytes of lines to keep.
        size_of: Return the size of a line in bytes.

    Attributes:
        entries: The lines, oldest first, and a :class:`Loss` wherever lines are missing.
        batch: The oldest entries, as lines, while they are being written.
        admitted: How many of the entries have been checked against the bound.
        count_lost: How many lines did not fit so far.
        count_written: How many lines were dropped as written so far.
        bytes_written: The number of their bytes.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[T], int]) -> None:
        self.max_bytes = max_bytes
        self.entries: list[T | Loss] = []
        self.batch: Sequence[T] = ()
        self.count_lost = 0
        self.count_written = 0
        self.bytes_written = 0
        self._size_of = size_of
        self.admitted = 0
        self._size = 0  # bytes of the entries that were admitted

    def admit(self) -> None:
        """Replace the lines that do not fit by a count of them."""
        entries, first, end = self.entries, self.admitted, len(self.entries)
        kept: list[T | Loss] = []
        size, lost, loss = self._size, 0, None
        if first and isinstance(entries[first - 1], Loss):
            first -= 1
        for entry in entries[first:end]:
            if isinstance(entry, Loss):
                kept.append(loss := Loss(entry.count))
                continue
            line_size = self._size_of(entry)
            if size + line_size <= self.max_bytes:
                size += line_size
                kept.append(entry)
                loss = None
                continue
            lost += 1
            if loss is None:
                kept.append(loss := Loss(0))
            loss.count += 1
        admitted, count_lost = first + len(kept), self.count_lost + lost
        # One run of assignments: test_backlog.py::test_an_interrupt_leaves_every_line_counted_once
        entries[first:end] = kept
        self.admitted = admitted
        self._size = size
        self.count_lost = count_lost

    def drop(self, count: int, written: int) -> None:
        """Remove the *count* oldest entries, which have been written with *written* bytes, and the batch."""
        self.move(count, written, (), [])

    def move(self, count: int, written: int, lines: Sequence[U], into: list[U | Loss]) -> None:
        """Remove entries as :meth:`drop` does, and append *lines*, made of them, to the list *into*, in one step."""
        size, admitted = self._size, self.admitted
        if admitted:
            for entry in self.entries[: min(count, admitted)]:
                if not isinstance(entry, Loss):
                    size -= self._size_of(entry)
            admitted = max(0, admitted - count)
        count_written, bytes_written = self.count_written + count, self.bytes_written + written
        # One run of assignments: test_backlog.py::test_an_interrupt_leaves_every_line_counted_once
        into += lines
        del self.entries[:count]
        self.batch = ()
        self.admitted = admitted
        self._size = size
        self.count_written = count_written
        self.bytes_written = bytes_written

    def count_lines(self) -> int:
        """Return how many lines wait or are counted as lost."""
        return sum(entry.count if isinstance(entry, Loss) else 1 for entry in list(self.entries))

    def count_kept(self) -> int:
        """Return how many lines wait."""
        return sum(not isinstance(entry, Loss) for entry in list(self.entries))
