"""The story of one task: its runs, their attempts, and the lines of each attempt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from taskflow_loguru.formats import TaskLine

from .runs import Run, Runs

SHORT_ID = 8
"""The number of characters of an id in a text line."""

_MAX_IDS = 10


@dataclass(slots=True)
class StoryLine:
    """A line, its file, and its time: a separator in a text line has the time of the previous line."""

    line: TaskLine
    path: Path
    time: datetime | None


@dataclass(slots=True)
class Attempt:
    """The lines of one attempt, starting from number 0."""

    number: int
    lines: list[StoryLine] = field(default_factory=list)


@dataclass(slots=True)
class StoryRun:
    """The lines of one run of the task. ``run`` is None if the log has no status line of it."""

    run: Run | None
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """A task: the longest id in the log, the function, and the runs."""

    task_id: str
    func_name: str
    runs: list[StoryRun]


class AmbiguousIdError(Exception):
    """Several tasks have an id with this beginning.

    Attributes:
        task_ids: Some of these ids.
    """

    def __init__(self, task_ids: list[str]) -> None:
        super().__init__(task_ids)
        self.task_ids = task_ids


def matches(wanted: str, task_id: str | None) -> bool:
    """Return whether a line with *task_id* may belong to the task *wanted*, an id or its beginning."""
    if not task_id:
        return False
    # A text line has only the beginning of the id.
    return task_id.startswith(wanted) or (len(task_id) == SHORT_ID and wanted.startswith(task_id))


def story_of(wanted: str, lines: Iterable[tuple[TaskLine, Path]]) -> Story | None:
    """Collect the story of the task whose id is, or starts with, *wanted*; return None if it has no line.

    Raises:
        AmbiguousIdError: Several ids have this beginning.
    """
    found: list[StoryLine] = []
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
            found.append(StoryLine(line, path, time))
    if len(_tasks(ids)) > 1:
        raise AmbiguousIdError(_tasks(ids))
    if not found:
        return None
    return Story(_tasks(ids)[0], found[0].line.func_name or "?", _runs(found))


def _tasks(ids: set[str]) -> list[str]:
    """Return the ids without those that are the beginning of another: these belong to the same task."""
    return sorted(one for one in ids if not any(other != one and other.startswith(one) for other in ids))


def _runs(found: list[StoryLine]) -> list[StoryRun]:
    runs = Runs()
    story_runs: list[StoryRun] = []
    open_before: Run | None = None
    for one in found:
        ended = runs.add(one.line)
        current = next(iter(runs.open.values()), None)
        if current is not None and current is not open_before:
            story_runs.append(StoryRun(current))
        elif ended is not None and open_before is None:
            story_runs.append(StoryRun(ended))  # the log does not have its start
        elif not story_runs:
            story_runs.append(StoryRun(None))
        open_before = current
        _add_to_attempt(story_runs[-1], one)
    # Lines before the first status line belong to the same run.
    if len(story_runs) > 1 and story_runs[0].run is None and story_runs[1].run and story_runs[1].run.started is None:
        story_runs[1].attempts[:0] = story_runs.pop(0).attempts
    return story_runs


def _add_to_attempt(story_run: StoryRun, one: StoryLine) -> None:
    last = story_run.attempts[-1].number if story_run.attempts else 0
    number = max(last, one.line.attempt or 0)
    if one.line.event == "lifecycle":
        number = last  # the host sets the attempt of a failed task to the number of allowed retries
    if not story_run.attempts or number > last:
        story_run.attempts.append(Attempt(number))
    story_run.attempts[-1].lines.append(one)
