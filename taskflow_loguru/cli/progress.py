"""A progress bar on stderr, for reading that takes over a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from taskflow_loguru.formats import TaskLine

DELAY = 1.0
"""Seconds before the bar appears."""

_LINES_BETWEEN_LOOKS = 5_000


def with_progress(lines: Iterable[TaskLine], paths: Sequence[Path]) -> Iterator[TaskLine]:
    """Yield *lines*; on a terminal show how far they are, by their times, on the way to the newest file's."""
    if not sys.stderr.isatty():
        return iter(lines)
    return _with_progress(lines, paths)


def _with_progress(lines: Iterable[TaskLine], paths: Sequence[Path]) -> Iterator[TaskLine]:
    iterator = iter(lines)
    begin = time.monotonic()
    first: float | None = None
    for number, line in enumerate(iterator, 1):
        yield line
        if first is None and line.time is not None:
            first = line.time.timestamp()
        if number % _LINES_BETWEEN_LOOKS == 0 and first is not None and time.monotonic() - begin >= DELAY:
            yield from _with_bar(iterator, number, first, paths)


def _with_bar(lines: Iterator[TaskLine], number: int, first: float, paths: Sequence[Path]) -> Iterator[TaskLine]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    total = max(1.0, _newest(paths) - first)
    columns = ("{task.percentage:>3.0f} %", "{task.fields[lines]:,} lines")
    with Progress(
        BarColumn(), *map(TextColumn, columns), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task("", total=total, lines=number)
        for number, line in enumerate(lines, number + 1):  # noqa: B020  # goes on counting
            yield line
            if number % _LINES_BETWEEN_LOOKS == 0 and line.time is not None:
                progress.update(task, completed=line.time.timestamp() - first, lines=number)


def _newest(paths: Sequence[Path]) -> float:
    """When the newest of the files was written last, in seconds since 1970."""
    times = []
    for path in paths:
        with suppress(OSError):
            times.append(os.stat(path).st_mtime)
    return max(times, default=0.0)
