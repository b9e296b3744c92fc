"""The lock of a folder: one process at a time moves backups, or makes a missing log file, in it."""

from __future__ import annotations

import errno
import fcntl
import os

from ._errors import ignoring
from ._flock import Flock
from ._open_file import OpenFile


class FolderLock:
    """Lock the folder of a log file while its backups are moved, or while a missing file is made.

    Somebody who moves the log file away by hand moves its lock along. Another process could then make a new file, fill
    and rotate it while a rotation of the old one is under way, and one would overwrite the backups of the other.

    Attributes:
        file: The folder, while it is open.
    """

    def __init__(self) -> None:
        self.file = OpenFile()
        self._flock = Flock()

    def acquire(self, folder: str, since: float) -> None:
        """Open and lock *folder*. One that cannot be read has no lock to give, and is used without.

        Raises:
            OSError: EAGAIN: another process holds the lock, and did not release it in time.
        """
        self.release()  # left by an interrupt
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
            with ignoring():  # nothing was written to it that could be lost
                # close() alone does not unlock if a child was forked meanwhile.
                fcntl.flock(self.file.fds[0], fcntl.LOCK_UN)
            with ignoring():
                self.file.close()
