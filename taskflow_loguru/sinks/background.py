"""A sink that writes in a thread, so that a slow disk does not block the event loop."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from .._arguments import as_call, check_function, checked_size
from . import _process
from ._backlog import LossLine, plain_loss_line
from ._file import FileSink
from ._writer import Sink, Writer, takes_lines
from .stats import Stats

STOP_TIMEOUT = 5.0
"""How long ``stop()`` waits for a slow disk, in seconds."""

DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024


class BackgroundSink:
    """A loguru sink that leaves the writing to one thread: ``logger.add(BackgroundSink(sink))``.

    - ``write`` queues the line and returns, so that the caller never waits for the disk. Lines that are queued but not
      written are lost if the process is killed.
    - At most ``max_pending_bytes`` bytes wait. Lines that do not fit are counted, and one line in their place reports
      how many.
    - ``stop()`` waits until everything is written, for at most :data:`STOP_TIMEOUT` seconds. If it gives up, the lines
      are still written when the disk answers again.
    - The end of the interpreter, or of a ``multiprocessing`` child, also waits, for at most 5 seconds for all sinks
      together. ``sys.stderr`` reports how many lines are lost.
    - After ``stop()``, ``write`` itself writes each line, which is in the file when it returns. ``start()`` leaves
      lines to the thread again.
    - If no thread can be started, ``write`` itself writes each line.
    - After a fork, the parent writes the lines that were queued before; the child starts with an empty queue.
    - The thread ends with ``stop()``, or when the sink is dropped and its lines are written.
    - The thread pauses between two batches for as long as it held the lock of the file, so that a process that writes
      at full speed does not keep others from the file.

    Args:
        sink: Any loguru sink with a ``write(message)``. Its ``writelines(messages)`` and ``stop()`` are called if
            they exist. Exceptions that it raises in the thread are reported on ``sys.stderr``.
        max_pending_bytes: How many bytes of lines may wait.
        loss_line: Render ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is invalid; the message has its name, its value and the allowed values.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        check_function("loss_line", loss_line, "a count", "a reason")
        if isinstance(sink, type) or not callable(getattr(sink, "write", None)):
            raise TypeError(f"sink must have a write(message) method, not be {sink!r}")
        self._writer = Writer(sink, checked_size("max_pending_bytes", max_pending_bytes), loss_line)
        self._writer.serve(self)
        self._takes_lines = takes_lines(sink)
        _process.register(self._writer)

    @property
    def sink(self) -> Sink:
        """The sink that the thread writes to."""
        return self._writer.sink

    def write(self, message: str) -> None:
        """Queue *message* for the thread."""
        # A message of loguru holds its whole record, which would use memory while it waits.
        self._writer.put(str(message) if self._takes_lines else message)

    def stop(self) -> None:
        """Wait until everything is written, and stop the sink; give up after :data:`STOP_TIMEOUT` seconds."""
        self._writer.stop(STOP_TIMEOUT)

    def start(self) -> None:
        """Hand lines to the thread again after a ``stop()``."""
        self._writer.start()

    def stats(self) -> Stats:
        """Return the numbers of the sink behind this one, and how many lines wait for the thread.

        Raises:
            TypeError: The sink behind this one is not a file sink of this package.
        """
        if not isinstance(self.sink, FileSink):
            raise TypeError(f"sink must be a file sink to have stats, not {self.sink!r}")
        stats, backlog = self.sink.stats(), self._writer.backlog
        return replace(stats, lines_waiting=backlog.count_kept(), lines_lost=stats.lines_lost + backlog.count_lost)

    @property
    def loss_line(self) -> LossLine:
        """Render ``(count, reason)`` of a loss as a line of the file's format."""
        return self._writer.loss_line

    @loss_line.setter
    def loss_line(self, loss_line: LossLine) -> None:
        check_function("loss_line", loss_line, "a count", "a reason")
        self._writer.loss_line = loss_line

    def __repr__(self) -> str:
        return as_call(self, {"sink": self.sink, **self._arguments()})

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(BackgroundSink, **self._arguments()), (self.sink,)

    def _arguments(self) -> dict[str, Any]:
        return {"max_pending_bytes": self._writer.backlog.max_bytes, "loss_line": self.loss_line}
