"""A sink that writes in a thread, so that a slow disk does not block the event loop."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from .._arguments import as_call, check_function, checked_size
from .._stderr import report
from . import _process
from ._file import BATCH, FileSink
from ._helper import Worker
from ._kept import KeptLines, Loss, LossLine, loss_message, plain_loss_line
from ._linux import now
from ._one_at_a_time import LockAtExit
from .stats import Stats

STOP_TIMEOUT = 5.0
"""How long ``stop()`` waits for a slow disk, in seconds."""

DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024

THREAD_NAME = "taskflow-loguru-writer"

_LONGEST_PAUSE = 0.01
_POLL_SECONDS = 0.005


class BackgroundSink:
    """A loguru sink that leaves the writing to one thread: ``logger.add(BackgroundSink(sink))``.

    - ``write`` queues the line and returns, so that the caller never waits for the disk. Lines that are queued but not
      written are lost if the process is killed.
    - At most ``max_pending_bytes`` bytes wait. Lines that do not fit are counted, and one line in their place reports
      how many.
    - ``stop()`` and ``await logger.complete()`` wait until everything is written, for at most :data:`STOP_TIMEOUT`
      seconds. If they give up, the lines are still written when the disk answers again.
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
        sink: A file sink of this package. For any other sink, loguru has ``enqueue=True``.
        max_pending_bytes: How many bytes of lines may wait.
        loss_line: Render ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is invalid; the message has its name, its value and the allowed values.
    """

    def __init__(
        self,
        sink: FileSink,
        *,
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        check_function("loss_line", loss_line, "a count", "a reason")
        if not isinstance(sink, FileSink):
            raise TypeError(
                f"sink must be a RotatingFileSink or a WatchedFileSink, not {sink!r}; "
                "for any other sink, use enqueue=True of loguru's add()"
            )
        self.sink = sink
        self._writer = _Writer(sink, checked_size("max_pending_bytes", max_pending_bytes), loss_line)
        self._writer.serve(self)
        _process.register(self._writer)

    def write(self, message: str) -> None:
        """Queue *message* for the thread."""
        self._writer.write(message)

    def stop(self) -> None:
        """Wait until everything is written, and stop the sink; give up after :data:`STOP_TIMEOUT` seconds."""
        self._writer.stop(STOP_TIMEOUT)

    def start(self) -> None:
        """Resume writing in the thread after ``stop()``."""
        self._writer.is_stopped = False

    async def complete(self) -> None:
        """Wait until the lines so far are written, for at most :data:`STOP_TIMEOUT` seconds: ``logger.complete()``."""
        import asyncio  # most programs that use a sink have it, but not all

        written = self._writer.lines_done + self._writer.count_waiting()
        deadline = now() + STOP_TIMEOUT
        while self._writer.lines_done < written and self._writer.count_waiting() and now() < deadline:  # noqa: ASYNC110  (its thread has no loop)
            await asyncio.sleep(_POLL_SECONDS)

    def stats(self) -> Stats:
        """Return the numbers of the sink behind this one, and how many lines wait for the thread."""
        stats, writer = self.sink.stats(), self._writer
        return replace(
            stats, lines_waiting=writer.count_waiting(), lines_lost=stats.lines_lost + writer.kept.count_lost
        )

    @property
    def loss_line(self) -> LossLine:
        """Render ``(count, reason)`` of a loss as a line of the file's format."""
        return self._writer.kept.loss_line

    @loss_line.setter
    def loss_line(self, loss_line: LossLine) -> None:
        check_function("loss_line", loss_line, "a count", "a reason")
        self._writer.kept.loss_line = loss_line

    def __repr__(self) -> str:
        return as_call(self, {"sink": self.sink, **self._arguments()})

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(BackgroundSink, **self._arguments()), (self.sink,)

    def _arguments(self) -> dict[str, Any]:
        return {"max_pending_bytes": self._writer.kept.max_bytes, "loss_line": self.loss_line}


