"""A progress bar on stderr, for reading that takes over a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

DELAY = 1.0
"""The delay before the bar appears, in seconds."""

_LINES_BETWEEN_UPDATES = 5_000


Line = TypeVar("Line")
TimeOf = Callable[[Line], datetime | None]


def with_progress(
    lines: Iterable[Line], paths: Sequence[Path], time_of: TimeOf[Line] = attrgetter("time")
) -> Iterator[Line]:
    """Yield *lines*; on a terminal, show the progress from their times to the last change of the newest file."""
    if not sys.stderr.isatty():
        return iter(lines)
    return _with_progress(lines, paths, time_of)


def _with_progress(lines: Iterable[Line], paths: Sequence[Path], time_of: TimeOf[Line]) -> Iterator[Line]:
    iterator = iter(lines)
    begin = time.monotonic()
    first: float | None = None
    for number, line in enumerate(iterator, 1):
        yield line
        if first is None and (moment := time_of(line)) is not None:
            first = moment.timestamp()
        if number % _LINES_BETWEEN_UPDATES == 0 and first is not None and time.monotonic() - begin >= DELAY:
            yield from _with_bar(iterator, number, first, paths, time_of)


def _with_bar(
    lines: Iterator[Line], number: int, first: float, paths: Sequence[Path], time_of: TimeOf[Line]
) -> Iterator[Line]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    total = max(1.0, _newest(paths) - first)
    columns = ("{task.percentage:>3.0f} %", "{task.fields[lines]:,} lines")
    with Progress(
        BarColumn(), *map(TextColumn, columns), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task("", total=total, lines=number)
        for number, line in enumerate(lines, number + 1):  # noqa: B020  # continues the count
            yield line
            if number % _LINES_BETWEEN_UPDATES == 0 and (moment := time_of(line)) is not None:
                progress.update(task, completed=moment.timestamp() - first, lines=number)


def _newest(paths: Sequence[Path]) -> float:
    """Return the last change of the newest file, in seconds since 1970."""
    times = []
    for path in paths:
        with suppress(OSError):
            times.append(os.stat(path).st_mtime)
    return max(times, default=0.0)
