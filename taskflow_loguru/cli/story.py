"""One task's whole story: its runs, their attempts, and the lines of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from taskflow_loguru.formats import TaskLine

from .runs import Run, Runs

SHORT_ID = 8
"""How many characters of an id a text line has."""

_MAX_IDS = 10


@dataclass(slots=True)
class Told:
    """A line, the file that it is from, and its time: a separator in a text line has that of the line before."""

    line: TaskLine
    path: Path
    time: datetime | None


@dataclass(slots=True)
class Attempt:
    """The lines of one attempt; number 0 is the first."""

    number: int
    lines: list[Told] = field(default_factory=list)


@dataclass(slots=True)
class Chapter:
    """One run of the task. ``run`` is None if the log has no status line of it."""

    run: Run | None
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """A task: its id, as whole as the log has it, its function, and its runs."""

    task_id: str
    func_name: str
    chapters: list[Chapter]


class AmbiguousIdError(Exception):
    """Several tasks have an id that begins so.

    Attributes:
        task_ids: Some of these ids.
    """

    def __init__(self, task_ids: list[str]) -> None:
        super().__init__(task_ids)
        self.task_ids = task_ids


def matches(wanted: str, task_id: str | None) -> bool:
    """Return whether a line with *task_id* may be of the task that *wanted*, an id or its beginning, means."""
    if not task_id:
        return False
    # A text line has the beginning of the id alone.
    return task_id.startswith(wanted) or (len(task_id) == SHORT_ID and wanted.startswith(task_id))


def tell(wanted: str, lines: Iterable[tuple[TaskLine, Path]]) -> Story | None:
    """Collect the story of the task whose id is, or begins with, *wanted*; None if there is no line of it.

    Raises:
        AmbiguousIdError: Several ids begin so.
    """
    told: list[Told] = []
    ids: set[str] = set()
    time: datetime | None = None
    for line, path in lines:
        time = line.time or time
        if line.event == "loss" or not matches(wanted, line.task_id):
            continue
        if line.task_id not in ids:
            ids.add(line.task_id or "")
            if len(_tasks(ids)) > _MAX_IDS:
                break
        if len(_tasks(ids)) == 1:
            told.append(Told(line, path, time))
    if len(_tasks(ids)) > 1:
        raise AmbiguousIdError(_tasks(ids))
    if not told:
        return None
    return Story(_tasks(ids)[0], told[0].line.func_name or "?", _chapters(told))


def _tasks(ids: set[str]) -> list[str]:
    """The ids without those that are the beginning of another: they are of the same task."""
    return sorted(one for one in ids if not any(other != one and other.startswith(one) for other in ids))


def _chapters(told: list[Told]) -> list[Chapter]:
    runs = Runs()
    chapters: list[Chapter] = []
    open_before: Run | None = None
    for one in told:
        ended = runs.add(one.line)
        current = next(iter(runs.open.values()), None)
        if current is not None and current is not open_before:
            chapters.append(Chapter(current))
        elif ended is not None and open_before is None:
            chapters.append(Chapter(ended))  # the log does not hold its beginning
        elif not chapters:
            chapters.append(Chapter(None))
        open_before = current
        _add_to_attempt(chapters[-1], one)
    # Lines before the first status line are of the run that it belongs to.
    if len(chapters) > 1 and chapters[0].run is None and chapters[1].run and chapters[1].run.started is None:
        chapters[1].attempts[:0] = chapters.pop(0).attempts
    return chapters


def _add_to_attempt(chapter: Chapter, one: Told) -> None:
    last = chapter.attempts[-1].number if chapter.attempts else 0
    number = max(last, one.line.attempt or 0)
    if one.line.event == "lifecycle":
        number = last  # the host gives a task that failed the number of retries that it was allowed
    if not chapter.attempts or number > last:
        chapter.attempts.append(Attempt(number))
    chapter.attempts[-1].lines.append(one)
