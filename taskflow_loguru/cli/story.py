"""The story of one task: its runs, their attempts, and the lines of each attempt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from taskflow_loguru.reader._ids import matches
from taskflow_loguru.reader._logs import LogLine

from .runs import Run, Runs

_MAX_IDS = 10


@dataclass(slots=True)
class Attempt:
    """The lines of one attempt, starting from number 0."""

    number: int
    lines: list[LogLine] = field(default_factory=list)


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
        lines: The first line of some of these tasks.
    """

    def __init__(self, lines: list[LogLine]) -> None:
        super().__init__(lines)
        self.lines = lines


def story_of(wanted: str, lines: Iterable[LogLine]) -> Story | None:
    """Collect the story of the task whose id is, or starts with, *wanted*; return None if it has no line.

    Raises:
        AmbiguousIdError: Several ids have this beginning.
    """
    found: list[LogLine] = []
    firsts: dict[str, LogLine] = {}
    for one in lines:
        task_id = one.line.task_id
        if not task_id or one.line.event == "loss" or not matches(wanted, task_id):
            continue
        if task_id not in firsts:
            firsts[task_id] = one
            if len(_tasks(firsts)) > _MAX_IDS:
                break
        if len(_tasks(firsts)) == 1:
            found.append(one)
    tasks = _tasks(firsts)
    if len(tasks) > 1:
        raise AmbiguousIdError([firsts[task_id] for task_id in tasks])
    return Story(tasks[0], found[0].line.func_name or "?", _runs(found)) if found else None


def _tasks(ids: Iterable[str]) -> list[str]:
    """Return the ids without those that are the beginning of another: these belong to the same task."""
    return sorted(one for one in ids if not any(other != one and other.startswith(one) for other in ids))


def _runs(found: list[LogLine]) -> list[StoryRun]:
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
        first, second = story_runs[:2]
        second.attempts, later = first.attempts, second.attempts
        for one in (one for attempt in later for one in attempt.lines):
            _add_to_attempt(second, one)
        del story_runs[0]
    return story_runs


def _add_to_attempt(story_run: StoryRun, one: LogLine) -> None:
    last = story_run.attempts[-1].number if story_run.attempts else 0
    number = max(last, one.line.attempt or 0)
    if one.line.event == "lifecycle":
        number = last  # the host sets the attempt of a failed task to the number of allowed retries
    if not story_run.attempts or number > last:
        story_run.attempts.append(Attempt(number))
    story_run.attempts[-1].lines.append(one)
