"""The lines of several log files, in the order of time."""

from __future__ import annotations

import heapq
import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.reader import read

_BACKUP = re.compile(r"[.-]\d[\d-]*(?:\.gz)?", re.ASCII)
_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


def without_backups(paths: Sequence[Path]) -> list[Path]:
    """Return *paths* without duplicates, and without backups of other paths: ``tasks.log*`` means one log."""
    unique = list(dict.fromkeys(paths))
    return [path for path in unique if not any(_is_backup(path, other) for other in unique)]


def _is_backup(path: Path, other: Path) -> bool:
    name = path.name.removeprefix(other.name)
    return path.parent == other.parent and name != path.name and _BACKUP.fullmatch(name) is not None


class Logs:
    """Log files with their backups.

    Args:
        paths: The files; backups of others among them are left out.
        since: Leave out older lines, and do not even read backups that are older.

    Attributes:
        paths: The files, without the backups that the user's glob may have added.
        failed: Whether a file could not be read. The error was printed on stderr, and the other files are read.
    """

    def __init__(self, paths: Sequence[Path], *, since: datetime | None = None) -> None:
        self.paths = without_backups(paths)
        self.failed = False
        self._since = since

    def lines(self) -> Iterator[TaskLine]:
        """Return the lines of all files, merged by time."""
        if len(self.paths) == 1:
            return self._read(self.paths[0])
        return (line for line, _ in self.lines_with_paths())

    def lines_with_paths(self) -> Iterator[tuple[TaskLine, Path]]:
        """Return the lines of all files, merged by time, each with the path of its file."""
        streams = [self._with_times(number, path) for number, path in enumerate(self.paths)]
        return ((line, self.paths[number]) for _, number, line in heapq.merge(*streams))

    def _with_times(self, number: int, path: Path) -> Iterator[tuple[datetime, int, TaskLine]]:
        time = _EARLIEST
        for line in self._read(path):
            # A line without a time, and one that another process wrote a little late, stay behind the previous line.
            if line.time is not None and line.time > time:
                time = line.time
            yield time, number, line

    def _read(self, path: Path) -> Iterator[TaskLine]:
        found = False
        try:
            for line in read(path, since=self._since):
                found = True
                yield line
            if not found:
                self._check(path)
        except OSError as error:
            self._print_error(path, error.strerror or str(error))

    def _check(self, path: Path) -> None:
        """Print a message if a log is not empty but has no line of a task."""
        if os.stat(path).st_size and self._since is None:
            self._print_error(path, "no line is from a task")

    def _print_error(self, path: Path, text: str) -> None:
        self.failed = True
        print(f"taskflow-loguru: {path}: {text}", file=sys.stderr)
