"""A thread between the event loop and a slow disk."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any, Protocol

from .._arguments import checked_size
from .._stderr import report
from . import _process
from ._backlog import Backlog, Loss, LossLine, loss_message, plain_loss_line, render_loss

STOP_TIMEOUT = 5.0
"""Seconds that ``stop()`` waits for a disk that does not answer."""

DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024


class Sink(Protocol):
    def write(self, message: str, /) -> Any: ...


class BackgroundSink:
    """Hands lines to one thread, which writes all that wait at once: ``logger.add(BackgroundSink(sink))``.

    - ``write`` takes the line and returns; however long the disk takes, the caller does not wait for it.
      What was handed over but not written is lost if the process is killed.
    - At most ``max_pending_bytes`` bytes wait. What does not fit is counted, and a line in its place says
      how many were lost and why.
    - ``stop()`` and the end of the interpreter (or of a ``multiprocessing`` child) wait until all is
      written: ``stop()`` not longer than :data:`STOP_TIMEOUT` seconds, the end as long for all sinks together.
      After ``stop()`` the lines that wait are still written if the disk comes back; at the end of the
      interpreter ``sys.stderr`` says what is lost.
    - After a fork the parent writes what was handed over before it; the child starts with nothing.
    - ``stop()`` stops ``sink`` and ends the thread; the next ``write`` starts one again.

    Args:
        sink: Any loguru sink with a ``write(message)``; its ``writelines(messages)`` and ``stop()`` are
            used where it has them. What it raises is said on ``sys.stderr``.
        max_pending_bytes: How many bytes of lines may wait.
        loss_line: Renders ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        if not callable(getattr(sink, "write", None)):
            raise TypeError(f"sink must have a write(message) method, not be {sink!r}")
        self._sink = sink
        self._pending = Backlog[str](checked_size("max_pending_bytes", max_pending_bytes))
        self._loss_line = loss_line
        self._takes_lines = callable(getattr(sink, "writelines", None))
        self._reset()
        _process.register(self)

    def _reset(self) -> None:
        self._changed = threading.Condition()  # re-entrant: a signal handler that logs may interrupt write()
        self._thread: threading.Thread | None = None
        self._is_waiting = False
        self._has_ended = False
        self._in_flight: list[str | Loss] = []
        self._given_up: list[str | Loss] = []

    def write(self, message: str) -> None:
        """Hand ``message`` to the thread."""
        if self._takes_lines:
            message = str(message)  # loguru's message holds its whole record
        size = len(message) if message.isascii() else len(message.encode("utf-8", "backslashreplace"))
        if self._has_ended:  # no thread can be started any more
            self._sink.write(message)
            return
        with self._changed:
            self._pending.put(message, size)
            if self._thread is None:
                self._start_thread()
            elif self._is_waiting:
                self._is_waiting = False
                self._changed.notify_all()

    def stop(self) -> None:
        """Wait for all to be written, and stop the sink behind; gives up after :data:`STOP_TIMEOUT` seconds."""
        self._stop(time.monotonic() + STOP_TIMEOUT)

    def _stop(self, deadline: float) -> None:
        with self._changed:
            if not self._changed.wait_for(self._is_idle, timeout=max(0.0, deadline - time.monotonic())):
                self._given_up = self._in_flight
                return
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is None:
            self._stop_sink()
        else:
            thread.join(max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        self._reset()
        self._pending = Backlog(self._pending.max_bytes)

    def at_exit(self, deadline: float) -> None:
        if self._thread is None and self._pending:  # none could be started any more
            self._write_all()
        has_given_up = self._in_flight and self._in_flight is self._given_up
        # Not once more for the very lines that the last stop() has waited for.
        self._stop(0.0 if has_given_up else deadline)
        self._has_ended = True
        with self._changed:
            waiting = self._pending.count_lines() + len(self._in_flight)
        if waiting:
            reason = "not written in time (at exit)"
            report(f"{self._sink!r}: {loss_message(waiting, reason)}")

    def __repr__(self) -> str:
        return f"BackgroundSink({self._sink!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        arguments: dict[str, Any] = {"max_pending_bytes": self._pending.max_bytes, "loss_line": self._loss_line}
        return partial(BackgroundSink, **arguments), (self._sink,)

    def _is_idle(self) -> bool:
        return not self._pending and not self._in_flight

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="taskflow-loguru-writer", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending: what waits is left to at_exit()
            return
        self._thread = thread

    def _run(self) -> None:
        while self._wait_for_lines():
            self._write_all()
        # By this thread, not by who calls stop(): to close a file takes as long as its disk likes.
        self._stop_sink()

    def _stop_sink(self) -> None:
        stop = getattr(self._sink, "stop", None)
        if callable(stop):
            try:
                stop()
            except Exception as error:
                report(f"{self._sink!r}: cannot be stopped: {error!r}")

    def _wait_for_lines(self) -> bool:
        with self._changed:
            while self._thread is threading.current_thread():
                if self._pending:
                    return True
                self._is_waiting = True
                self._changed.wait()
            return False

    def _write_all(self) -> None:
        with self._changed:
            self._in_flight, size = self._pending.take()
        self._hand_over([self._rendered(entry) for entry in self._in_flight])
        with self._changed:
            self._in_flight = []
            self._pending.release(size)
            self._changed.notify_all()

    def _hand_over(self, messages: list[str]) -> None:
        failures = 0
        reason = ""
        if self._takes_lines:
            try:
                self._sink.writelines(messages)  # type: ignore[attr-defined]
            except Exception as error:
                failures, reason = len(messages), repr(error)
        else:
            for message in messages:
                try:
                    self._sink.write(message)
                except Exception as error:
                    failures, reason = failures + 1, repr(error)
        if failures:
            report(f"{self._sink!r}: {loss_message(failures, reason)}")

    def _rendered(self, entry: str | Loss) -> str:
        if isinstance(entry, Loss):
            reason = f"more than {self._pending.max_bytes} bytes were waiting to be written"
            return render_loss(self._loss_line, entry.count, reason)
        return entry
