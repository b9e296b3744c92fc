"""A log file that another program rotates."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ._file import DEFAULT_BACKLOG_BYTES, FileSink
from ._kept import LossLine, plain_loss_line
from ._linux import ignoring, now
from ._log import LogFile
from ._open_file import OpenFile

SUCCESSION_TIMEOUT = 0.1
"""How long to wait, after the file was moved, for the other program to make the new one, in seconds."""

_POLL_INTERVAL = 0.0005
_MOST_POLLS = 1000  # in case the clock stands still


class WatchedFileSink(FileSink):
    """A loguru sink for a file that logrotate, or a person, moves away: ``logger.add(WatchedFileSink(path))``.

    - It never rotates. Before each line it checks whether the file at ``path`` is still the one that it has open (by
      device and inode), and opens the new one if not. A missing file is made again, and so is its folder. After a move
      it first waits up to a tenth of a second for another program to make it, as logrotate does with ``create``.
    - With ``create`` no line is lost, with ``compress`` and without ``delaycompress`` too. If a write took so long that
      the file may have been moved and compressed before it, the line is written again to the new file. Only in this
      case can a line be in two files.
    - With ``copytruncate``, lines that are written between the copy and the truncation are lost, in any program.
    - :class:`~taskflow_loguru.sinks.RotatingFileSink` describes everything else: whole lines, any number of processes,
      lines that cannot be written, locks, forks, and ``stop()``.

    Args:
        path: The file. It is made at once, with its folders, if it is missing.
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
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        loss_line: LossLine = plain_loss_line,
    ) -> None:
        super().__init__(path, backlog_bytes=backlog_bytes, loss_line=loss_line)

    def _log_file(self, report: Callable[[str], None]) -> LogFile:
        return _WatchedLog(self.path, report)


class _WatchedLog(LogFile):
    def _was_lost(self, file: OpenFile) -> bool:
        # Between our check of the path and our write, the file can be moved, compressed, and deleted. A compressor
        # takes longer than a quick write to start. test_watched.py::test_only_a_slow_write_to_a_moved_file_is_repeated
        with ignoring():
            return file.is_regular and not self.is_at_path()
        return False  # unknown, but it was written

    def _close_moved_file(self) -> None:
        # If we make the file between the two steps of logrotate, it renames our file to "tasks.log-<hour>.backup", and
        # so overwrites the one of its last run.
        with ignoring():  # the disk of the old file may be gone
            deadline = now() + SUCCESSION_TIMEOUT
            for _ in range(_MOST_POLLS):
                _, inode, *_ = self._look()
                if inode or not self.file.is_regular or not os.fstat(self.file.fd).st_nlink or now() >= deadline:
                    break
                time.sleep(_POLL_INTERVAL)
        super()._close_moved_file()
