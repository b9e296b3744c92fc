"""One rotation: the backups move up, the file becomes the newest of them, and an empty file takes its place."""

from __future__ import annotations

import fcntl
import os
import time
from typing import Literal

from ._backups import Backups
from ._compressor import Compressor
from ._folder_lock import FolderLock
from ._notices import Notices
from ._open_file import OpenFile
from ._place import Place
from ._successor import discard_successor, make_successor, put_in_place

ROTATION_RETRY = 1.0
"""How long after a failed rotation the next one is tried, in seconds."""


class Rotation:
    """Rotate a file, in an order that loses nothing if the process dies, or an error strikes, at any step.

    Everything that can fail for lack of space, inodes or permission comes before anything is moved; everything that
    cannot be undone comes last.

    Args:
        backup_count: How many backups to keep.
        compression: "gzip", or None for plain backups.
        folder: The lock of the file's folder.
        notices: Where to report a failure.

    Attributes:
        compression: "gzip", or None for plain backups.
        count: How many rotations were completed.
        successor: The file that takes the place of the rotated one, until its user takes it, and leaves the old one.
    """

    def __init__(
        self, backup_count: int, compression: Literal["gzip"] | None, folder: FolderLock, notices: Notices
    ) -> None:
        self.compression = compression
        self.count = 0
        self.successor = OpenFile()
        self._backup_count = backup_count
        self._notices = notices
        self._folder = folder
        self._compressor = Compressor(backup_count)
        self._failed_at: float | None = None

    def may_be_tried(self, now: float) -> bool:
        """Return whether enough time has passed since the last failure, if any."""
        return self._failed_at is None or now >= self._failed_at + ROTATION_RETRY

    def fail(self, path: str, error: OSError) -> None:
        """Record a failure, and report the first one of an incident."""
        if self._failed_at is None:
            self._notices.add(f"cannot rotate {path!r}: {error}; it grows until it can be rotated")
        self._failed_at = time.monotonic()

    def abandon(self) -> None:
        """Close all files in a forked child, where no thread compresses."""
        self.successor.abandon()
        self._compressor.abandon()

    def perform(self, place: Place, file: OpenFile, started: float) -> bool:
        """Rotate *file*, whose lock is held; return False if it is no longer at *place*.

        Raises:
            OSError: It is impossible now. The file and all backups are still there.
        """
        real_path = os.path.realpath(place.path, strict=True)
        backups = Backups(real_path, self._backup_count)
        try:
            self._folder.acquire(os.path.dirname(real_path), started)
            if file.size_at(place) is None:
                return False
            backup, moves = backups.plan()
            self.successor.close()  # an interrupt may have left it open
            try:
                make_successor(self.successor, real_path, file)
                for name, name_above in moves:
                    os.rename(name, name_above)
                put_in_place(real_path, backup)
            except OSError as error:
                if error.errno is not None:
                    discard_successor(real_path, backup)
                    self.successor.close()
                raise
            self._delete_surplus(backups)
        finally:
            # A direct call: a signal handler can interrupt a method before its first line.
            if self._folder.file.fds:
                fcntl.flock(self._folder.file.fds[0], fcntl.LOCK_UN)
            self._folder.release()
        self.count += 1
        self._failed_at = None
        if self.compression:
            self._compressor.start(real_path)
        return True

    def _delete_surplus(self, backups: Backups) -> None:
        try:
            backups.delete_surplus()
        except OSError as error:
            if error.errno is None:  # raised by a signal handler
                raise
            self._notices.add(f"cannot delete a backup: {error}")