class _Writer(Worker):
    """The lines that wait, and the thread that writes them; it does not keep the sink that it serves alive.

    Attributes:
        kept: The lines that wait for the thread.
        is_stopped: Whether :meth:`write` writes each line itself.
        lines_done: How many lines the thread has handed to the sink.
    """

    def __init__(self, sink: FileSink, max_bytes: int, loss_line: LossLine) -> None:
        super().__init__()
        self.is_stopped = False
        self._sink = sink
        self._owner: Callable[[], object] = lambda: self
        self._reset(max_bytes, loss_line)

    def _reset(self, max_bytes: int, loss_line: LossLine) -> None:
        self.kept = KeptLines(max_bytes, loss_line)
        self.lines_done = 0
        self._lock: Any = threading.RLock()  # re-entrant: a signal handler runs inside the thread that it interrupts
        self._batch: Sequence[bytes | Loss] = ()  # what the sink has not taken yet
        self.is_running = self._is_asleep = self._has_given_up = False
        self._alarm = SimpleQueue[object]()  # its put() is C code, which no signal handler can interrupt
        self._stops: list[SimpleQueue[None]] = []

    def serve(self, owner: object) -> None:
        """End the thread when *owner* is gone."""
        self._owner = weakref.ref(owner, self._alarm.put)

    # -- called by the program --------------------------------------------------------------------

    def write(self, message: str) -> None:
        """Queue *message* for the thread, or write it at once if there is no thread."""
        line = message.encode("utf-8", "backslashreplace")
        if not line.endswith(b"\n"):
            line += b"\n"
        with self._lock as is_acquired:
            if not is_acquired:
                return  # the process ends, and a thread that is blocked holds the lock
            if not self.is_running and not self.is_stopped:
                self.start_thread(self._run, THREAD_NAME)
            if self.is_running:
                self.kept.take([line])
                if self._is_asleep:
                    self._wake_up()
                return
        self._sink.write(message)

    def stop(self, timeout: float) -> None:
        """Have all lines written and the sink stopped; give up after *timeout* seconds.

        From then on :meth:`write` writes each line itself, unless the thread is still busy with earlier ones.
        """
        self.is_stopped = True
        ended = SimpleQueue[None]()
        with self._lock as is_acquired:
            is_running = self.is_running and is_acquired
            if is_running:
                self._stops.append(ended)
                self._wake_up()
        if not is_running:
            self._sink.stop()
            return
        try:
            ended.get(True, max(0.0, timeout))
        except Empty:
            self._has_given_up = True

    def count_waiting(self) -> int:
        """Return how many lines the sink has not taken yet."""
        return self.kept.count + len(self._batch)

    def after_fork(self) -> None:
        """Start empty in a forked child: the thread and the lines belong to the parent."""
        owner = self._owner()
        self._reset(self.kept.max_bytes, self.kept.loss_line)
        self.serve(owner)

    def at_exit(self, deadline: float) -> None:
        """Write the lines that wait, until ``now()`` is *deadline*, and report those that are lost."""
        self._lock = LockAtExit(self._lock, deadline)
        try:
            # Do not wait again for lines that the last stop() has already waited for.
            self.stop(0.0 if self._has_given_up else deadline - now())
        finally:  # also if a signal handler raises
            if waiting := self.count_waiting() + self.kept.count_missing:
                report(f"{self._sink!r}: {loss_message(waiting, 'not written in time (at exit)')}")

    def _wake_up(self) -> None:
        if self._is_asleep:
            self._is_asleep = False
            self._alarm.put(None)

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._lock:
                must_end = self.is_stopped or self._owner() is None
                self._batch = batch = self.kept.pop(BATCH)
                self._is_asleep = not batch and not must_end
            if batch:
                self._write_batch(batch)
            elif self._is_asleep:
                self._alarm.get()
            elif self._end():
                return

    def _write_batch(self, batch: list[bytes | Loss]) -> None:
        started = now()
        reason = f"more than {self.kept.max_bytes} bytes were waiting to be written"
        self._batch = lines = [self.kept.line_of(entry, reason) for entry in batch]
        self._sink.write_encoded(lines)  # it removes them
        with self._lock:
            self._batch = ()
            self.kept.release(batch)
            self.lines_done += len(batch)
            self._has_given_up = False
        # Leave the lock of the file free for as long as it was held: other processes get their chance.
        if self.kept.entries and not self.is_stopped:
            time.sleep(min(now() - started, _LONGEST_PAUSE))

    def _end(self) -> bool:
        self._sink.stop()  # outside of the lock: close() may block on a slow disk
        with self._lock:
            if self.kept.entries:
                return False
            self.is_running = False
            stops, self._stops = self._stops, []
        for ended in stops:
            ended.put(None)
        return True
