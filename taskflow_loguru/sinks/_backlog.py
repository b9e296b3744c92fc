"""Lines that wait in memory: bounded, in order, and with every gap counted where it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

LossLine = Callable[[int, str], str]
"""Renders ``(how many lines were lost, why)`` as one line of the file's own format."""


def plain_loss_line(count: int, reason: str) -> str:
    """Say a loss in a sentence: what a sink writes that was told nothing of a format."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{now} {loss_message(count, reason)}\n"


def loss_message(count: int, reason: str) -> str:
    return f"{count} {'line' if count == 1 else 'lines'} lost: {reason}"


def render_loss(loss_line: LossLine, count: int, reason: str) -> str:
    try:
        return loss_line(count, reason)
    except Exception:  # it is the caller's, and what it cannot say must be said all the same
        return plain_loss_line(count, reason)


class Loss:
    """A gap between two waiting lines: how many lines did not fit there."""

    def __init__(self) -> None:
        self.count = 0


class Backlog(Generic[T]):
    """A queue of lines that holds at most ``max_bytes`` bytes.

    A line that does not fit is counted in a :class:`Loss` at its place in the order, so that the file can
    say there what is missing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._size = 0
        self._entries: deque[T | Loss] = deque()
        self._sizes: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, line: T, size: int) -> None:
        """Add a line of ``size`` bytes at the end, or count it as lost."""
        if self._size + size <= self.max_bytes:
            self._size += size
            self._entries.append(line)
            self._sizes.append(size)
            return
        last = self._entries[-1] if self._entries else None
        if not isinstance(last, Loss):
            last = Loss()
            self._entries.append(last)
            self._sizes.append(0)
        last.count += 1

    def first(self, count: int) -> list[T | Loss]:
        """The ``count`` oldest entries."""
        return list(islice(self._entries, count))

    def drop(self, count: int) -> None:
        """Forget the ``count`` oldest entries: they are where they belong."""
        for _ in range(count):
            self._entries.popleft()
            self._size -= self._sizes.popleft()

    def take(self) -> tuple[list[T | Loss], int]:
        """Remove all entries; their bytes are counted until they are handed to :meth:`release`."""
        taken = list(self._entries), sum(self._sizes)
        self._entries.clear()
        self._sizes.clear()
        return taken

    def release(self, size: int) -> None:
        self._size -= size

    def clear(self) -> None:
        self.drop(len(self))

    def count_lines(self) -> int:
        """How many lines wait, or are counted as lost."""
        return sum(entry.count if isinstance(entry, Loss) else 1 for entry in self._entries)
