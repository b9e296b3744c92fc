"""Follow a log file as it grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime

from .._arguments import checked_flag, checked_path
from ..formats import TaskLine
from ._files import LogFiles, is_at
from ._lines import LineReader, LogFile
from ._parse import parse_line
from ._read import check_since, recent

POLL_INTERVAL = 0.1
"""The pause of :func:`follow` between two polls of a file that does not grow, in seconds."""

_MAX_OPEN_FILES = 10  # more files than any program deletes between two polls


def follow(
    path: str | os.PathLike[str],
    *,
    from_start: bool = False,
    since: datetime | None = None,
    loguru_backups: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[TaskLine]:
    """Read a log file as it grows, as ``tail -F`` does: across rotations, and before the file exists.

    It starts at the current end of the file. No line is missed, however often the file is rotated
    between two polls, as long as the backups exist; :func:`read` finds the same ones. Lines of other programs are
    skipped. A file that has become shorter than the part already read is read again from its start.

    Args:
        path: The file.
        from_start: Whether to start with the existing lines of the file (not of its backups).
        since: Start with the lines of the file and of its backups that are not older, as :func:`read` does.
        loguru_backups: Whether to also include backups from loguru's own rotation.
        stop: An event that ends the iterator when it is set, after all existing lines. None: the iterator never ends.

    Raises:
        TypeError, ValueError: An argument is invalid, or both ``from_start`` and ``since`` are given.
        OSError: A file exists but cannot be read, or is a torn gzip file.
    """
    files = LogFiles(checked_path(path), loguru_backups=checked_flag("loguru_backups", loguru_backups))
    check_since(since)
    if stop is not None and not isinstance(stop, threading.Event):
        raise TypeError(f"stop must be a threading.Event or None, not {stop!r}")
    if checked_flag("from_start", from_start) and since is not None:
        raise ValueError(f"since must be None with from_start=True, not {since!r}")
    return recent(_follow(_Follower(files, from_start, since), stop or threading.Event()), since)


def _follow(follower: _Follower, stop: threading.Event) -> Generator[TaskLine, None, None]:
    with closing(follower):
        while True:
            is_last = stop.is_set()
            yield from follower.new_lines(is_last=is_last)
            if is_last:
                return
            stop.wait(POLL_INTERVAL)


class _Follower:
    """The position of a reader: a file, and the part already read."""

    def __init__(self, files: LogFiles, from_start: bool, since: datetime | None) -> None:
        self._files = files
        found = files.open_newer(since=since)
        # The newest known files. They stay open, so that no new file can reuse one of their inodes.
        self._known: list[LogFile] = [] if since else found
        self._unread: list[LogFile] = found if since else []
        self._reader: LineReader | None = None
        self._was_moved = False
        if self._known and self._known[0].name == files.name:
            self._reader = LineReader(self._known[0])
            if not from_start:
                self._reader.skip_to_end()
        self._close_oldest()

    def close(self) -> None:
        for file in (*self._unread, *self._known):
            file.close()

    def new_lines(self, *, is_last: bool) -> Iterator[TaskLine]:
        """Read the lines that were written since the last call."""
        yield from self._lines_of_unread()
        yield from self._lines_of_file()
        if self._reader is not None and is_at(self._files.name, self._reader.file):
            return
        if self._reader is not None and not self._was_moved and not is_last:
            # One more poll before the file is closed: a writer that opened it before the rotation may still append.
            self._was_moved = True
            return
        self._was_moved = False
        self._unread = self._files.open_newer(self._known)
        yield from self._lines_of_unread()

    def _lines_of_unread(self) -> Iterator[TaskLine]:
        while self._unread:
            file = self._unread.pop()
            self._known.insert(0, file)
            self._reader = LineReader(file)
            yield from self._lines_of_file()
        self._close_oldest()

    def _lines_of_file(self) -> Iterator[TaskLine]:
        if self._reader is None:
            return
        self._reader.restart_if_truncated()
        for lines in self._reader.blocks():
            yield from filter(None, map(parse_line, lines))

    def _close_oldest(self) -> None:
        # Close deleted files first, so that their disk space is freed. But keep the newest two: a file that was
        # compressed counts as deleted, and is needed to recognise its copy.
        left = [file for file in self._known[2:] if os.fstat(file.fileno()).st_nlink]
        kept = [*self._known[:2], *left][:_MAX_OPEN_FILES]
        for file in self._known:
            if file not in kept:
                file.close()
        self._known = kept
