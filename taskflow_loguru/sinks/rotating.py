"""A log file that rotates itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from .._arguments import checked_choice, checked_size
from ._file import DEFAULT_BACKLOG_BYTES, FileSink
from ._kept import LossLine, plain_loss_line
from ._rotation import PERIODS, Period, RotatingLog
from ._upkeep import CAN_COMPRESS
from .stats import Stats


class RotatingFileSink(FileSink):
    """A loguru sink that rotates: ``logger.add(RotatingFileSink("app.log", max_bytes=..., backup_count=...))``.

    Promises for each line:

    - A line is one ``write()`` to a descriptor opened with ``O_APPEND``, under ``flock`` on the file itself. It is in
      the file when ``write`` returns; nothing is buffered.
    - Any number of processes and threads may write to one path. Before each line the path is checked: if the file was
      moved, deleted or replaced (by device and inode), the one at the path is opened, and made if it is missing, as is
      its folder.
    - A line that cannot be written (full disk, quota, no permission, I/O error) is kept in memory with those that
      follow, up to ``backlog_bytes`` bytes, and written first once the file can be written again: within about a
      second, with the next write, or at ``stop()``. Lines that do not fit are counted, and one line in their place
      reports how many. ``sys.stderr`` reports each incident once, and ``stop()`` the lines that are still kept.
    - All waits for the lock together take at most 0.5 s in 10 s, unless its holders write. After that, lines are
      appended without it, and without waiting. Nothing is rotated meanwhile.
    - After a fork, the child opens the file for itself, or writes through the parent's descriptor if it may not. Lines
      that the parent keeps are written by the parent.
    - ``stop()`` closes the file; the next write opens it again.

    Promises for a rotation:

    - Before a line that would take the file over ``max_bytes`` bytes, ``app.log`` becomes ``app.log.1``, ``.1``
      becomes ``.2`` and so on. Backups above ``backup_count`` are deleted at the end.
    - With ``when``, the file also rotates before the first line of a new UTC hour, day or ISO week. The file's mtime,
      the time of its last line, decides, by the clock of the file system; so any number of processes agree, and a
      restart changes nothing.
    - A line longer than ``max_bytes`` gets a file of its own, whole. No backup is ever empty.
    - If the system can exchange two files (Linux can), the path is never missing. The new file has the mode, the ACL,
      the owner and the group of the old one, as far as the system allows; nobody gets access who had none.
    - If a rotation fails, nothing is lost: the file grows, ``sys.stderr`` reports it once, and the next attempt follows
      after a second. If it is killed at any step, no line and no backup is lost, and the next rotation completes it.
    - Only regular files are moved and deleted. If the path is a link, its target rotates.
    - A rotated file is synced to the disk in the background: a power cut takes the last seconds of the current file.
    - With ``compression="gzip"``, backups from ``.2`` on are compressed by a background thread (``app.log.2.gz``).
      ``.1`` stays plain, so that a log shipper can read it to its end.
    - ``max_bytes=0`` means no limit; ``backup_count=0`` means that the file never rotates.

    Args:
        path: The file. It is made at once, with its folders, if it is missing.
        max_bytes: The largest size of a file in bytes, which only a single longer line exceeds.
        backup_count: How many backups are kept, compressed or not.
        compression: "gzip", or None for plain backups.
        when: "hour", "day" or "week", or None to rotate by size alone.
        backlog_bytes: How many bytes of lines to keep while the file cannot be written.
        loss_line: Render ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is invalid; the message has its name, its value and the allowed values.
        OSError: The file cannot be opened.
    """

    _log: RotatingLog

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 10 * 1024 * 1024,
        backup_count: int = 5,
        compression: Literal["gzip", "gz"] | None = None,
        when: Period | None = None,
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        self.max_bytes = checked_size("max_bytes", max_bytes)
        self.backup_count = checked_size("backup_count", backup_count)
        self.compression: Literal["gzip"] | None = (
            "gzip" if checked_choice("compression", compression, ("gzip", "gz", None)) else None
        )
        self.when = checked_choice("when", when, (*PERIODS, None))
        if not backup_count and (compression or when):
            raise ValueError(f"backup_count must be at least 1 with {'when' if when else 'compression'}, not 0")
        if compression and not CAN_COMPRESS:
            raise ValueError(f"compression must be None, not {compression!r}: this Python was built without zlib")
        super().__init__(path, backlog_bytes=backlog_bytes, loss_line=loss_line)

    def _log_file(self, report: Callable[[str], None]) -> RotatingLog:
        return RotatingLog(self.path, report, self.max_bytes, self.backup_count, self.compression, self.when)

    def rotate(self) -> None:
        """Rotate the file now, unless it is empty; lines that are kept are written first.

        If it is called from a signal handler that interrupts a write, the rotation follows that write.

        Raises:
            ValueError: The file never rotates, since ``backup_count`` is 0.
            OSError: It cannot be rotated, or lines that are kept cannot be written.
        """
        if not self.backup_count:
            raise ValueError("backup_count must be at least 1 to rotate, not 0")
        try:
            self._calls.run(self._rotate)
        finally:
            self._calls.print_messages()

    def stats(self) -> Stats:
        """Return the numbers of this sink, in this process."""
        return replace(super().stats(), rotations=self._log.rotations)

    def _arguments(self) -> dict[str, Any]:
        arguments = super()._arguments()
        arguments.update(max_bytes=self.max_bytes, backup_count=self.backup_count)
        arguments.update(compression=self.compression, when=self.when)
        return arguments

    def _rotate(self) -> None:
        self._write([], retry_now=True)
        if self._kept.fault is not None:
            raise self._kept.fault
        self._log.is_requested = True
        try:
            self._log.append(())
        finally:
            self._log.is_requested = False
