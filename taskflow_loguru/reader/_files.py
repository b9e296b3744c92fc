"""Search for a log file and its backups, and open them in the order of their lines."""

from __future__ import annotations

import gzip
import heapq
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain

from ._lines import LogFile
from ._parse import parse_line

_SAMPLE = 65536

# logrotate and the rotating sinks number the backups, as in tasks.log.1. With `dateext`, logrotate dates them, as in
# tasks.log-20260101 or in the form of its `dateformat`. Shorter dates could be a port, a process id or a version.
_NUMBER = re.compile(r"\.([1-9]\d{0,4})", re.ASCII)
_DATE = re.compile(r"[-._](?:\d(?:[-._:T]?\d){7,}|(?:19|20)\d\d[-._]?(?:0[1-9]|1[0-2]))", re.ASCII)
# loguru inserts a time before the extension, and a number after the time if the name exists already.
_LOGURU_TIME = r"\.\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{6}(?:\.\d+)?"
# The text of a date sorts like the date if the year comes first. Seconds since 1970 do, too.
_SORTABLE = re.compile(r"[-._](?:(?:19|20)\d\d[-._]?(?:0[1-9]|1[0-2])|1\d{9}$)", re.ASCII)


class LogFiles:
    """The file at a path and its backups, compressed or not."""

    def __init__(self, name: str, *, loguru_backups: bool = False) -> None:
        self.name = name
        self._loguru_backups = loguru_backups

    def open_newer(self, known: Sequence[LogFile] = (), *, since: datetime | None = None) -> list[LogFile]:
        """Open the file and its backups, newest first, each once, as far as they are newer than all known files.

        A rotation or a compression during the call neither hides a file nor opens it twice. ``since`` leaves out
        backups whose last change is older.
        """
        while True:
            opened: list[LogFile] = []
            files: list[LogFile] = []
            is_complete = False
            try:
                old, new = {_inode(file) for file in known}, set()
                newest = list(_open_each([(self.name,)], opened))
                backups = self._backups()
                for file in chain(newest, _open_in_order(backups, opened)):
                    inode = _inode(file)
                    if inode in old or _is_copy(file, known):
                        break
                    if file.name != self.name and (
                        _is_empty(file) or (since and _last_change(file) < since.timestamp())
                    ):
                        continue
                    # A file that was moved or compressed after it was opened is found a second time.
                    if inode not in new and not _is_copy(file, files):
                        new.add(inode)
                        files.append(file)
                # While the newest file is still at its path, no rotation has overtaken the search. But a file that is
                # renamed while the folder is listed may be missing in the list, and its next place with it.
                is_complete = (not files or is_at(files[0].name, files[0])) and self._backups() == backups
                if is_complete:
                    return files
            finally:
                for file in opened:
                    if not is_complete or file not in files:
                        file.close()

    def _backups(self) -> list[list[str]]:
        """List the possible paths of backups, without ``.gz``, newest first, by naming scheme."""
        folder, base = os.path.split(os.path.realpath(self.name))  # backups are beside the file, not the link
        stem, extension = os.path.splitext(base)
        loguru_name = re.compile(re.escape(stem) + _LOGURU_TIME + re.escape(extension), re.ASCII)
        numbers = {0}
        dates: dict[str, set[str]] = {}
        with suppress(FileNotFoundError):
            for entry in os.listdir(folder):
                name = entry.removesuffix(".gz")
                suffix = name.removeprefix(base)
                if match := _NUMBER.fullmatch(suffix):
                    numbers.add(int(match[1]))
                elif _DATE.fullmatch(suffix):
                    way = re.sub(r"\d", "0", suffix) if _SORTABLE.match(suffix) else suffix
                    dates.setdefault(f"{base}{way}", set()).add(name)
                elif self._loguru_backups and loguru_name.fullmatch(name):
                    dates.setdefault("loguru", set()).add(name)
        numbers |= {number + 1 for number in numbers}  # a backup that is moved up after this
        numbered = [f"{base}.{number}" for number in sorted(numbers)[1:]]
        dated = [
            sorted(names, key=lambda name: name.removesuffix(extension), reverse=True)
            for _, names in sorted(dates.items())
        ]
        return [[os.path.join(folder, name) for name in names] for names in (numbered, *dated)]


def _open_in_order(backups: Iterable[Iterable[str]], opened: list[LogFile]) -> Iterator[LogFile]:
    """Open the backups from the newest to the oldest, which is the order in which a rotation moves them.

    In this order, a file that is moved or compressed during the search is still found. Numbers and dates give the
    order. Backups of different naming schemes are ordered by the times of their first lines.
    """
    series = [_open_each([(name, f"{name}.gz") for name in names], opened) for names in backups]
    return heapq.merge(*series, key=_start_time, reverse=True)


def _open_each(places: Iterable[Sequence[str]], opened: list[LogFile]) -> Iterator[LogFile]:
    """Open the first file of each group of paths, and add it to ``opened``.

    A compressed file is the second of its group: while the plain file exists too, the copy may be incomplete.
    """
    for names in places:
        for name in names:
            try:
                file = _open(name)
            except FileNotFoundError:
                continue
            opened.append(file)
            yield file
            break


def _open(name: str) -> LogFile:
    return gzip.open(name) if name.endswith(".gz") else open(name, "rb")


def is_at(name: str, file: LogFile) -> bool:
    """Return whether ``file`` is the file at the path ``name``."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == _inode(file)


def _inode(file: LogFile) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def _is_empty(file: LogFile) -> bool:
    """Return whether a backup is empty: it has no lines, or is the successor that a rotation is about to install.

    Without this, the successor would count as older than the file itself, and its lines would be skipped. An empty
    ``.gz`` is torn, not empty: reading it raises an error.
    """
    return not isinstance(file, gzip.GzipFile) and os.fstat(file.fileno()).st_size == 0


def _is_copy(file: LogFile, others: Sequence[LogFile]) -> bool:
    """Return whether ``file`` is a compressed copy of one of the others."""
    if not isinstance(file, gzip.GzipFile):
        return False
    plain = [other for other in others if not isinstance(other, gzip.GzipFile)]
    sample = _sample(file) if plain else b""
    return bool(sample) and any(sample == os.pread(other.fileno(), len(sample), 0) for other in plain)


def _start_time(file: LogFile) -> float:
    """Return the start of a file in seconds since 1970: the first time in it, or else the time of its last change."""
    for line in _sample(file).decode("utf-8", "replace").split("\n"):
        parsed = parse_line(line)
        if parsed is not None and parsed.time is not None:
            return parsed.time.timestamp()
    return _last_change(file)


def _last_change(file: LogFile) -> float:
    return os.fstat(file.fileno()).st_mtime


def _sample(file: LogFile) -> bytes:
    """Return the first bytes of a file, without moving its position; nothing for a torn gzip file."""
    if not isinstance(file, gzip.GzipFile):
        return os.pread(file.fileno(), _SAMPLE, 0)
    # Not file.read(): after an error, GzipFile.seek(0) does not rewind, and a torn file would look empty.
    decompressor = zlib.decompressobj(wbits=31)
    try:
        sample = decompressor.decompress(os.pread(file.fileno(), 2 * _SAMPLE, 0), _SAMPLE)
    except zlib.error:
        return b""
    return sample if decompressor.eof or len(sample) == _SAMPLE else b""
