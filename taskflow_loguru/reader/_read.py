"""Read a log file with its backups, from the oldest line to the newest."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from datetime import datetime

from .._arguments import checked_flag, checked_path
from ..formats import TaskLine
from ._files import LogFiles
from ._lines import LineReader
from ._parse import parse_block


def read(
    path: str | os.PathLike[str], *, since: datetime | None = None, loguru_backups: bool = False
) -> Iterator[TaskLine]:
    """Read a log file with its backups, the oldest line first.

    The backups are numbered (``tasks.log.1``, ``tasks.log.2.gz``) or dated by logrotate (``tasks.log-20260101``,
    ``tasks.log-2026010113.xz``, any ``dateformat``), or both, also in logrotate's ``olddir`` if that is a folder beside
    the file. ``.gz``, ``.bz2`` and ``.xz`` are decompressed, and ``.zst`` with Python 3.14 or backports.zstd. They may
    be rotated and compressed at the same time: no line is missing or comes twice.

    Lines of other programs, and an incomplete last line, are skipped. So is a line of more than 64 MiB, and a file in
    another compression: a message on stderr reports it. Memory is bounded by the longest line, not by the size of the
    files. All files stay open until the end. ``/dev/stdin`` and ``/dev/fd/N`` are read as they are, without backups.

    Args:
        path: The file.
        since: Leave out older lines. A backup whose last change is older is not even read. A line without a time
            counts as old as the line before it.
        loguru_backups: Whether to also read backups from loguru's own rotation
            (``tasks.2026-01-01_12-00-00_000000.log``). The file of another logger may have such a name.

    Raises:
        TypeError, ValueError: ``path`` is not a file's path, or ``since`` is not a time with a time zone.
        OSError: A file exists but cannot be read, is not a regular file, or is compressed and torn. A missing file
            yields nothing.
    """
    files = LogFiles(checked_path(path), loguru_backups=checked_flag("loguru_backups", loguru_backups))
    check_since(since)
    return recent(_read(files, since), since)


def _read(files: LogFiles, since: datetime | None) -> Generator[TaskLine, None, None]:
    with closing(read_blocks(files, since)) as blocks:
        for block in blocks:
            yield from parse_block(block)


def read_blocks(files: LogFiles, since: datetime | None) -> Generator[bytes, None, None]:
    """Yield the complete lines of a file with its backups as blocks of bytes, without the last newline of each."""
    with ExitStack() as opened:
        found = [opened.enter_context(closing(file)) for file in files.open_newer(since=since)]
        for file in reversed(found):
            yield from files.lines_of(LineReader(file))


def check_since(value: datetime | None) -> None:
    """Raise an error unless *value* is None or a datetime with a time zone."""
    if value is None:
        return
    if not isinstance(value, datetime):
        raise TypeError(f"since must be a datetime with a time zone, or None, not {value!r}")
    if value.utcoffset() is None:
        raise ValueError(f"since must be a datetime with a time zone, not {value!r}")


def recent(lines: Generator[TaskLine, None, None], since: datetime | None) -> Iterator[TaskLine]:
    """Leave out the lines that are older than ``since``."""
    return lines if since is None else _recent(lines, since)


def _recent(lines: Generator[TaskLine, None, None], since: datetime) -> Iterator[TaskLine]:
    with closing(lines):
        is_recent = True
        for line in lines:
            if line.time is not None:
                is_recent = line.time >= since
            if is_recent:
                yield line
