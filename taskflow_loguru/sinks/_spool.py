"""The queue of lines for the file: those that cannot be written are kept and retried."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ._backlog import Backlog, Loss, LossLine, render_loss
from .stats import Stats

Append = Callable[[Sequence[bytes], list[int], float], None]
"""``append(lines, written, started)`` appends some of *lines* in order, and adds to *written* how many bytes it wrote.

If the file was replaced meanwhile, it writes nothing and raises nothing, and is called again. OSError: the file cannot
be written.
"""

WINDOW = 256
"""How many lines are written at once, at most."""

_LONGEST_PAUSE = 5.0


class Spool:
    """Write lines in order, whatever the disk does.

    Lines that cannot be written are kept, up to *max_bytes* bytes, and written first when the file can be written
    again. Lines that do not fit are counted, and one line in their place reports them. After a failure, the next
    attempt waits for ten times as long as the failed one took, but 5 seconds at most.

    A signal handler that raises in the middle of a write neither doubles a line nor loses an earlier one: a write and
    the record of its bytes are one step, and the record is evaluated by the next call.

    Attributes:
        backlog: The lines that wait, and how many have been written and lost.
        put: Add a line, from any thread or signal handler.
        fault: The error because of which lines are kept; None while there is none.
        failing_since: When the fault began, by ``time.monotonic()``.
        loss_line: Render ``(count, reason)`` of a loss as a line of the file's format.
    """

    def __init__(self, max_bytes: int, loss_line: LossLine) -> None:
        self.backlog = Backlog[bytes](max_bytes, len)
        self.put = self.backlog.entries.append
        self.fault: OSError | None = None
        self.failing_since = 0.0
        self.loss_line = loss_line
        self._written: list[int] = []  # bytes of the batch that are in the file
        self._retry_at = 0.0

    def write(self, append: Append, retry_now: bool = False) -> None:
        """Write all lines, or keep them."""
        backlog, entries = self.backlog, self.backlog.entries
        if backlog.batch:  # a signal handler raised in the middle of the last write
            self._drop_written()
        while entries:
            started = time.monotonic()
            if self.fault is not None and not retry_now and started < self._retry_at:
                backlog.admit()
                return
            batch = entries[:WINDOW]
            # Only an entry that was admitted can be a loss.
            lines: list[bytes] = self._rendered(batch) if backlog.admitted else batch  # type: ignore[assignment]
            written: list[int] = []
            self._written = written
            backlog.batch = lines
            try:
                append(lines, written, started)
            except OSError as error:
                if error.errno is None:  # raised by a signal handler, not by the system
                    raise
                self._drop_written()
                self._fail(error, started)
                backlog.admit()
                return
            if len(lines) == 1 and written and written[0] == len(lines[0]):  # almost always
                backlog.move(1, written[0], (), [])  # drop() would be one more call per line
            else:
                self._drop_written()
        self.fault = None

    def stats(self) -> Stats:
        """Return how many lines were written, are kept and were lost so far."""
        backlog, is_failing = self.backlog, self.fault is not None
        return Stats(
            lines_written=backlog.count_written,
            bytes_written=backlog.bytes_written,
            rotations=0,
            lines_kept=backlog.count_kept() if is_failing else 0,
            lines_lost=backlog.count_lost,
            seconds_failing=time.monotonic() - self.failing_since if is_failing else 0.0,
        )

    def _drop_written(self) -> None:
        """Drop the lines of the batch that are completely in the file."""
        # test_spool.py::test_an_interrupt_neither_loses_nor_doubles_a_line
        total, count, size = sum(self._written), 0, 0
        for line in self.backlog.batch:
            if size + len(line) > total:
                break
            size += len(line)
            count += 1
        self.backlog.drop(count, size)

    def _fail(self, error: OSError, started: float) -> None:
        now = time.monotonic()
        if self.fault is None:
            self.failing_since = started
        self.fault = error
        self._retry_at = now + min(10 * (now - started), _LONGEST_PAUSE)

    def _rendered(self, entries: list[bytes | Loss]) -> list[bytes]:
        """Return *entries* as lines."""
        reason = str(self.fault)
        return [
            encode(render_loss(self.loss_line, entry.count, reason)) if isinstance(entry, Loss) else entry
            for entry in entries
        ]


def encode(message: str) -> bytes:
    """Return *message* as a line of UTF-8."""
    line = message.encode("utf-8", "backslashreplace")
    return line if line.endswith(b"\n") else line + b"\n"
