"""The queue of a background sink, and the thread that empties it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from .._signals import is_from_signal_handler
from .._stderr import report
from ._backlog import Backlog, Loss, LossLine, loss_message, render_loss
from ._file import FileSink
from ._gate import Gate
from ._spool import WINDOW, encode
from ._threads import start_thread

THREAD_NAME = "taskflow-loguru-writer"

_LONGEST_PAUSE = 0.01


class Sink(Protocol):
    """A sink that a background sink can write to."""

    def write(self, message: str, /) -> Any:
        """Write *message*."""


class Writer:
    """Write lines from one thread, which ends with :meth:`stop`, or when its owner is gone and all lines are written.

    The queue is a :class:`Backlog`, changed by one thread at a time. A ``SimpleQueue``, whose ``put`` no signal handler
    can interrupt, wakes the thread. So no interrupt leaves the thread asleep forever, or a count wrong.

    Args:
        sink: The sink to write to.
        max_bytes: How many bytes of lines may wait.
        loss_line: Render ``(count, reason)`` of a loss as a line.

    Attributes:
        sink: As above.
        loss_line: As above.
        backlog: The lines that wait.
    """

    def __init__(self, sink: Sink, max_bytes: int, loss_line: LossLine) -> None:
        self.sink = sink
        self.loss_line = loss_line
        self._is_stopped = False
        self._owner: Callable[[], object] = lambda: self
        self._reset(max_bytes)

    def _reset(self, max_bytes: int) -> None:
        self.backlog = Backlog[str](max_bytes, _size_of)
        self._gate = Gate()
        self._wake = SimpleQueue[object]()
        self._running: list[int] = []  # the thread, from its start until it has found nothing left to do
        self._is_asleep = False
        self._stops: list[SimpleQueue[None]] = []
        self._given_up_after = -1  # the count of written lines when the last stop() timed out

    def serve(self, owner: object) -> None:
        """End the thread when *owner* is gone. The callback is C code, which no signal handler can interrupt."""
        self._owner = weakref.ref(owner, self._wake.put)

    # -- called by the program --------------------------------------------------------------------

    def put(self, message: str) -> None:
        """Queue *message*, or write it at once if there is no thread."""
        self.backlog.entries.append(message)
        self._gate.run(self._hand_over)

    def start(self) -> None:
        """Undo :meth:`stop`: leave the lines to the thread again."""
        self._is_stopped = False

    def stop(self, timeout: float) -> None:
        """Have all lines written and the sink stopped; give up after *timeout* seconds.

        From then on :meth:`put` writes each line itself, unless the thread is still busy with earlier ones.
        """
        self._is_stopped = True
        ended = SimpleQueue[None]()
        self._stops.append(ended)
        self._gate.run(self._end_or_wake)
        try:
            ended.get(True, max(0.0, timeout))
        except Empty:
            self._given_up_after = self.backlog.count_written

    def after_fork(self) -> None:
        """Start empty in a forked child: the thread and the lines belong to the parent."""
        self._reset(self.backlog.max_bytes)

    def at_exit(self, deadline: float) -> None:
        """Write the lines that wait, until ``time.monotonic()`` is *deadline*, and report those that are lost."""
        has_given_up = self._given_up_after == self.backlog.count_written
        self._gate.close(deadline)
        # Do not wait again for lines that the last stop() has already waited for.
        try:
            self.stop(0.0 if has_given_up else deadline - time.monotonic())
        finally:  # also if a signal handler raises
            waiting = self.backlog.count_lines()
            if waiting:
                report(f"{self.sink!r}: {loss_message(waiting, 'not written in time (at exit)')}")

    # -- jobs: one at a time ----------------------------------------------------------------------

    def _hand_over(self) -> None:
        self.backlog.admit()
        if self._running:
            self._wake_up()
        elif self._is_stopped:
            self._write_here()
        else:
            self._start_thread()

    def _end_or_wake(self) -> None:
        if self._running:
            self._wake_up()
            return
        self._write_here()
        self._stop_sink()
        self._notify_stops()

    def _fall_asleep(self) -> None:
        self._is_asleep = not self.backlog.entries and not self._must_end()

    def _end(self, ended: list[bool]) -> None:
        if not self.backlog.entries:
            self._running.clear()
            ended.append(True)
            self._notify_stops()

    def _wake_up(self) -> None:
        if self._is_asleep:
            self._is_asleep = False
            self._wake.put(None)

    def _start_thread(self) -> None:
        # A signal handler that raises must not hide that the thread was started: two would write each line twice.
        # test_interrupts.py::test_an_interrupt_starts_no_second_thread
        try:
            start_thread(self._run, THREAD_NAME, self._running)
        except RuntimeError:  # RLIMIT_NPROC, or the interpreter is ending
            if self._running:
                raise
            self._write_here()

    def _notify_stops(self) -> None:
        while self._stops:
            self._stops.pop().put(None)

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        ended: list[bool] = []  # not self._running, which may be that of a newer thread
        while not ended:
            while self.backlog.entries:
                self._write_some()
            if self._must_end():
                # Outside of the gate: close() may block on a slow disk.
                self._stop_sink()
                self._gate.run(partial(self._end, ended))
            else:
                self._gate.run(self._fall_asleep)
                if self._is_asleep:
                    self._wake.get()

    def _must_end(self) -> bool:
        return self._is_stopped or self._owner() is None

    def _write_some(self) -> None:
        started = time.monotonic()
        entries = self.backlog.entries[:WINDOW]
        failures, reason = _write_each(self.sink, self._rendered(entries))
        if failures:
            report(f"{self.sink!r}: {loss_message(failures, reason)}")
        self._gate.run(lambda: self.backlog.drop(len(entries), 0))
        # Leave the lock of the file free for as long as it was held: other processes get their turn.
        if self.backlog.entries and not self._is_stopped:
            time.sleep(min(time.monotonic() - started, _LONGEST_PAUSE))

    def _write_here(self) -> None:
        # In the main thread, a signal handler may raise at any moment. Other threads' lines must not be lost with the
        # call that it ends, since their own calls return normally.
        # test_interrupts.py::test_an_interrupt_after_stop_costs_no_line_of_another_thread
        sink = self.sink
        while entries := self.backlog.entries[:WINDOW]:
            if isinstance(sink, FileSink):
                lines = [encode(message) for message in self._rendered(entries)]
                self.backlog.move(len(entries), 0, lines, sink.incoming)
                sink.writelines(())
            else:
                # Drop them first: a signal handler that raises loses lines that are being written, but doubles none.
                messages = self._rendered(entries if takes_lines(sink) else entries[:1])
                self.backlog.drop(len(messages), 0)
                _write(sink, messages)

    def _rendered(self, entries: Iterable[str | Loss]) -> list[str]:
        reason = f"more than {self.backlog.max_bytes} bytes were waiting to be written"
        return [
            render_loss(self.loss_line, entry.count, reason) if isinstance(entry, Loss) else entry for entry in entries
        ]

    def _stop_sink(self) -> None:
        stop = getattr(self.sink, "stop", None)
        if callable(stop):
            try:
                stop()
            except Exception as error:
                if is_from_signal_handler(error):
                    raise
                report(f"{self.sink!r}: cannot be stopped: {error!r}")


def takes_lines(sink: Sink) -> bool:
    """Return whether *sink* has a ``writelines``."""
    return callable(getattr(sink, "writelines", None))


def _write(sink: Sink, messages: list[str]) -> None:
    if takes_lines(sink):
        sink.writelines(messages)  # type: ignore[attr-defined]
    else:
        for message in messages:
            sink.write(message)


def _write_each(sink: Sink, messages: list[str]) -> tuple[int, str]:
    """Write *messages*; return how many could not be written, and why."""
    failures, reason = 0, ""
    batches = [messages] if takes_lines(sink) else [[message] for message in messages]
    for batch in batches:
        try:
            _write(sink, batch)
        # SystemExit and the like too: the thread would end, and nobody would write the lines that follow.
        # test_writer.py::test_a_sink_that_exits_does_not_end_the_thread
        except BaseException as error:
            failures, reason = failures + len(batch), repr(error)
    return failures, reason


def _size_of(message: str) -> int:
    return len(message) if message.isascii() else len(message.encode("utf-8", "backslashreplace"))
