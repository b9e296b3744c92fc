"""A log file that rotates itself."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from .._arguments import checked_choice, checked_size
from ._backlog import LossLine, plain_loss_line
from ._file import DEFAULT_BACKLOG_BYTES, FileSink
from ._periods import PERIODS, Period, start_of
from ._place import Place
from ._rotation import Rotation
from .stats import Stats

_FILE_TIME_LAG = 0.01  # the longest tick of a Linux kernel, in seconds


class RotatingFileSink(FileSink):
    """A loguru sink that rotates: ``logger.add(RotatingFileSink("app.log", max_bytes=..., backup_count=...))``.

    Promises for each line:

    - A line is one ``write()`` to a descriptor opened with ``O_APPEND``, under ``flock`` on the file itself. It is in
      the file when ``write`` returns; nothing is buffered.
    - Any number of processes and threads may write to one path. Before each line the path is checked: if the file was
      moved, deleted or replaced (by device and inode), the one at the path is opened, and made if it is missing, as is
      its folder.
    - A line that cannot be written (full disk, quota, no permission, I/O error) is kept in memory with those that
      follow, up to ``backlog_bytes`` bytes, and written first once the file can be written again: with the next write
      after a pause, or at ``stop()``. Lines that do not fit are counted, and one line in their place reports how many.
      ``sys.stderr`` reports each incident once.
    - If the lock cannot be acquired within 0.5 s, lines are appended without it, and without waiting, until it is free
      again. Nothing is rotated meanwhile.
    - After a fork, the child opens the file for itself; lines that the parent keeps are written by the parent.
    - ``stop()`` closes the file; the next write opens it again.

    Promises for a rotation:

    - Before a line that would take the file over ``max_bytes`` bytes, ``app.log`` becomes ``app.log.1``, ``.1``
      becomes ``.2`` and so on. Backups above ``backup_count`` are deleted at the end.
    - With ``when``, the file also rotates before the first line of a new UTC hour, day or ISO week. The file's mtime,
      the time of its last line, decides; so any number of processes agree, and a restart changes nothing.
    - A line longer than ``max_bytes`` gets a file of its own, whole. No backup is ever empty.
    - If the system can exchange two files (Linux can), the path is never missing. The new file has the mode, the ACL,
      the owner and the group of the old one, the last two as far as the system allows.
    - If a rotation fails, nothing is lost: the file grows, ``sys.stderr`` reports it once, and the next attempt follows
      after a second. If it is killed at any step, no line and no backup is lost, and the next rotation completes it.
    - Only regular files are moved and deleted. If the path is a link, its target rotates.
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

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int,
        backup_count: int,
        compression: Literal["gzip"] | None = None,
        when: Period | None = None,
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        self.max_bytes = checked_size("max_bytes", max_bytes)
        self.backup_count = checked_size("backup_count", backup_count)
        self.compression = checked_choice("compression", compression, ("gzip", None))
        self.when = checked_choice("when", when, (*PERIODS, None))
        if not backup_count and (compression or when):
            raise ValueError(f"backup_count must be at least 1 with {'when' if when else 'compression'}, not 0")
        super().__init__(path, backlog_bytes=backlog_bytes, loss_line=loss_line)

    def _begin(self, backlog_bytes: int, loss_line: LossLine) -> None:
        super()._begin(backlog_bytes, loss_line)
        self._place = Place(self.path, asks_for_time=self.when is not None)
        self._rotation = Rotation(self.backup_count, self.compression, self._folder, self._notices)

    def rotate(self) -> None:
        """Rotate the file now, unless it is empty; lines that are kept are written first.

        If it is called from a signal handler that interrupts a write, the rotation follows that write.

        Raises:
            ValueError: The file never rotates, since ``backup_count`` is 0.
            OSError: It cannot be rotated, or lines that are kept cannot be written.
        """
        if not self.backup_count:
            raise ValueError("backup_count must be at least 1 to rotate, not 0")
        errors: list[OSError] = []
        self._gate.run(partial(self._rotate_now, errors))
        self._notices.print()
        if errors:
            raise errors[0]

    def stats(self) -> Stats:
        return replace(super().stats(), rotations=self._rotation.count)

    def after_fork(self) -> None:
        self._rotation.abandon()
        super().after_fork()

    def _arguments(self) -> dict[str, Any]:
        arguments = super()._arguments()
        arguments.update(max_bytes=self.max_bytes, backup_count=self.backup_count)
        arguments.update(compression=self.compression, when=self.when)
        return arguments

    def _close(self) -> None:
        super()._close()
        self._close_file(self._rotation.successor)

    def _append_locked(self, size: int, lines: Sequence[bytes], written: list[int], started: float) -> None:
        file = self._file
        is_torn = size != file.end and file.is_torn(size)
        if file.is_locked and self.backup_count:
            start, is_over = size + is_torn, False
            if self.when is not None and self._place.modified < start_of(self.when, time.time()):
                is_over = True
                _wait_for_file_times(self.when)
            if start and (is_over or start + len(lines[0]) > self.max_bytes > 0):
                if self._rotate(started):
                    return
            elif self.max_bytes and len(lines) > 1:
                lines = self._fitting(lines, start)
        file.append(lines, written, size, is_torn)

    def _fitting(self, lines: Sequence[bytes], start: int) -> Sequence[bytes]:
        """Return as many of the first *lines* as fit after *start* bytes, but at least one."""
        for count, line in enumerate(lines):
            start += len(line)
            if start > self.max_bytes:
                return lines[: count or 1]
        return lines

    def _rotate(self, started: float) -> bool:
        """Rotate the file; return False if that is impossible now, and the file has to grow."""
        if not self._rotation.may_be_tried(started):
            return False
        try:
            self._replace(started)
        except OSError as error:
            if error.errno is None:  # raised by a signal handler
                raise
            self._rotation.fail(self.path, error)
            return False
        return True

    def _rotate_now(self, errors: list[OSError]) -> None:
        try:
            self._write(retry_now=True)
            if self._spool.fault is not None:
                raise self._spool.fault
            self._append((), [], time.monotonic(), self._replace_if_filled)
        except OSError as error:
            if error.errno is None:
                raise
            errors.append(error)

    def _replace_if_filled(self, size: int, lines: Sequence[bytes], written: list[int], started: float) -> None:
        if not self._file.is_locked:
            raise BlockingIOError(errno.EAGAIN, "locked by another process, or not a regular file", self.path)
        if size:
            self._replace(started)

    def _replace(self, started: float) -> None:
        rotation, file = self._rotation, self._file
        try:
            is_replaced = rotation.perform(self._place, file, started)
        except OSError as error:
            if error.errno != errno.ENOENT or file.size_at(self._place) is not None:
                raise
            return  # moved away by somebody else
        if is_replaced:
            # Keep the lock of the old file until now: a process that waits for it then finds the new one at the path.
            # One run of assignments, which no signal handler interrupts: otherwise a file could stay open for good.
            # test_rotating.py::test_a_rotation_that_was_interrupted_leaves_no_file_open
            self._file = rotation.successor
            rotation.successor = file
            self._close_file(file)


def _wait_for_file_times(when: Period) -> None:
    """Wait until the times of files have reached the present hour, day or week too."""
    # Most kernels take them from a clock that ticks. A line would still get a time before the hour, and each line of
    # the first milliseconds would rotate the file once more, and delete a backup.
    # test_rotating.py::test_a_new_hour_rotates_once_though_the_times_of_files_lag_behind
    now = time.time()
    time.sleep(max(0.0, start_of(when, now) + _FILE_TIME_LAG - now))
