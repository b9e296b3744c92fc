"""The lines of several log files, with messages about the files and lines that are not read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from taskflow_loguru.reader._logs import MergedLogs, Seen
from taskflow_loguru.reader._parse import parse_block

from .moments import clock, zone_name
from .printing import print_error
from .progress import with_progress

_SAMPLE = 4_096


class Logs(MergedLogs):
    """Log files with their backups, as one stream of lines.

    Args:
        paths: The files.
        shows_progress: Whether a terminal shows how much of the first file is read.
        says_why: Whether to print why a log has no line: it is empty, or all are outside the range of time.
        options: The options of :class:`MergedLogs`.

    Attributes:
        failed: Whether a file could not be read. The error was printed on stderr, and the other files are read.
        has_explained: Whether it was printed why a log has no line.
    """

    def __init__(
        self, paths: Sequence[Path], *, shows_progress: bool = False, says_why: bool = False, **options: Any
    ) -> None:
        self.failed = False
        self.has_explained = False
        self._shows_progress = shows_progress
        self._says_why = says_why
        super().__init__(paths, **options)

    def blocks(self, path: Path) -> Iterator[bytes]:
        blocks = super().blocks(path)
        if self._shows_progress and path == self.paths[0]:  # one bar for all files
            return with_progress(blocks, self.paths, _time_of, lambda block: block.count(b"\n") + 1)
        return blocks

    def report(self, name: str, reason: OSError | str) -> None:
        if isinstance(reason, OSError):
            self.failed = True
            reason = reason.strerror or str(reason).removeprefix(f"{name!r}: ")
        print_error(f"{name}: {reason}")

    def tell_missing(self) -> None:
        """Print which files do not exist yet."""
        for path in self.paths:
            if not os.path.lexists(path):
                print_error(f"{path}: No such file or directory; waiting for it")

    def explain(self, path: Path, seen: Seen) -> None:
        if later := seen.finder.later:
            lines = "1 line is" if later == 1 else f"{later:,} lines are"
            print_error(f"{path}: {lines} of a later version of taskflow-loguru; update it to read them")
        if seen.lines and not seen.in_range and self._says_why:
            since = f" from {clock(self.since)}" if self.since else ""
            until = f" before {clock(self.until)}" if self.until else ""
            self._say(f"{path}: no line{since}{until} {zone_name(self.since or self.until)}")
        if seen.lines:
            return
        try:
            is_empty = not seen.blocks and not os.stat(path).st_size
        except OSError as error:
            # Any other error was reported when the file was opened.
            if not seen.blocks and (isinstance(error, FileNotFoundError) or not self.failed):
                self.report(str(path), error)
            return
        if self.failed:
            return
        if is_empty and self._says_why:
            self._say(f"{path}: the file is empty")
        elif not is_empty and seen.is_everything and self.since is None:
            self.failed = True
            if not later:
                self._say(f"{path}: no line is from a task")

    def _say(self, text: str) -> None:
        self.has_explained = True
        print_error(text)


def _time_of(block: bytes) -> datetime | None:
    return next((line.time for line in parse_block(block[:_SAMPLE]) if line.time), None)
