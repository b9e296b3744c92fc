"""A log file that something else rotates."""

from __future__ import annotations

from ._file import FileSink


class WatchedFileSink(FileSink):
    """A loguru sink for a file that logrotate, or a person, moves away: ``logger.add(WatchedFileSink(path))``.

    It never rotates. Before each line it looks whether the file at ``path`` is still the one that it has
    open (device and inode), and opens what is there now if it is not; a missing file, and its folder, is
    made again (one that was moved: when nobody else has made it for a tenth of a second, as logrotate does
    with ``create``). With ``create`` no line is lost, ``compress`` without ``delaycompress`` included:
    a write that took so long that the file may have been moved and compressed in the meantime is made again
    if it was, so that in this one case a line can stand in two files. ``copytruncate`` loses what is
    written between its copy and its truncation, whoever writes.

    Any number of processes may write to one path. See :class:`FileSink` for the rest of its promises: what
    happens on a full disk, to a held lock, at a fork, and at ``stop()``.

    Args:
        path: The file. It and its missing folders are made at once.
        backlog_bytes: How many bytes of lines to keep while the file cannot be written.
        loss_line: Renders ``(count, reason)`` of a loss as a line of the file's format.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
        OSError: The file cannot be opened.
    """

    _is_moved_by_others = True
