"""A thread between the event loop and a slow disk."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from . import _process
from ._backlog import Backlog, Loss, LossLine, loss_message, plain_loss_line
from ._check import checked_size
from ._file import say

STOP_TIMEOUT = 5.0
"""Seconds that ``stop()``, and the end of the interpreter, wait for a disk that does not answer."""

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
      written, but not longer than :data:`STOP_TIMEOUT` seconds. After ``stop()`` the lines that wait are
      still written if the disk comes back; at the end of the interpreter ``sys.stderr`` says what is lost.
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
        self._reset()
        _process.register(self)

    def _reset(self) -> None:
        self._changed = threading.Condition()  # re-entrant: a signal handler that logs may interrupt write()
        self._thread: threading.Thread | None = None
        self._is_waiting = False
        self._has_ended = False
        self._in_flight: list[str | Loss] = []

    def write(self, message: str) -> None:
        """Hand ``message`` to the thread."""
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
        deadline = time.monotonic() + STOP_TIMEOUT
        with self._changed:
            if not self._changed.wait_for(self._is_idle, timeout=STOP_TIMEOUT):
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

    def at_exit(self) -> None:
        if self._thread is None and self._pending:  # none could be started any more
            self._write_all()
        self.stop()
        self._has_ended = True
        with self._changed:
            waiting = self._pending.count_lines() + len(self._in_flight)
        if waiting:
            reason = f"the disk did not answer within {STOP_TIMEOUT} seconds (at exit)"
            say(f"{self._sink!r}: {loss_message(waiting, reason)}")

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
                say(f"{self._sink!r}: cannot be stopped: {error!r}")

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
        writelines = getattr(self._sink, "writelines", None)
        if callable(writelines):
            try:
                writelines(messages)
            except Exception as error:
                failures, reason = len(messages), repr(error)
        else:
            for message in messages:
                try:
                    self._sink.write(message)
                except Exception as error:
                    failures, reason = failures + 1, repr(error)
        if failures:
            say(f"{self._sink!r}: {loss_message(failures, reason)}")

    def _rendered(self, entry: str | Loss) -> str:
        if isinstance(entry, Loss):
            reason = f"more than {self._pending.max_bytes} bytes were waiting to be written"
            return self._loss_line(entry.count, reason)
        return entry
