"""Follow a log file as it grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime

from .._arguments import checked_flag, checked_path
from ..formats import TaskLine
from ._files import LogFiles, is_at
from ._lines import LineReader
from ._opening import LogFile
from ._parse import parse_block
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
    skipped. A file that has become shorter than the part already read is read again from its start. A pipe, such as
    ``/dev/stdin``, is read from its start, and ends the iterator with its end.

    Args:
        path: The file.
        from_start: Whether to start with the existing lines of the file (not of its backups).
        since: Start with the lines of the file and of its backups that are not older, as :func:`read` does.
        loguru_backups: Whether to also include backups from loguru's own rotation.
        stop: An event that ends the iterator when it is set, after all existing lines. None: the iterator never ends.

    Raises:
        TypeError, ValueError: An argument is invalid, or both ``from_start`` and ``since`` are given.
        OSError: A file exists but cannot be read, is not a regular file, or is compressed and torn.
    """
    files = LogFiles(checked_path(path), loguru_backups=checked_flag("loguru_backups", loguru_backups))
    check_since(since)
    if stop is not None and not isinstance(stop, threading.Event):
        raise TypeError(f"stop must be a threading.Event or None, not {stop!r}")
    if checked_flag("from_start", from_start) and since is not None:
        raise ValueError(f"since must be None with from_start=True, not {since!r}")
    if since is not None:
        readers = [LineReader(file) for file in files.open_newer(since=since)]
        follower = Follower(files, unread=readers)
    else:
        known = files.open_newer()
        newest = LineReader(known[0]) if known and known[0].name == files.name else None
        if newest and not from_start:
            newest.skip_to_end()
        follower = Follower(files, known=known, newest=newest)
    return recent(_parsed(follower, stop), since)


def _parsed(follower: Follower, stop: threading.Event | None) -> Generator[TaskLine, None, None]:
    with closing(follower.blocks(stop)) as blocks:
        for block in blocks:
            yield from parse_block(block)


class Follower:
    """The position of a reader: a file, and the part already read.

    Args:
        files: The file and its backups.
        unread: The files to begin with, newest first.
        known: More files that exist already, newest first. They stay open, so that no new file can reuse one of their
            inodes.
        newest: The reader of the first known file, at its position, if its next lines are to be read.
    """

    def __init__(
        self,
        files: LogFiles,
        *,
        unread: Sequence[LineReader] = (),
        known: Sequence[LogFile] = (),
        newest: LineReader | None = None,
    ) -> None:
        self._files = files
        self._unread = list(unread)
        self._known = list(known)
        self._reader = newest
        self._was_moved = False
        self._close_oldest()

    def blocks(self, stop: threading.Event | None = None) -> Generator[bytes, None, None]:
        """Yield lines as they are written, as :func:`read_blocks` does, until *stop* is set or a pipe ends."""
        stop = stop or threading.Event()
        try:
            while True:
                is_last = stop.is_set()
                yield from self._new_blocks(is_last=is_last)
                if is_last or (self._reader is not None and self._reader.file.is_stream):
                    return
                stop.wait(POLL_INTERVAL)
        finally:
            for file in (*(reader.file for reader in self._unread), *self._known):
                file.close()

    def _new_blocks(self, *, is_last: bool) -> Iterator[bytes]:
        """Read the lines that were written since the last call."""
        yield from self._blocks_of_unread()
        yield from self._blocks_of_file()
        if self._reader is not None and is_at(self._files.name, self._reader.file):
            return
        if self._reader is not None and not self._was_moved and not is_last:
            # One more poll before the file is closed: a writer that opened it before the rotation may still append.
            self._was_moved = True
            return
        self._was_moved = False
        self._unread = [LineReader(file) for file in self._files.open_newer(self._known)]
        yield from self._blocks_of_unread()

    def _blocks_of_unread(self) -> Iterator[bytes]:
        while self._unread:
            self._reader = self._unread.pop()
            self._known.insert(0, self._reader.file)
            yield from self._blocks_of_file()
        self._close_oldest()

    def _blocks_of_file(self) -> Iterator[bytes]:
        if self._reader is not None:
            self._reader.restart_if_truncated()
            yield from self._files.lines_of(self._reader)

    def _close_oldest(self) -> None:
        # Close deleted files first, so that their disk space is freed. But keep the newest two: a file that was
        # compressed counts as deleted, and is needed to recognise its copy.
        left = [file for file in self._known[2:] if os.fstat(file.fileno()).st_nlink]
        kept = [*self._known[:2], *left][:_MAX_OPEN_FILES]
        for file in self._known:
            if file not in kept:
                file.close()
        self._known = kept
