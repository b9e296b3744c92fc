"""A log file as it grows."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import IO

from .._arguments import checked_flag, checked_path
from ..formats import TaskLine
from ._files import decode, is_at, lines, open_newer
from ._parse import parse

POLL_INTERVAL = 0.1
"""Seconds between two polls by :func:`follow` of a file that does not grow."""

_HELD = 10  # more files than anyone deletes by hand between two looks


def follow(
    path: str | os.PathLike[str], *, from_start: bool = False, stop: threading.Event | None = None
) -> Iterator[TaskLine]:
    """Read a log file as it grows, as ``tail -F`` does: across rotations, and from before the file is there.

    It begins where the file ends at the time of the call. However often the file is rotated between two looks,
    no line is missed as long as the backups are there. What is no task's line is passed over. A file that is
    found shorter than what has been read of it is read from its start again.

    Args:
        path: The file.
        from_start: Whether to begin with the lines that the file (not its backups) holds already.
        stop: Ends the iterator once it is set, after what is there has been read. Without it there is no end.

    Raises:
        TypeError, ValueError: An argument is invalid.
        OSError: A file is there and cannot be read, or is a torn gzip file.
    """
    checked_flag("from_start", from_start)
    if stop is not None and not (hasattr(stop, "is_set") and hasattr(stop, "wait")):
        raise TypeError(f"stop must be a threading.Event or None, not {stop!r}")
    return _follow(_Follower(checked_path(path), from_start), stop or threading.Event())


def _follow(follower: _Follower, stop: threading.Event) -> Iterator[TaskLine]:
    with closing(follower):
        while True:
            is_last = stop.is_set()
            yield from follower.new_lines(is_last=is_last)
            if is_last:
                return
            stop.wait(POLL_INTERVAL)


class _Follower:
    """Where a reader is: in which file, and after which byte."""

    def __init__(self, name: str, from_start: bool) -> None:
        self._name = name
        # The newest files that have been seen. Held open, so that no new file can have the inode of one.
        self._known = open_newer(name, ())
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._was_moved = False
        if self._known and self._known[0].name == name:
            self._file = self._known[0]
            if not from_start:
                self._file.seek(0, os.SEEK_END)
        self._forget_the_oldest()

    def close(self) -> None:
        for file in self._known:
            file.close()

    def new_lines(self, *, is_last: bool) -> Iterator[TaskLine]:
        yield from self._lines_of_file()
        if self._file is not None and is_at(self._name, self._file):
            return
        if self._file is not None and not self._was_moved and not is_last:
            # One more look before the file is left: a writer that the rotation has overtaken may still append.
            self._was_moved = True
            return
        self._was_moved = False
        newer = open_newer(self._name, self._known)
        self._known = newer + self._known
        for file in reversed(newer):
            self._file = file
            self._rest = b""
            yield from self._lines_of_file()
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        # Deleted ones first, not to keep their place on the disk; but a file that has been compressed counts as
        # deleted, and the copy is known by it.
        left = [file for file in self._known[2:] if os.fstat(file.fileno()).st_nlink]
        kept = [*self._known[:2], *left][:_HELD]
        for file in self._known:
            if file not in kept:
                file.close()
        self._known = kept

    def _lines_of_file(self) -> Iterator[TaskLine]:
        file = self._file
        if file is None:
            return
        if not isinstance(file, gzip.GzipFile) and os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)
            self._rest = b""
        for line in lines(file):
            self._rest += line
            if line.endswith(b"\n"):
                parsed = parse(decode(self._rest))
                self._rest = b""
                if parsed is not None:
                    yield parsed
