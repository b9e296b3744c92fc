"""Lines that wait in memory: bounded, in order, and with each gap counted in its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from .._signals import is_from_signal_handler
from ._linux import now

_LONGEST_PAUSE = 5.0

LossLine = Callable[[int, str], str]
"""Render ``(how many lines were lost, why)`` as one line of the file's own format."""


def plain_loss_line(count: int, reason: str) -> str:
    """Render a loss as a sentence: the default of sinks, which know no format."""
    time = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{time} {loss_message(count, reason)}\n"


def loss_message(count: int, reason: str) -> str:
    """Return the sentence that reports a loss."""
    return f"{count} {'line' if count == 1 else 'lines'} lost: {reason}"


def encode(message: str) -> bytes:
    """Return *message* as a line of UTF-8."""
    line = message.encode("utf-8", "backslashreplace")
    return line if line.endswith(b"\n") else line + b"\n"


class Loss:
    """A gap between two waiting lines.

    Attributes:
        count: How many lines did not fit there.
    """

    def __init__(self) -> None:
        self.count = 0


class KeptLines:
    """The lines that wait to be written, up to *max_bytes* bytes.

    One thread at a time may use it, and its signal handlers: no call comes between the statements that belong together.

    Attributes:
        max_bytes: As above.
        loss_line: Render a gap as a line.
        entries: The lines, oldest first, and a :class:`Loss` wherever lines are missing.
        count: How many lines wait.
        count_missing: How many lines the gaps stand for that are not written yet.
        count_lost: How many lines did not fit so far.
        fault: Why lines are kept; None while they can be written.
        failing_since: When that began.
        retry_at: When the next attempt is due.
    """

    def __init__(self, max_bytes: int, loss_line: LossLine) -> None:
        self.max_bytes = max_bytes
        self.loss_line = loss_line
        self.entries: list[bytes | Loss] = []
        self.count = self.count_missing = self.count_lost = 0
        self.fault: OSError | None = None
        self.failing_since = self.retry_at = 0.0
        self._size = 0

    def take(self, lines: list[bytes]) -> None:
        """Move *lines* here; those that do not fit are counted as lost."""
        while lines:
            size = len(lines[0])
            # No call comes between the statements of a branch: an interrupt must neither lose nor double a line.
            if self._size + size <= self.max_bytes:
                self._size += size
                self.count += 1
                self.entries += lines[:1]
                del lines[:1]
            elif self.entries and isinstance(gap := self.entries[-1], Loss):
                gap.count += 1
                self.count_lost += 1
                self.count_missing += 1
                del lines[:1]
            else:
                self.entries.append(Loss())

    def fail(self, error: OSError, started: float) -> None:
        """Store why lines are kept: an attempt failed with *error*; the next one waits ten times as long as it took."""
        if self.fault is None:
            self.failing_since = started
        self.fault = error
        self.retry_at = now() + min(10 * (now() - started), _LONGEST_PAUSE)

    def line_of(self, entry: bytes | Loss, reason: str) -> bytes:
        """Return *entry* as a line; a gap is reported with *reason*."""
        if not isinstance(entry, Loss):
            return entry
        try:
            return encode(self.loss_line(entry.count, reason))
        except Exception as error:  # user code; the loss must be reported even if it raises
            if is_from_signal_handler(error):
                raise
            return encode(plain_loss_line(entry.count, reason))

    def pop(self, number: int) -> list[bytes | Loss]:
        """Remove and return the *number* oldest entries; their bytes and gaps count until :meth:`release`."""
        entries = self.entries[:number]
        del self.entries[:number]
        self.count -= sum(not isinstance(entry, Loss) for entry in entries)
        return entries

    def release(self, entries: list[bytes | Loss]) -> None:
        """Adjust the counts to *entries*, which were written and removed."""
        for entry in entries:
            if isinstance(entry, Loss):
                self.count_missing -= entry.count
            else:
                self._size -= len(entry)
        if not self.entries:  # an interrupt can have left a count wrong
            self.count = self.count_missing = self._size = 0
