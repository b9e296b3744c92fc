"""A log file that another program rotates."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ._backlog import LossLine, plain_loss_line
from ._backups import status_of
from ._file import DEFAULT_BACKLOG_BYTES, FileSink

SUCCESSION_TIMEOUT = 0.1
"""How long to wait, after the file was moved, for its mover to make the new one, in seconds."""

_POLL_INTERVAL = 0.0005
_OVERTAKEN_SECONDS = 0.0005


class WatchedFileSink(FileSink):
    """A loguru sink for a file that logrotate, or a person, moves away: ``logger.add(WatchedFileSink(path))``.

    - It never rotates. Before each line it checks whether the file at ``path`` is still the one that it has open
      (device and inode), and opens the new one if not. A missing file is made again, and so is its folder; after a
      move, not before somebody else had a tenth of a second to make it, as logrotate does with ``create``.
    - With ``create`` no line is lost, ``compress`` without ``delaycompress`` included: a line whose write took so long
      that the file may have been moved *and compressed* before it is written again to the new file. In this one case a
      line stands in two files.
    - ``copytruncate`` loses what is written between its copy and its truncation, whoever writes.
    - Everything else is as :class:`~taskflow_loguru.sinks.RotatingFileSink` states it: whole lines, any number of
      processes, lines that cannot be written, locks, forks, and ``stop()``.

    Args:
        path: The file. It and its missing folders are made at once.
        backlog_bytes: How many bytes of lines to keep while the file cannot be written.
        loss_line: Render ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is invalid; the message names it, its value and what is allowed.
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

    def _append_locked(
        self, status: os.stat_result, lines: Sequence[bytes], written: list[int], started: float
    ) -> None:
        file, size = self._file, status.st_size
        file.append(lines, written, size, size != file.end and file.is_torn(size))
        # Between our check of the path and our write, the file can be moved, read to its end by a compressor, and
        # deleted. A compressor takes longer than this to start, so that only a slow write has to check again.
        # test_watched.py::test_only_a_slow_write_to_a_moved_file_is_repeated
        if time.monotonic() - started >= _OVERTAKEN_SECONDS and file.is_regular and file.status_at(self.path) is None:
            written.clear()

    def _leave(self) -> None:
        file = self._file
        if file.is_regular:
            # logrotate would rename a file that is made between its two steps to "tasks.log-<hour>.backup", over the
            # one of its last run.
            deadline = time.monotonic() + SUCCESSION_TIMEOUT
            while os.fstat(file.fds[0]).st_nlink and status_of(self.path) is None and time.monotonic() < deadline:
                time.sleep(_POLL_INTERVAL)
        super()._leave()
