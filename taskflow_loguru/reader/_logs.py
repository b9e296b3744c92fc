"""The lines of several log files, in the order of time."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from ..formats import TaskLine
from ._files import LogFiles
from ._follow import Follower
from ._lines import LineReader
from ._opening import open_descriptor
from ._read import read_blocks
from ._search import Finder
from ._tail import open_tail

_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


class LogLine(NamedTuple):
    """A line with its place.

    Attributes:
        time: Its time; for a line without one, that of the line before.
        line: The parsed line.
        raw: Its bytes in the file.
        path: The log, as the user has named it.
    """

    time: datetime | None
    line: TaskLine
    raw: bytes
    path: Path

    @property
    def digits(self) -> int:
        """The number of digits that its time has after the seconds."""
        return 6 if self.raw[:1] == b"{" else 3 if self.line.level else 0


class Wanted:
    """The lines to find: all of them, or those that a subclass selects.

    Attributes:
        needles: Bytes of which each wanted line has some; None if they are not known.
        test: A condition for a text line before it is parsed; None for none.
    """

    needles: Sequence[bytes] | None = None
    test: Callable[[str], object] | None = None

    def __call__(self, line: LogLine) -> bool:
        return True


class Seen:
    """The numbers of lines that were found in a log.

    Attributes:
        finder: The search for the wanted lines.
        is_everything: Whether every line is parsed.
        blocks, lines, in_range: The numbers of blocks, of lines that were parsed, and of those in the range of time.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.finder = Finder(wanted.needles, wanted.test)
        self.is_everything = wanted.needles is None and wanted.test is None
        self.blocks = self.lines = self.in_range = 0


class MergedLogs:
    """Log files with their backups, as one stream of lines.

    The command line overrides the methods that report the files and lines that are not read.

    Args:
        paths: The files; backups of others among them are left out.
        since: Leave out older lines, and do not even read backups that are older.
        until: Leave out lines from this time on.
        loguru_backups: Whether to also read the backups that loguru's own file sink makes.

    Attributes:
        paths: The files, without the backups that the user's glob may have added.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        loguru_backups: bool = False,
    ) -> None:
        files = {path: LogFiles(str(path), loguru_backups=loguru_backups, problem=self.report) for path in paths}
        known = {_identity(path): path for path in reversed(files) if not _is_backup(path, files.values())}
        self._files = {path: one for path, one in files.items() if path in known.values()}
        self._copies: list[IO[bytes]] = []
        self.paths = list(self._files)
        self.since = since
        self.until = until

    def lines(self) -> Iterator[TaskLine]:
        """Yield the lines of all files, merged by time."""
        return (found.line for found in self.found(Wanted()))

    def found(self, wanted: Wanted) -> Iterator[LogLine]:
        """Yield the wanted lines of all files, merged by time."""
        return _merged(self._found(path, self.blocks(path), wanted) for path in self.paths)

    def last(self, wanted: Wanted, count: int) -> Sequence[LogLine]:
        """Return the last *count* wanted lines of all files together."""
        if not count:
            return ()
        streams = (self._found(path, self._last_blocks(path, wanted, count), wanted) for path in self.paths)
        return deque(_merged(streams), maxlen=count)

    def live(self, wanted: Wanted, count: int | None) -> dict[Path, Iterator[LogLine]]:
        """Return the wanted lines of each file as they are written, from the last *count* of all on.

        None: from ``since`` on.
        """
        counts = Counter(line.path for line in self.last(wanted, count)) if count and len(self.paths) > 1 else None
        streams: dict[Path, Iterator[LogLine]] = {}
        for path in self.paths:
            files, skipped = self._files[path], 0
            if count is None:
                readers = [LineReader(file) for file in files.open_newer(since=self.since)]
            else:
                readers, skipped = self._open_tail(path, wanted, count if counts is None else counts[path])
            found = self._found(path, Follower(files, unread=readers).blocks(), wanted)
            streams[path] = islice(found, skipped, None)
        return streams

    def blocks(self, path: Path) -> Iterator[bytes]:
        """Yield the lines of a file and its backups, as :func:`read_blocks` does; report what cannot be read."""
        try:
            yield from read_blocks(self._files[path], self.since)
        except OSError as error:
            self.report(str(path), error)

    def report(self, name: str, reason: OSError | str) -> None:
        """Report why a file, or a line of it, is not read."""

    def explain(self, path: Path, seen: Seen) -> None:
        """Report on a log when all of it was read."""

    def copy_streams(self) -> None:
        """Copy each pipe to a temporary file: it can then be read twice."""
        for path, files in self._files.items():
            stream = open_descriptor(files.name)
            if stream is not None:
                self._copies.append(copy := tempfile.TemporaryFile())  # noqa: SIM115
                with closing(stream):
                    while block := stream.read(1 << 20):
                        copy.write(block)
                copy.flush()
                self._files[path] = LogFiles(f"/dev/fd/{copy.fileno()}", problem=self.report)

    def _last_blocks(self, path: Path, wanted: Wanted, count: int) -> Iterator[bytes]:
        try:
            for reader in reversed(self._open_tail(path, wanted, count)[0]):
                with closing(reader.file):
                    yield from self._files[path].lines_of(reader)
        except OSError as error:
            self.report(str(path), error)

    def _open_tail(self, path: Path, wanted: Wanted, count: int) -> tuple[list[LineReader], int]:
        def number_of(reader: LineReader) -> int:
            return sum(1 for _ in self._selected(path, files.lines_of(reader), wanted, Seen(wanted)))

        files = self._files[path]
        return open_tail(files, count, number_of, since=self.since)

    def _found(self, path: Path, blocks: Iterator[bytes], wanted: Wanted) -> Iterator[LogLine]:
        seen = Seen(wanted)
        yield from self._selected(path, blocks, wanted, seen)
        self.explain(path, seen)

    def _selected(self, path: Path, blocks: Iterator[bytes], wanted: Wanted, seen: Seen) -> Iterator[LogLine]:
        since, until = self.since, self.until
        for block in blocks:
            seen.blocks += 1
            for time, line, raw in seen.finder.find(block):
                seen.lines += 1
                if time is None or ((since is None or time >= since) and (until is None or time < until)):
                    seen.in_range += 1
                    found = LogLine(time, line, raw, path)
                    if wanted(found):
                        yield found


def _merged(streams: Iterable[Iterator[LogLine]]) -> Iterator[LogLine]:
    timed = [_with_times(number, stream) for number, stream in enumerate(streams)]
    return (line for _, _, line in heapq.merge(*timed))


def _with_times(number: int, stream: Iterator[LogLine]) -> Iterator[tuple[datetime, int, LogLine]]:
    time = _EARLIEST
    for line in stream:
        # A line without a time, and one that another process wrote a little late, stay behind the previous line.
        if line.time is not None and line.time > time:
            time = line.time
        yield time, number, line


def _is_backup(path: Path, logs: Iterable[LogFiles]) -> bool:
    return any(log.has_backup(str(path)) for log in logs)


def _identity(path: Path) -> object:
    """Return an object that is the same for all names of a file."""
    try:
        found = os.stat(path)
    except OSError:
        return path
    return found.st_dev, found.st_ino
