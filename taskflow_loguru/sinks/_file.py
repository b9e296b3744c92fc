"""Base of all file sinks: write a line, keep lines that cannot be written, stop, reopen, fork, exit."""

from __future__ import annotations

import contextlib
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .._arguments import as_call, check_function, checked_path, checked_size
from . import _process
from ._helper import helper_of
from ._kept import KeptLines, Loss, LossLine, encode, loss_message
from ._linux import now
from ._locking import LOCK_TIMEOUT
from ._log import LogFile
from ._one_at_a_time import OneAtATime
from ._opening import is_fifo
from .stats import Stats

DEFAULT_BACKLOG_BYTES = 4 * 1024 * 1024

BATCH = 256
"""How many lines are written with one system call, at most."""

_RETRY_SECONDS = 1.0


class FileSink(ABC):
    """Common base of the file sinks: everything except the replacement of the file.

    A line that is being written is a local variable: an exception that a signal handler raises ends this line, and no
    other. Only lines that cannot be written are kept.
    """

    def __init__(self, path: str | os.PathLike[str], *, backlog_bytes: int, loss_line: LossLine) -> None:
        self.path = checked_path(path)
        checked_size("backlog_bytes", backlog_bytes)
        check_function("loss_line", loss_line, "a count", "a reason")
        self._reset(backlog_bytes, loss_line)
        _process.register(self)
        try:
            self._log.open()
        except OSError as error:
            if error.errno == errno.ENXIO and is_fifo(self.path):
                return  # a FIFO without a reader: lines are kept until it has one
            raise OSError(error.errno, error.strerror, self.path) from error
        self._log.warn_of_mount()
        self._calls.print_messages()

    def _reset(self, backlog_bytes: int, loss_line: LossLine) -> None:
        self._calls = OneAtATime()
        self._log = self._log_file(self._calls.messages.append)
        self._kept = KeptLines(backlog_bytes, loss_line)
        self._lines_written = self._bytes_written = 0

    @abstractmethod
    def _log_file(self, report: Callable[[str], None]) -> LogFile:
        """Return the log file at the path, which is not open yet."""

    # -- for loguru -------------------------------------------------------------------------------

    def write(self, message: str) -> None:
        """Append *message* as a line. Never raise because of the disk."""
        line = message.encode("utf-8", "backslashreplace")  # encode() would be one more call per line
        if not line.endswith(b"\n"):
            line += b"\n"
        calls = self._calls
        with calls.lock as is_acquired:  # as OneAtATime.run() does
            if calls.is_busy or not is_acquired:
                calls.queued.append(partial(self._write, [line]))
                return
            calls.is_busy = True
            try:
                if self._kept.fault is None:
                    try:
                        self._log.append((line,))
                        self._lines_written += 1
                        self._bytes_written += len(line)
                    except OSError as error:
                        self._keep([line], error)
                else:
                    self._write([line])
            finally:
                calls.is_busy = False
                if calls.queued:
                    calls.run_queued()
        if calls.messages:
            calls.print_messages()

    def writelines(self, messages: Iterable[str]) -> None:
        """Append each of *messages* as a line, many with one system call."""
        self.write_encoded([encode(message) for message in messages])

    def write_encoded(self, lines: list[bytes]) -> None:
        """Append *lines* as they are, and empty the list."""
        self._calls.run(partial(self._write, lines))
        self._calls.print_messages()

    def stop(self) -> None:
        """Write the lines that are kept, if that is possible now, and close the file. The next write opens it again.

        ``sys.stderr`` reports lines that are still kept.
        """
        self._stop_within(LOCK_TIMEOUT)
        if self._kept.entries:
            count = self._kept.count + self._kept.count_missing
            lines = "1 line is" if count == 1 else f"{count} lines are"
            self._calls.messages.append(
                f"{self.path!r}: {lines} not written yet, and lost if the process ends now: {self._kept.fault}"
            )
        self._calls.print_messages()

    # -- for operators ----------------------------------------------------------------------------

    def reopen(self) -> None:
        """Close the file, so that the next write opens whichever file is at the path by then. Never wait.

        It may be called from a signal handler; a write that the signal interrupts is finished first.
        """
        # Without a wait: this thread may hold the lock of a file for which the other thread waits.
        # test_reopen_signal.py::test_a_storm_of_signals_in_the_middle_of_writes_loses_no_line
        if not self._calls.run_within(0.0, self._log.close):
            self._calls.queued.append(self._log.close)  # for the thread inside, or the next call
        self._calls.print_messages()

    def stats(self) -> Stats:
        """Return the numbers of this sink, in this process."""
        kept = self._kept
        return Stats(
            lines_written=self._lines_written,
            bytes_written=self._bytes_written,
            rotations=0,
            lines_kept=kept.count,
            lines_lost=kept.count_lost,
            seconds_failing=now() - kept.failing_since if kept.fault is not None else 0.0,
        )

    @property
    def loss_line(self) -> LossLine:
        """Render ``(count, reason)`` of a loss as a line of the file's format."""
        return self._kept.loss_line

    @loss_line.setter
    def loss_line(self, loss_line: LossLine) -> None:
        check_function("loss_line", loss_line, "a count", "a reason")
        self._kept.loss_line = loss_line

    # -- for the process --------------------------------------------------------------------------

    def after_fork(self) -> None:
        """Recreate everything in a forked child: a thread that does not exist there may have left it half changed."""
        parents = self._log
        self._reset(self._kept.max_bytes, self._kept.loss_line)
        self._log.file.inherit(parents.file)

    def at_exit(self, deadline: float) -> None:
        """Write the lines that are kept, and report those that cannot be written."""
        calls, kept = self._calls, self._kept
        calls.give_up_at(deadline)
        self._stop_within(min(LOCK_TIMEOUT, deadline - now()))
        queued = sum(len(job.args[0]) for job in calls.queued if isinstance(job, partial))
        if lost := kept.count + kept.count_missing + queued:
            reason = kept.fault or "another thread was still writing"
            calls.messages.append(f"{self.path!r}: {loss_message(lost, f'{reason} (at exit)')}")
            kept.release(kept.pop(len(kept.entries)))  # the helper must not write lines that were reported as lost
        calls.print_messages()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # __init__ may have raised early
            self._log.close()

    def __repr__(self) -> str:
        return as_call(self, self._arguments())

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self._arguments()), ()

    def _arguments(self) -> dict[str, Any]:
        return {"path": self.path, "backlog_bytes": self._kept.max_bytes, "loss_line": self._kept.loss_line}

    # -- lines that are kept ----------------------------------------------------------------------

    def _write(self, lines: list[bytes], *, retry_now: bool = False) -> None:
        """Write the lines that are kept, and then *lines*; or keep them all. *lines* is empty afterwards."""
        kept = self._kept
        if kept.fault is not None and not retry_now and now() < kept.retry_at:
            kept.take(lines)
            return
        try:
            while kept.entries:
                entry = kept.entries[0]
                self._append_first(kept.entries, [kept.line_of(entry, str(kept.fault))])
                kept.count -= not isinstance(entry, Loss)
                kept.release([entry])
            kept.release([])
            kept.fault = None
            while lines:
                self._append_first(lines, lines[:BATCH])
        except OSError as error:
            self._keep(lines, error)

    def _append_first(self, waiting: list[Any], lines: list[bytes]) -> None:
        """Append some of *lines*, which are the first that wait, and remove them there in the same step."""
        file, appended = self._log.file, 0
        file.written = file.batch_size = 0
        try:
            appended = self._log.append(lines, exactly=True)
        finally:
            # If a signal handler raises, the lines must not be written again. No call comes between the two.
            # test_worst_signals.py::test_an_alarm_that_raises_in_a_retry_doubles_no_kept_line
            if not appended and file.written and file.written == file.batch_size:
                appended = file.batch
            del waiting[:appended]
        self._lines_written += appended
        self._bytes_written += sum(map(len, lines[:appended]))

    def _keep(self, lines: list[bytes], error: OSError) -> None:
        if error.errno is None:  # raised by a signal handler
            raise error
        kept = self._kept
        if kept.fault is None:
            self._calls.messages.append(
                f"cannot write to {self.path!r}: {error}; buffering up to {kept.max_bytes} bytes of lines until it can "
                "be written again"
            )
            helper_of(self._log.file.device).run(self._retry)
        kept.fail(error, self._log.started)
        kept.take(lines)

    def _retry(self) -> Iterator[float]:
        """Write the lines that are kept once the disk has room, even if no other line follows."""
        while self._kept.fault is not None:
            yield _RETRY_SECONDS
            self._calls.run_within(0.0, partial(self._write, []))
            self._calls.print_messages()

    def _stop_within(self, timeout: float) -> None:
        self._calls.run_within(timeout, self._write_and_close)

    def _write_and_close(self) -> None:
        self._write([], retry_now=True)
        self._log.close()
