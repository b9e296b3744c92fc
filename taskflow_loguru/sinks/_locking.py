"""Locks whose waits are bounded, and the folder of a log, in which a rotation works."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections import deque

from ._linux import exchange, ignoring, now
from ._open_file import OpenFile

LOCK_TIMEOUT = 0.5
"""How long to wait for a lock before continuing without it, in seconds; also the budget of all waits in ``WINDOW``."""

WINDOW = 10.0
"""In so many seconds, all waits for one lock take at most ``LOCK_TIMEOUT``, unless its holders make progress."""

_REST = 10  # after a wait in vain, do not wait for so many times as long
_REPORT_INTERVAL = 60.0
_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB
_IMMEDIATE_ATTEMPTS = 4  # most holders run on another core, and release the lock sooner than a yield returns
_YIELDS = 40  # a lock is held for microseconds; the shortest sleep takes longer
_MOST_PAUSES = 1000  # in case the clock stands still
_LONGEST_PAUSE = 0.002


class Flock:
    """A ``flock`` that takes little time from its process, whoever holds it.

    Anyone who may read a file can hold its lock, for as long and as often as they like. So waits come out of a budget,
    which only those waits spare in which the file changes: its lock is held by a process that writes.

    Attributes:
        trouble: Why the lock could not be acquired, if that has to be reported: at most once a minute.
    """

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._waits: deque[tuple[float, float]] = deque()  # the end and the length of each
        self._no_wait_until = self._no_report_until = 0.0

    def acquire(self, fd: int) -> bool:
        """Lock *fd*; return False if that is impossible, or takes too long.

        Raises:
            OSError: EBADF: the descriptor is not open.
        """
        try:
            fcntl.flock(fd, _EXCLUSIVE)
        except OSError as error:
            if error.errno is None or error.errno == errno.EBADF:
                raise  # from a signal handler, or for the caller, which opens the file again
            if error.errno != errno.EAGAIN:
                self._give_up(str(error))
            elif self._wait(fd):
                return True
            else:
                self._give_up(f"could not acquire it within {LOCK_TIMEOUT} s")
            return False
        return True

    def _wait(self, fd: int) -> bool:
        started = now()
        while self._waits and self._waits[0][0] < started - WINDOW:
            self._waits.popleft()
        budget = LOCK_TIMEOUT - sum(seconds for _, seconds in self._waits)
        if started < self._no_wait_until or budget <= 0:
            return False
        before = _state_of(fd)
        is_acquired = _poll(fd, started + budget)
        ended = now()
        if not is_acquired:
            self._no_wait_until = ended + _REST * (ended - started)
        if not is_acquired or _state_of(fd) == before:
            self._waits.append((ended, ended - started))
        return is_acquired

    def _give_up(self, reason: str) -> None:
        if now() >= self._no_report_until:
            self._no_report_until = now() + _REPORT_INTERVAL
            self.trouble = reason


class Folder:
    """The folder of a log file: open, and locked while backups are moved in it, or a missing file is made.

    A log file that is moved away by hand takes its own lock with it. Another process could then make a new file, fill
    and rotate it while the rotation of the old one is still running; one would overwrite the backups of the other.

    All names are relative to the descriptor: a folder that is put at the path meanwhile is somebody else's.

    Attributes:
        file: The folder, while it is open.
        is_listable: Whether its names may be read; a folder with mode 0300 or 0730 can be written all the same.
        is_locked: Whether its lock is held, or was until an exception.
    """

    def __init__(self) -> None:
        self.file = OpenFile()
        self.is_listable = self.is_locked = False
        self._flock = Flock()

    def open(self, path: str) -> None:
        """Open the folder at *path*.

        Raises:
            OSError: It cannot be opened.
        """
        self.release()  # an interrupt may have left it open
        try:
            self.file.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno != errno.EACCES or not hasattr(os, "O_PATH"):
                raise
            self.file.open(path, os.O_PATH | os.O_DIRECTORY)
            self.is_listable = False
        else:
            self.is_listable = True

    def lock(self) -> None:
        """Lock the folder. One that may not be listed cannot be locked: the lock of the log has to do.

        Raises:
            OSError: EAGAIN: another process has not released the lock in time.
        """
        if self.is_listable:
            self.is_locked = True  # before it is: an interrupt must not leave it locked
            self.is_locked = self._flock.acquire(self.file.fd)
            if not self.is_locked:
                raise BlockingIOError(errno.EAGAIN, "the folder is locked by another process")

    def release(self) -> None:
        """Unlock and close the folder. It may be called again after an interrupt."""
        if self.file.fd >= 0:
            with ignoring():  # no data can be lost
                # close() alone does not unlock if a child was forked meanwhile.
                fcntl.flock(self.file.fd, fcntl.LOCK_UN)
            with ignoring():
                self.file.close()
        self.is_locked = False

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of *name* itself, not of a link's target; None if there is no such file.

        Raises:
            OSError: It is unknown whether there is one.
        """
        try:
            return os.stat(name, dir_fd=self.file.fd, follow_symlinks=False)
        except OSError as error:
            # No file can have a name that is too long, such as a hidden name beside a file with a long name.
            # test_opening.py::test_a_file_may_have_the_longest_name
            if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
                raise
            return None

    def has(self, name: str, file: OpenFile) -> bool:
        """Return whether *file*, which is open, is the one with that name."""
        status = self.status(name)
        return status is not None and os.path.samestat(status, os.fstat(file.fd))

    def open_in(self, file: OpenFile, name: str, flags: int, mode: int = 0o600) -> None:
        """Open the file *name* as *file*."""
        file.open(name, flags, mode, folder=self.file.fd)

    def rename(self, name: str, new_name: str) -> None:
        """Rename the file *name*; another file of the new name is replaced."""
        os.rename(name, new_name, src_dir_fd=self.file.fd, dst_dir_fd=self.file.fd)

    def exchange(self, first: str, second: str) -> None:
        """Exchange two files, as :func:`~._linux.exchange` does."""
        exchange(self.file.fd, first, second)

    def link(self, name: str, new_name: str) -> None:
        """Give the file *name* a second name."""
        os.link(name, new_name, src_dir_fd=self.file.fd, dst_dir_fd=self.file.fd)

    def unlink(self, name: str) -> None:
        """Delete the file *name*."""
        os.unlink(name, dir_fd=self.file.fd)


def _state_of(fd: int) -> tuple[int, int]:
    """Return a value that changes with each write, and each rename of the file."""
    status = os.fstat(fd)
    return status.st_size, status.st_ctime_ns


def _poll(fd: int, deadline: float) -> bool:
    # Poll: flock() has no timeout, and signals, which could end it, belong to the application.
    pause = 0.00005
    for attempt in range(_MOST_PAUSES):
        if attempt >= _IMMEDIATE_ATTEMPTS:
            if now() > deadline:
                return False
            if attempt < _YIELDS:
                os.sched_yield()
            else:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            fcntl.flock(fd, _EXCLUSIVE)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
        else:
            return True
    return False
