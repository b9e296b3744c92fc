"""A progress bar on stderr, for reading that takes over a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

DELAY = 1.0
"""The delay before the bar appears, in seconds."""

_LINES_BETWEEN_UPDATES = 5_000

Item = TypeVar("Item")


def with_progress(
    items: Iterable[Item],
    paths: Sequence[Path],
    time_of: Callable[[Item], datetime | None] = attrgetter("time"),
    lines_of: Callable[[Item], int] = lambda item: 1,
) -> Iterator[Item]:
    """Yield *items*, lines or blocks of lines; on a terminal, show the progress.

    It is the part of the time from the first line to the last change of the newest file.
    """
    if not sys.stderr.isatty():
        return iter(items)
    return _with_progress(items, paths, time_of, lines_of)


def _with_progress(
    items: Iterable[Item],
    paths: Sequence[Path],
    time_of: Callable[[Item], datetime | None],
    lines_of: Callable[[Item], int],
) -> Iterator[Item]:
    begin = time.monotonic()
    first: float | None = None
    lines = updated = 0
    with ExitStack() as stack:
        update: Callable[[float, int], None] | None = None
        for item in items:
            yield item
            lines += lines_of(item)
            if first is not None and lines - updated < _LINES_BETWEEN_UPDATES:
                continue
            updated = lines
            moment = time_of(item)
            if moment is None:
                continue
            first = moment.timestamp() if first is None else first
            if update is None and time.monotonic() - begin >= DELAY:
                update = _bar(stack, max(1.0, _newest(paths) - first))
            if update is not None:
                update(moment.timestamp() - first, lines)


def _bar(stack: ExitStack, total: float) -> Callable[[float, int], None]:
    """Show a bar until *stack* is closed; return the function that updates it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = ("{task.percentage:>3.0f} %", "{task.fields[lines]:,} lines")
    console = Console(stderr=True)
    progress = Progress(BarColumn(), *map(TextColumn, columns), TimeRemainingColumn(), console=console, transient=True)
    stack.enter_context(progress)
    task = progress.add_task("", total=total, lines=0)
    return lambda completed, lines: progress.update(task, completed=completed, lines=lines)


def _newest(paths: Sequence[Path]) -> float:
    """Return the last change of the newest file, in seconds since 1970."""
    times = []
    for path in paths:
        with suppress(OSError):
            times.append(os.stat(path).st_mtime)
    return max(times, default=0.0)
