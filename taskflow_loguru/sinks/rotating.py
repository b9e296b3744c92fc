"""A log file that rotates itself by size."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from typing import Any

from .._arguments import checked_size
from ._backlog import LossLine, plain_loss_line
from ._file import DEFAULT_BACKLOG_BYTES, FileSink, _open_to_append

_ROTATION_RETRY = 1.0


class RotatingFileSink(FileSink):
    """A loguru sink that rotates by size: ``logger.add(RotatingFileSink("app.log", max_bytes=..., ...))``.

    - Before a line that would take the file over ``max_bytes`` bytes, ``app.log`` becomes ``app.log.1``,
      ``.1`` becomes ``.2`` and so on; what would be ``.N+1`` for N = ``backup_count`` is deleted, as are
      ``.N+1``, ``.N+2``, ... that an earlier, larger ``backup_count`` left. Nothing else is touched.
    - A line longer than ``max_bytes`` gets a file of its own, whole. No backup is ever empty.
    - ``max_bytes=0`` or ``backup_count=0``: never rotates. Neither does what is no regular file.
    - The new file has the permission bits, and where that is allowed the owner, of the one it replaces.
    - Any number of processes and threads may write to one path. Rotation is decided under ``flock`` on the
      file itself, and the file looked at again once the lock is held, so that none is rotated twice. Without
      the lock nothing is rotated: the file grows until it can be had.
    - Killed in the middle of a rotation it leaves a gap in the numbers, which the next rotation fills.
    - A link is followed: the backups stand beside the file that it leads to.

    See :class:`FileSink` for the rest of its promises: what happens on a full disk, to a held lock, at a
    fork, and at ``stop()``.

    Args:
        path: The file. It and its missing folders are made at once.
        max_bytes: The size that no file exceeds, unless one line alone does.
        backup_count: How many backups are kept.
        backlog_bytes: How many bytes of lines to keep while the file cannot be written.
        loss_line: Renders ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
        OSError: The file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int,
        backup_count: int,
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        self.max_bytes = checked_size("max_bytes", max_bytes)
        self.backup_count = checked_size("backup_count", backup_count)
        self._rotation_failed_at: float | None = None
        self._folder_is_stuck = False
        super().__init__(path, backlog_bytes=backlog_bytes, loss_line=loss_line)

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "max_bytes": self.max_bytes, "backup_count": self.backup_count}

    def _fitting(self, lines: list[bytes], size: int) -> int:
        if not (self.max_bytes and self.backup_count and self._is_locked):
            return len(lines)
        count = 0
        for line in lines:
            size += len(line)
            if size > self.max_bytes:
                break
            count += 1
        if count:
            return count
        if size == len(lines[0]):  # an empty file, and a line that no file could hold
            return 1
        return 0 if self._rotate() else len(lines)

    def _rotate(self) -> bool:
        """Replace the file, which we hold the lock of; False where that cannot be done now."""
        failed_at = self._rotation_failed_at
        if failed_at is not None and time.monotonic() < failed_at + _ROTATION_RETRY:
            return False
        path = os.path.realpath(self.path)
        try:
            with self._alone_in(os.path.dirname(path)):
                if self._in_place() is None:
                    return True
                self._shift_backups(path)
                os.rename(path, f"{path}.1")
        except FileNotFoundError:  # moved away by somebody else
            return True
        except OSError as error:
            if failed_at is None:
                self._news.append(f"cannot rotate {path!r}: {error}; it grows until it can be rotated")
            self._rotation_failed_at = time.monotonic()
            return False
        self._rotation_failed_at = None
        # The old file's lock is held until the new one is as it should be: who waits for it finds that done.
        self._adopt(_open_like(path, os.fstat(self._fd)))
        return True

    @contextlib.contextmanager
    def _alone_in(self, folder: str) -> Iterator[None]:
        """Hold the lock of the folder too, where it has one to give.

        Who moves the file away by hand moves its lock with it. Another process could then fill a new file and
        rotate that while a rotation of the old one is under way, and one overwrite the backups of the other.
        """
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError:  # a folder that may be written but not read
            yield
            return
        try:
            # Waited for once, as the file's: another program may hold it for hours.
            is_locked = self._try_lock(fd) if self._folder_is_stuck else self._wait_for_lock(fd)
            self._folder_is_stuck = not is_locked
            if not is_locked:
                raise BlockingIOError(errno.EAGAIN, "another process holds its lock and does not go on", folder)
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)  # close() alone does not do it where a child was forked meanwhile
            os.close(fd)

    def _shift_backups(self, path: str) -> None:
        surplus = self.backup_count + 1
        while os.path.lexists(f"{path}.{surplus}"):
            surplus += 1
        for number in range(surplus - 1, self.backup_count, -1):
            os.unlink(f"{path}.{number}")
        # Only up to the first free number: a rotation that was killed has left one, and to move the backups
        # behind it would delete the oldest for nothing.
        free = 1
        while free < self.backup_count and os.path.lexists(f"{path}.{free}"):
            free += 1
        for number in range(free - 1, 0, -1):
            os.rename(f"{path}.{number}", f"{path}.{number + 1}")


def _open_like(path: str, old: os.stat_result) -> int:
    mode = stat.S_IMODE(old.st_mode)
    fd = _open_to_append(path, mode)
    new = os.fstat(fd)
    with contextlib.suppress(OSError):  # "where allowed": only root may give a file away
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(fd, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):
        os.fchmod(fd, mode)
    return fd
