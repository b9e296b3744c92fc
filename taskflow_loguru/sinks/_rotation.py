"""A log file that is rotated: when it has to be, and how, in an order that loses nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable, Sequence
from typing import Literal

from ._backups import Backups
from ._linux import ignoring, now, time_of_day
from ._log import LogFile
from ._open_file import OpenFile
from ._successor import discard_successor, make_successor, put_in_place
from ._upkeep import Upkeep

Period = Literal["hour", "day", "week"]
PERIODS: tuple[Period, ...] = ("hour", "day", "week")

ROTATION_RETRY = 1.0
"""How long after a failed rotation the next one is tried, in seconds."""

_CLOCK_TICK = 0.01  # the coarsest clock of a Linux file system, in seconds
_HOUR, _DAY, _WEEK = 3600, 86400, 7 * 86400
_FIRST_MONDAY = 4 * _DAY  # 1970-01-05


class RotatingLog(LogFile):
    """A log file that is rotated before it exceeds a size, and when a new period begins.

    Everything that can fail for lack of space, inodes or permission comes before anything is moved; everything that
    cannot be undone comes last. So no line and no backup is lost if the process dies, or an error strikes, at any step.

    Args:
        path: The absolute path.
        report: Where messages for stderr go.
        max_bytes: The largest size of a file in bytes; 0: no limit.
        backup_count: How many backups to keep; 0: never rotate.
        compression: "gzip", or None for plain backups.
        when: The period, or None.

    Attributes:
        rotations: How many rotations were completed.
        is_requested: Whether to rotate the file whatever its size, unless it is empty.
    """

    def __init__(
        self,
        path: str,
        report: Callable[[str], None],
        max_bytes: int,
        backup_count: int,
        compression: Literal["gzip"] | None,
        when: Period | None,
    ) -> None:
        super().__init__(path, report, with_mtime=when is not None)
        self.rotations = 0
        self.is_requested = False
        self._max_bytes = max_bytes
        self._backup_count = backup_count
        self._when = when
        self._upkeep = Upkeep(path, backup_count, compression)
        self._successor = OpenFile()  # while it is being made
        self._has_failed = False
        self._retry_at = 0.0
        self._lag = 0.0  # how far the clock of the file system is behind ours, in seconds
        self._oldest = 0, 0.0  # the inode of the file, and the oldest mtime that was seen

    # -- when -------------------------------------------------------------------------------------

    def _must_rotate(self, file: OpenFile, size: int, modified: int, lines: Sequence[bytes]) -> bool:
        if not size or not self._backup_count:
            return False
        if not lines:
            return self.is_requested
        if not file.is_locked:
            return False
        if size + len(lines[0]) > self._max_bytes > 0 or file.is_full:
            return now() >= self._retry_at
        return self._when is not None and self._is_over(self._when, modified) and now() >= self._retry_at

    def _is_over(self, when: Period, modified: float) -> bool:
        """Return whether the last line was written in an earlier period, or the oldest that we have seen was."""
        inode, oldest = self._oldest
        oldest = min(oldest, modified) if inode == self.file.inode else modified
        self._oldest = self.file.inode, oldest
        return oldest < start_of(when, modified) or modified < start_of(when, time_of_day() - self._lag)

    def _has_period_ended(self, when: Period, made: float) -> bool:
        """Return whether the file belongs to an earlier period than its successor, which was *made* just now.

        Only times of one clock can be compared: that of the file system may be ahead of ours or behind.
        test_rotation.py::test_a_clock_of_the_file_system_that_differs_costs_no_backup
        """
        self._lag = time_of_day() - made
        if self._oldest[1] < start_of(when, made):
            return True
        self._retry_at = now() + _CLOCK_TICK
        return False

    def _fitting(self, lines: Sequence[bytes], size: int) -> Sequence[bytes]:
        if self._max_bytes:
            for number, line in enumerate(lines):
                size += len(line)
                if size > self._max_bytes:
                    return lines[: number or 1]
        return lines

    def close(self) -> None:
        """Close the file, and what an interrupt has left open."""
        with ignoring():  # no data can be lost
            self._successor.close()
        super().close()

    # -- how --------------------------------------------------------------------------------------

    def _rotate(self, file: OpenFile, size: int, lines: Sequence[bytes]) -> None:
        """Rotate *file*, or report why that is impossible now; raise it if the rotation was requested.

        Raises:
            OSError: It is impossible. The file and all backups are still there.
        """
        is_requested = self.is_requested
        try:
            if not file.is_locked:
                raise BlockingIOError(errno.EAGAIN, "locked by another process, or not a regular file", self.path)
            fits = lines and size + len(lines[0]) <= (self._max_bytes or sys.maxsize) and not file.is_full
            self._replace(file, self._when if fits else None)
        except OSError as error:
            if error.errno is None:  # raised by a signal handler
                raise
            if error.errno == errno.ENOENT and not self.is_at_path():
                return  # moved away by somebody else
            if is_requested:
                raise
            if not self._has_failed:
                self._has_failed = True
                self._report(f"cannot rotate {self.path!r}: {error}; it grows until it can be rotated")
            self._retry_at = now() + ROTATION_RETRY

    def _replace(self, file: OpenFile, when: Period | None) -> None:
        """Rotate *file*; with *when*, only if the clock of the file system is in a later period than the file."""
        real_path = os.path.realpath(self.path, strict=True)
        folder, name = self._folder, os.path.basename(real_path)
        try:
            folder.open(os.path.dirname(real_path))
            folder.lock()
            if not folder.has(name, file):
                raise FileNotFoundError(errno.ENOENT, "moved away", real_path)
            backups = Backups(folder, name, self._backup_count)
            backup, moves = backups.plan()
            try:
                self._successor.close()  # an interrupt may have left it open
                made = make_successor(folder, name, file, self._successor)
                if when is not None and not self._has_period_ended(when, made):
                    discard_successor(folder, name, backup)
                    return
                for old_name, new_name in moves:
                    folder.rename(old_name, new_name)
                put_in_place(folder, name, backup)
            except OSError as error:
                if error.errno is not None:
                    discard_successor(folder, name, backup)
                raise
            self.rotations += 1
            self.is_requested = self._has_failed = False
            self._delete_surplus(backups)
        finally:
            # A direct call: a signal handler can interrupt a method before its first line.
            if folder.is_locked:
                fcntl.flock(folder.file.fd, fcntl.LOCK_UN)
            folder.release()
        self._upkeep.start(real_path, file.device)

    def _delete_surplus(self, backups: Backups) -> None:
        try:
            backups.delete_surplus()
        except OSError as error:
            if error.errno is None:  # raised by a signal handler
                raise
            self._report(f"cannot delete a backup: {error}")


def start_of(period: Period, time: float) -> float:
    """Return when the UTC hour, day or ISO week that holds *time* began; both in seconds since the epoch."""
    if period == "hour":
        return time - time % _HOUR
    if period == "day":
        return time - time % _DAY
    return time - (time - _FIRST_MONDAY) % _WEEK
