"""The lock of a folder: one process at a time moves backups in it, or makes a missing log file."""

from __future__ import annotations

import errno
import fcntl
import os

from ._errors import ignoring
from ._flock import Flock
from ._open_file import OpenFile


class FolderLock:
    """The lock of a log file's folder, held while backups are moved, or a missing file is made.

    A log file that is moved away by hand takes its own lock with it. Another process could then make a new file, fill
    and rotate it while the rotation of the old one is still running; one would overwrite the backups of the other.

    Attributes:
        file: The folder, while it is open.
    """

    def __init__(self) -> None:
        self.file = OpenFile()
        self._flock = Flock()

    def acquire(self, folder: str, since: float) -> None:
        """Open and lock *folder*; a folder that cannot be read cannot be locked, and is used without a lock.

        Raises:
            OSError: EAGAIN: another process has not released the lock in time.
        """
        self.release()  # an interrupt may have left it open
        try:
            self.file.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno == errno.EACCES:
                return
            raise
        if not self._flock.acquire(self.file.fds[0], since):
            self.release()
            raise BlockingIOError(errno.EAGAIN, "locked by another process", folder)

    def release(self) -> None:
        """Unlock and close the folder. It may be called again after an interrupt."""
        if self.file.fds:
            with ignoring():  # no data can be lost
                # close() alone does not unlock if a child was forked meanwhile.
                fcntl.flock(self.file.fds[0], fcntl.LOCK_UN)
            with ignoring():
                self.file.close()
