"""The lifecycle of a file sink: write, stop, reopen, fork, exit."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from .._arguments import as_call, check_function, checked_path, checked_size
from .._stderr import report
from . import _process
from ._backlog import Loss, LossLine, loss_message
from ._flock import LOCK_TIMEOUT, Flock
from ._folder_lock import FolderLock
from ._gate import Gate
from ._notices import Notices
from ._open_file import OpenFile
from ._opening import is_fifo, open_to_append
from ._place import Place
from ._spool import Spool, encode
from .stats import Stats

DEFAULT_BACKLOG_BYTES = 4 * 1024 * 1024

_MOST_TURNS = 100

LockedAction = Callable[[int, Sequence[bytes], list[int], float], None]


class FileSink(ABC):
    """Common base of the file sinks: everything except the replacement of the file."""

    def __init__(self, path: str | os.PathLike[str], *, backlog_bytes: int, loss_line: LossLine) -> None:
        self.path = checked_path(path)
        self._file = OpenFile()
        self._place = Place(self.path)
        checked_size("backlog_bytes", backlog_bytes)
        check_function("loss_line", loss_line, "a count", "a reason")
        self._begin(backlog_bytes, loss_line)
        _process.register(self)
        try:
            self._open(time.monotonic())
        except OSError as error:
            if error.errno == errno.ENXIO and is_fifo(self.path):
                return  # a FIFO without a reader: lines are kept until it has one
            raise OSError(error.errno, error.strerror, self.path) from error

    def _begin(self, backlog_bytes: int, loss_line: LossLine) -> None:
        self._gate = Gate()
        self._spool = Spool(backlog_bytes, loss_line)
        self._flock = Flock()
        self._folder = FolderLock()
        self._notices = Notices()

    # -- for loguru -------------------------------------------------------------------------------

    def write(self, message: str) -> None:
        """Append *message* as a line. Never raise because of the disk."""
        line = message.encode("utf-8", "backslashreplace")  # encode() would be one more call per line
        self._spool.put(line if line.endswith(b"\n") else line + b"\n")
        self._gate.run(self._write)
        if self._notices.pending:
            self._notices.print()

    def writelines(self, messages: Iterable[str]) -> None:
        """Append each of *messages* as a line, many with one system call."""
        for message in messages:
            self._spool.put(encode(message))
        self._gate.run(self._write)
        self._notices.print()

    @property
    def incoming(self) -> list[bytes | Loss]:
        """The lines that the next ``write`` or ``writelines`` writes first; a caller may append several in one step."""
        return self._spool.backlog.entries

    def stop(self) -> None:
        """Write the lines that are kept, if that is possible now, and close the file. The next write opens it again."""
        self._stop_within(LOCK_TIMEOUT)

    # -- for operators ----------------------------------------------------------------------------

    def reopen(self) -> None:
        """Close the file, so that the next write opens whichever file is at the path by then.

        It may be called from a signal handler; a write that the signal interrupts is finished first.
        """
        self._gate.run_soon(self._close)
        self._notices.print()

    def stats(self) -> Stats:
        """Return the numbers of this sink, in this process."""
        return self._spool.stats()

    @property
    def loss_line(self) -> LossLine:
        """Render ``(count, reason)`` of a loss as a line of the file's format."""
        return self._spool.loss_line

    @loss_line.setter
    def loss_line(self, loss_line: LossLine) -> None:
        check_function("loss_line", loss_line, "a count", "a reason")
        self._spool.loss_line = loss_line

    # -- for the process --------------------------------------------------------------------------

    def after_fork(self) -> None:
        # Everything is made anew, the locks too: a thread that was not forked may hold them, or be in the middle of a
        # change to the rest.
        for file in (self._file, self._folder.file):
            file.abandon()
        self._begin(self._spool.backlog.max_bytes, self._spool.loss_line)

    def at_exit(self, deadline: float) -> None:
        self._gate.close(deadline)
        self._stop_within(min(LOCK_TIMEOUT, deadline - time.monotonic()))
        lost = self._spool.backlog.count_lines()
        if lost:
            report(f"{self.path!r}: {loss_message(lost, f'{self._spool.fault} (at exit)')}")

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # __init__ may have raised early
            self._close()

    def __repr__(self) -> str:
        return as_call(self, self._arguments())

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self._arguments()), ()

    def _arguments(self) -> dict[str, Any]:
        backlog_bytes = self._spool.backlog.max_bytes
        return {"path": self.path, "backlog_bytes": backlog_bytes, "loss_line": self._spool.loss_line}

    # -- jobs: one at a time ----------------------------------------------------------------------

    def _write(self, retry_now: bool = False) -> None:
        spool, fault_before = self._spool, self._spool.fault
        spool.write(self._append, retry_now)
        if spool.fault is not fault_before:
            self._note_fault(is_new=fault_before is None)

    def _stop_within(self, timeout: float) -> None:
        # With a bound: another thread may be in a write that never returns from a dead disk.
        self._gate.run_within(timeout, self._write_all_and_close)
        self._notices.print()

    def _write_all_and_close(self) -> None:
        self._write(retry_now=True)
        self._close()

    def _close(self) -> None:
        self._folder.release()  # left open by an interrupt
        self._close_file(self._file)

    def _close_file(self, file: OpenFile) -> None:
        try:
            file.close()
        except OSError as error:
            if error.errno is None:
                raise
            self._notices.add(f"cannot close {self.path!r}: {error}")

    def _note_fault(self, *, is_new: bool) -> None:
        if self._spool.fault is None:
            _process.release(self)
            return
        _process.hold(self)
        if is_new:
            self._notices.add(
                f"cannot write to {self.path!r}: {self._spool.fault}; up to {self._spool.backlog.max_bytes} bytes of "
                "lines are kept until it can be written again"
            )

    # -- a turn at the file -----------------------------------------------------------------------

    def _append(
        self, lines: Sequence[bytes], written: list[int], started: float, act: LockedAction | None = None
    ) -> None:
        """Open and lock the file, and append some of *lines* or call *act*; return early if the file was replaced."""
        file = self._file
        try:
            size = self._take_turn(started)
            if act is None:
                self._append_locked(size, lines, written, started)
            else:
                act(size, lines, written, started)
        except OSError as error:
            if error.errno == errno.ESTALE:
                # A network share has forgotten the file, and will not know it again: the path may have a new one.
                # test_file.py::test_a_file_that_its_server_has_forgotten_is_opened_again
                self._close_file(file)
            if error.errno != errno.EBADF or not file.fds:
                raise
            file.fds.clear()  # the program has closed all its descriptors, as a daemon does: open it again
        finally:
            # A direct call: a signal handler can interrupt a method before its first line, and leave the file locked.
            # test_interrupts.py::test_no_interrupt_loses_or_doubles_a_line_or_leaks
            if file.is_regular and file.fds:
                try:
                    fcntl.flock(file.fds[0], fcntl.LOCK_UN)
                except OSError as error:
                    if error.errno is None:  # raised by a signal handler
                        raise
                    if error.errno == errno.EBADF:
                        file.fds.clear()

    @abstractmethod
    def _append_locked(self, size: int, lines: Sequence[bytes], written: list[int], started: float) -> None:
        """Append some of *lines* to the file, which has *size* bytes; or replace it, and write nothing."""

    def _take_turn(self, started: float) -> int:
        """Open and lock the file, verify that it still is at the path, and return its size."""
        file = self._file
        turns = 0
        while True:
            if not file.fds:
                self._open(started)
            if file.is_regular:
                file.is_locked = self._flock.acquire(file.fds[0], started)
                if not file.is_locked:
                    self._note_missing_lock()
            size = file.size_at(self._place)
            if size is not None:
                return size
            # Others may rotate the file between our opening and our locking, again and again. After LOCK_TIMEOUT, the
            # lock is no longer waited for, so that they have no time to rotate. Turns are counted too: the time may
            # also have passed because this process was stopped.
            self._leave()
            turns += 1
            if turns > _MOST_TURNS and time.monotonic() > started + 2 * LOCK_TIMEOUT:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self.path)

    def _open(self, started: float) -> None:
        open_to_append(self._file, self.path, self._folder, started)

    def _leave(self) -> None:
        """Close the file, which is no longer at the path."""
        self._close_file(self._file)

    def _note_missing_lock(self) -> None:
        if trouble := self._flock.take_trouble():
            self._notices.add(f"writing to {self.path!r} without its lock: {trouble}")
