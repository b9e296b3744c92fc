"""What the two file sinks share: open, append whole lines, open again, keep what cannot be written yet."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import threading
import time
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

from .._arguments import checked_path, checked_size
from .._stderr import report
from . import _process
from ._backlog import Backlog, Loss, LossLine, loss_message, plain_loss_line, render_loss

LOCK_TIMEOUT = 0.5
"""Seconds that a write waits, once, for a lock whose holder does not go on."""

SUCCESSION_TIMEOUT = 0.1
"""Seconds that a write waits, once, for who moved the file of a watched sink to make a new one."""

DEFAULT_BACKLOG_BYTES = 4 * 1024 * 1024

_WINDOW = 256  # lines that are looked at together
_LONGEST_PAUSE = 5.0
_OVERTAKEN = 0.0005
_YIELD_TIME = 0.0002  # a lock is held for microseconds: less than the shortest sleep takes
_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB
_UNLOCK = fcntl.LOCK_UN
_OPEN = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class FileSink:
    """Appends whole lines to the file at a path, whoever else writes, moves or deletes it.

    - A line is one ``write()`` to a descriptor opened with ``O_APPEND``, under ``flock`` on the file itself.
      It is in the file when ``write`` returns; nothing is buffered.
    - Before each line the path is looked at: a file that was moved, deleted or replaced (device and inode)
      is opened again, its folder made again if that went too.
    - A line that cannot be written (full disk, quota, no permission, I/O error) is kept in memory with those
      that follow, ``backlog_bytes`` bytes of them at most, and tried again with the next write and at
      ``stop()``, though a failing disk gets no more than a tenth of the time. The kept lines go first, whole
      and in order; where some did not fit, a line says how many were lost and why. ``sys.stderr`` hears of
      it once.
    - A lock that is not to be had within :data:`LOCK_TIMEOUT` seconds is not waited for again until it is
      free; lines are appended without it.
    - After a fork the child opens the file for itself, and leaves to the parent what the parent kept.
    - ``stop()`` closes; the next write opens the file again.

    Args:
        path: The file. It and its missing folders are made at once.
        backlog_bytes: How many bytes of lines to keep while the file cannot be written.
        loss_line: Renders ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
        OSError: The file cannot be opened.
    """

    _is_moved_by_others = False
    """Whether something else than these sinks is expected to rotate the file."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        self.path = checked_path(path)
        self._backlog = Backlog[bytes](checked_size("backlog_bytes", backlog_bytes))
        self._loss_line = loss_line
        self._reset()
        _process.register(self)
        try:
            self._open()
        except OSError as error:
            if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(self.path).st_mode):
                return  # nobody reads the FIFO yet: its lines are kept until somebody does
            raise OSError(error.errno, error.strerror, self.path) from error

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._is_busy = False
        self._waiting: list[bytes] = []
        self._fault: OSError | None = None
        self._started = 0.0  # when the last attempt to append began
        self._retry_at = 0.0
        self._fd = -1
        self._inode = (0, 0)
        self._is_regular = False
        self._end = -1  # where our last line ended; -1: unknown
        self._is_torn = False  # a part of a line is at the end, and could not be taken back
        self._is_locked = False
        self._lock_is_stuck = False
        self._must_close = False
        self._news: list[str] = []

    # -- for loguru -------------------------------------------------------------------------------

    def write(self, message: str) -> None:
        """Append ``message`` as a line. Never raises for what the disk does."""
        self._write([_encode(message)])

    def writelines(self, messages: Iterable[str]) -> None:
        """Append each of ``messages`` as a line, as many at once as the file takes."""
        self._write([_encode(message) for message in messages])

    def _write(self, lines: list[bytes]) -> None:
        with self._lock:
            if self._is_busy:  # a signal handler that logs has interrupted a write of this very thread
                self._waiting += lines
                return
            self._is_busy = True
            try:
                if self._waiting:
                    lines, self._waiting = self._waiting + lines, []
                self._write_or_keep(lines)
            finally:
                self._is_busy = False
        if self._waiting:
            self._write([])
        if self._news:
            self._tell()
        if self._must_close:
            self.reopen()

    def stop(self) -> None:
        """Write what is kept, if that can be done now, and close the file. The next write opens it again."""
        self._stop_within(LOCK_TIMEOUT)

    def _stop_within(self, timeout: float) -> None:
        # Bounded: another thread may be in a write that a dead disk never ends.
        if self._lock.acquire(timeout=max(0.0, timeout)):
            try:
                self._stop()
            finally:
                self._lock.release()
        self._tell()

    def _stop(self) -> None:
        if self._is_busy:
            self._must_close = True
            return
        self._is_busy = True
        try:
            lines, self._waiting = self._waiting, []
            self._write_backlog()
            self._write_or_keep(lines)
            self._close()
        finally:
            self._is_busy = False
        if self._waiting:
            self._write([])

    # -- for signals, forks and the end -----------------------------------------------------------

    def reopen(self) -> None:
        """Close the file, so that the next write opens what is at the path then.

        May be called from a signal handler: the write that it interrupts goes on, and closes at its end.
        """
        self._must_close = True
        if self._lock.acquire(blocking=False):
            try:
                if not self._is_busy:
                    self._must_close = False
                    self._close()
            finally:
                self._lock.release()

    def after_fork(self) -> None:
        # Closed, not unlocked: the open file description is the parent's too, and its lock with it.
        # A new lock, since a thread that was not forked may hold the old one.
        inherited = self._fd
        self._reset()
        self._backlog = Backlog(self._backlog.max_bytes)  # a thread that was not forked may have been changing it
        if inherited >= 0:
            with contextlib.suppress(OSError):
                os.close(inherited)

    def at_exit(self, deadline: float) -> None:
        self._stop_within(min(LOCK_TIMEOUT, deadline - time.monotonic()))
        if self._backlog:
            reason = f"{self._fault} (at exit)"
            report(f"{self.path!r}: {loss_message(self._backlog.count_lines(), reason)}")

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):  # __init__ may have raised early
            self._close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self._arguments()), ()

    def _arguments(self) -> dict[str, Any]:
        return {"path": self.path, "backlog_bytes": self._backlog.max_bytes, "loss_line": self._loss_line}

    # -- what happens to lines --------------------------------------------------------------------

    def _write_or_keep(self, lines: list[bytes]) -> None:
        if self._fault is not None and time.monotonic() >= self._retry_at:
            self._write_backlog()
        done = 0
        if self._fault is None:
            try:
                while done < len(lines):
                    done += self._append_some(lines[done : done + _WINDOW] if done or len(lines) > _WINDOW else lines)
            except OSError as error:
                self._failed(error)
        for line in lines[done:]:
            self._backlog.put(line, len(line))

    def _write_backlog(self) -> None:
        try:
            while entries := self._backlog.first(_WINDOW):
                lines = [self._rendered(entry) for entry in entries]
                self._backlog.drop(self._append_some(lines))
        except OSError as error:
            self._failed(error)
        else:
            self._fault = None
            _process.let_go(self)

    def _rendered(self, entry: bytes | Loss) -> bytes:
        if isinstance(entry, Loss):
            return _encode(render_loss(self._loss_line, entry.count, str(self._fault)))
        return entry

    def _failed(self, error: OSError) -> None:
        if self._fault is None:
            self._news.append(
                f"cannot write to {self.path!r}: {error}; up to {self._backlog.max_bytes} bytes of lines "
                "are kept until it can be written again"
            )
        self._fault = error
        _process.hold(self)
        if error.errno == errno.EBADF:  # the process has closed all its descriptors, as daemons do
            self._fd = -1
        now = time.monotonic()
        self._retry_at = now + min(10 * (now - self._started), _LONGEST_PAUSE)

    def _tell(self) -> None:
        # Not under the lock: a program may have made stderr a way into its logger, and so into this sink.
        while self._news:
            with contextlib.suppress(IndexError):  # another thread has told it
                report(self._news.pop(0))

    def _append_some(self, lines: list[bytes]) -> int:
        """Append the first of ``lines``, as many as go in at once; 0 when the file has to be looked at again."""
        self._started = time.monotonic()
        try:
            size = self._acquire().st_size
            gap = b"\n" if size != self._end and self._ends_torn(size) else b""
            count = self._fitting(lines, size + len(gap))
            if not count:
                return 0
            data = gap + (lines[0] if count == 1 else b"".join(lines[:count]))
            written, error = self._append(data)
            if error is None:
                self._end = size + written if self._is_locked else -1
                self._is_torn = False
                return 0 if self._is_moved_by_others and self._was_overtaken() else count
            if written:
                count = self._take_back(lines, size, len(gap), written)
            if not written or not count:
                raise error
            return count
        finally:
            self._release()

    def _fitting(self, lines: list[bytes], size: int) -> int:
        """How many of ``lines`` may be appended to a file of ``size`` bytes; 0 when it was replaced instead."""
        return len(lines)

    def _append(self, data: bytes) -> tuple[int, OSError | None]:
        """Write ``data``; returns how much of it was written, and what kept the rest from it."""
        written = 0
        deadline = 0.0
        while written < len(data):
            try:
                written += os.write(self._fd, data[written:] if written else data)
            except BlockingIOError as error:  # a full pipe: its reader is waited for, but not for ever
                deadline = deadline or time.monotonic() + LOCK_TIMEOUT
                if not _is_writable(self._fd, deadline):
                    return written, error
            except OSError as error:
                return written, error
        return written, None

    def _take_back(self, lines: list[bytes], size: int, gap: int, written: int) -> int:
        """Remove the part of a line that a write left at the end; returns how many whole lines it wrote."""
        count, end = 0, gap
        while end + len(lines[count]) <= written:
            end += len(lines[count])
            count += 1
        self._end = -1
        self._is_torn = end < written
        if self._is_locked:
            with contextlib.suppress(OSError):
                # Not where more was appended since: by one that could not wait for the lock.
                if os.fstat(self._fd).st_size == size + written:
                    os.ftruncate(self._fd, size + (end if count else 0))
                    self._is_torn = False
        return count

    def _ends_torn(self, size: int) -> bool:
        """Whether the file's last line has no end: its writer was killed, or its disk full."""
        if not self._is_locked or not size:
            return self._is_torn
        try:
            return os.pread(self._fd, 1, size - 1) not in (b"\n", b"")
        except OSError:  # may be written but not read
            return self._is_torn

    def _was_overtaken(self) -> bool:
        """Whether the file was moved while we wrote to it, so long ago that a compressor may have missed the line."""
        # Between the look at the path and the write the file can be moved, read to its end by a compressor, and
        # deleted. That takes as long as to start a process, so that only a slow write has to look again.
        if time.monotonic() - self._started < _OVERTAKEN or not self._is_regular:
            return False
        return self._in_place() is None

    # -- the file and its lock --------------------------------------------------------------------

    def _acquire(self) -> os.stat_result:
        """Open what is at the path, lock it, and see that it still is what is at the path."""
        for attempt in count(1):
            if self._fd < 0:
                self._open()
            if self._is_regular:
                self._flock()
            status = self._in_place() if self._fd >= 0 else None
            if status is not None:
                return status
            if self._is_moved_by_others and self._is_regular and self._fd >= 0:
                self._await_successor()
            # Others rotated it between our opening and our locking, and may do so again and again. When that
            # has taken LOCK_TIMEOUT the lock is not waited for any more, which leaves them no time to. Not by the
            # clock alone: we may have been stopped ourselves.
            self._close()
            if attempt > 100 and time.monotonic() > self._started + 2 * LOCK_TIMEOUT:
                break
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self.path)

    def _await_successor(self) -> None:
        """Give who has just moved our file the time to make the new one."""
        # What is made between logrotate's two steps it puts aside as "tasks.log-<hour>.backup", over the file of
        # that name from its run before.
        deadline = time.monotonic() + SUCCESSION_TIMEOUT
        while os.fstat(self._fd).st_nlink and not os.path.lexists(self.path) and time.monotonic() < deadline:
            time.sleep(0.0005)

    def _in_place(self) -> os.stat_result | None:
        """The status of our file, if it still is what is at the path."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None
        return status if (status.st_dev, status.st_ino) == self._inode else None

    def _release(self) -> None:
        # Held or not: a signal handler that raises may have come between the lock and the note of it.
        self._is_locked = False
        if self._fd >= 0 and self._is_regular:
            try:
                fcntl.flock(self._fd, _UNLOCK)
            except OSError:  # closed by the process itself
                self._fd = -1

    def _flock(self) -> None:
        try:
            fcntl.flock(self._fd, _LOCK)
        except BlockingIOError:
            if self._lock_is_stuck:
                return
            self._is_locked = self._wait_for_lock(self._fd)
            if not self._is_locked:
                self._without_lock(f"it was not to be had within {LOCK_TIMEOUT} seconds")
        except OSError as error:
            if error.errno == errno.EBADF:  # closed by the process itself, with all its descriptors
                self._fd = -1
            else:
                self._without_lock(str(error))
        else:
            self._is_locked = True
            self._lock_is_stuck = False

    def _wait_for_lock(self, fd: int) -> bool:
        # Polled: flock() has no timeout, and a signal to end it is the application's to use.
        pause = 0.00005
        while not self._try_lock(fd):
            waited = time.monotonic() - self._started
            if waited > LOCK_TIMEOUT:
                return False
            if waited < _YIELD_TIME:
                os.sched_yield()
            else:
                time.sleep(pause)
                pause = min(2 * pause, 0.002)
        return True

    @staticmethod
    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, _LOCK)
        except BlockingIOError:
            return False
        return True

    def _without_lock(self, reason: str) -> None:
        if not self._lock_is_stuck:
            self._lock_is_stuck = True
            self._news.append(f"writing to {self.path!r} without its lock: {reason}")

    def _open(self) -> None:
        descriptor = _descriptor_of(self.path)
        if descriptor is not None:
            # A copy, not a second opening: the two would write over each other where stdout is a file.
            self._adopt(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3), is_descriptor=True)
            return
        try:
            fd = _open_to_append(self.path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(os.path.realpath(self.path)), exist_ok=True)
            fd = _open_to_append(self.path)
        self._adopt(fd)

    def _adopt(self, fd: int, *, is_descriptor: bool = False) -> None:
        self._close()
        status = os.fstat(fd)
        self._fd = fd
        self._inode = (status.st_dev, status.st_ino)
        self._is_regular = stat.S_ISREG(status.st_mode) and not is_descriptor

    def _close(self) -> None:
        self._release()  # close() alone does not do it where a child was forked between our opening and now
        fd, self._fd = self._fd, -1
        self._end = -1
        self._is_torn = False
        if fd >= 0:
            try:
                status = os.fstat(fd)
                if (status.st_dev, status.st_ino) == self._inode:  # not what else has got a closed one's number
                    os.close(fd)
            except OSError as error:
                self._news.append(f"cannot close {self.path!r}: {error}")


def _open_to_append(path: str, mode: int = 0o666) -> int:
    fd = _open_as_allowed(path, mode)
    if fd > 2:
        return fd
    # Where a standard stream is closed, what a program prints there must not end up in the file.
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return moved


def _open_as_allowed(path: str, mode: int) -> int:
    # A regular file is also read, for its last byte. Not a FIFO: its own reader never hears that there is no other.
    if not os.path.exists(path) or os.path.isfile(path):
        with contextlib.suppress(PermissionError):  # a file that may be written but not read
            return os.open(path, _OPEN | os.O_RDWR, mode)
    return os.open(path, _OPEN | os.O_WRONLY, mode)


def _is_writable(fd: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _descriptor_of(path: str) -> int | None:
    """The descriptor of this process that ``path`` is a link to, as ``/dev/stdout`` is."""
    own = os.path.realpath("/proc/self/fd")
    for _ in range(40):  # as many links as Linux follows
        folder, name = os.path.split(path)
        if os.path.realpath(folder) in (own, "/dev/fd") and name.isdigit():
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(path))
        except OSError:
            break
    return None


def _encode(message: str) -> bytes:
    line = message.encode("utf-8", "backslashreplace")
    return line if line.endswith(b"\n") else line + b"\n"
