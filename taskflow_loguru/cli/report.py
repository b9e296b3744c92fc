"""Collection of the figures of a report from the lines of a log. This module prints nothing."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.formats._words import COMPLETED
from taskflow_loguru.reader._counting import LineCounter
from taskflow_loguru.reader._events import Event, merged

from .figures import SLOWEST, Failure, FunctionFigures, Loss, Slowest
from .run import Run
from .runs import Runs
from .series import Series

LOSSES = 10
"""The number of latest gaps in a report."""

MAX_FUNCTIONS = 1_000
"""The maximum number of functions, and of kinds of failures. All others count together, as ``OTHERS``."""

OTHERS = "(other functions)"

_LOST = re.compile(r"(\d{1,18}) lines? lost: (.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Window:
    """The lines and runs that count.

    Attributes:
        since: No line and no run's end before this time. The start of a run may be earlier, if its lines are added too.
        until: No line from this time on.
        func_name: Only this function.
    """

    since: datetime | None = None
    until: datetime | None = None
    func_name: str | None = None

    def is_over(self, time: datetime | None) -> bool:
        return self.until is not None and time is not None and time >= self.until

    def has_begun(self, time: datetime | None) -> bool:
        return self.since is None or (time is not None and time >= self.since)

    def has_function(self, name: str | None) -> bool:
        return self.func_name is None or name == self.func_name


class Report:
    """Figures over the lines that are added, in the order of time.

    A run counts once, at the time of its end. Memory is bounded: in the number of functions, of kinds of failures, and
    of runs without an end; by a sketch of the durations; in the number of runs that are listed.

    Args:
        window: The lines and runs that count.
        keep_failures: The number of latest failures to keep.
        keep_lines: Whether failures have their latest lines, too.

    Attributes:
        on_end: A function that is called with each run that counts, or None.
        first, last: The times of the first and the last line that counts.
        functions: The figures of each function, by name.
        slowest: The slowest runs, at the end.
        series: The runs over time.
        failures: The latest runs that failed, oldest first.
        losses: The latest gaps.
        lines_lost: The number of lines that were lost in all gaps.
        other_functions: The names of up to 100 functions that do not count.
    """

    def __init__(self, window: Window | None = None, *, keep_failures: int = 10, keep_lines: bool = False) -> None:
        self.window = window or Window()
        self.on_end: Callable[[Run], None] | None = None
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.functions: dict[str, FunctionFigures] = {}
        self.slowest = Slowest(SLOWEST)
        self.series = Series()
        self.failures: deque[Run] = deque(maxlen=keep_failures)
        self._causes: dict[tuple[str | None, str], Failure] = {}
        self.losses: deque[Loss] = deque(maxlen=LOSSES)
        self.lines_lost = 0
        self.other_functions: set[str] = set()
        self._runs = Runs(keep_lines=keep_lines)
        self._runs.on_forget = self._add_open

    def add_all(self, lines: Iterable[TaskLine]) -> Report:
        """Add *lines*, and then the runs without an end."""
        counter = LineCounter(self._runs.open, self._wants, self._count)
        self._add_events(counter.events_of(lines))
        self._finish([counter])
        return self

    def add_blocks(self, logs: Sequence[Iterable[bytes]]) -> list[LineCounter]:
        """Add the lines of *logs*, each in blocks of bytes, and then the runs without an end."""
        wants = None if self.window == Window() else self._wants
        counters = [LineCounter(self._runs.open, wants, self._count) for _ in logs]
        streams = [counter.events(blocks) for counter, blocks in zip(counters, logs, strict=True)]
        self._add_events(merged(streams) if len(streams) > 1 else streams[0])
        self._finish(counters)
        return counters

    def _wants(self, func_name: str | None, time: datetime | None) -> bool:
        if self.window.has_function(func_name):
            return self.window.has_begun(time) and not self.window.is_over(time)
        if func_name and len(self.other_functions) < 100:
            self.other_functions.add(func_name)
        return False

    def _add_events(self, events: Iterable[Event]) -> None:
        is_whole = self.window == Window()
        change = self._runs.change
        for event in events:
            time, kind, task_id, func_name, line = event
            if is_whole and kind != "retry" and kind != "loss":
                ended = change(task_id, func_name, kind, time, line)
                if ended is not None:
                    self._add_end(ended)
            else:
                self._add(event)

    def _finish(self, counters: Iterable[LineCounter]) -> None:
        """Add the runs without an end, and compute the figures of each function from its buckets."""
        for run in self.open:
            self._add_open(run)
        for bucket in self.series.all():
            figures = self.functions[bucket.func_name]
            figures.statuses.update(bucket.statuses)
            figures.timing.merge(bucket.timing)
        for figures in self.functions.values():
            for run in figures.slowest.runs():
                self.slowest.add(run.duration or 0.0, run)
        self.first = min((one.first for one in counters if one.first), default=None)
        self.last = max((one.last for one in counters if one.last), default=None)

    @property
    def open(self) -> list[Run]:
        """The runs without an end in the log, oldest first: they are still running, or their process died."""
        return [run for run in self._runs.open.values() if self.window.has_function(run.func_name)]

    @property
    def causes(self) -> list[Failure]:
        """Each kind of failure, by class and function, the most frequent first."""
        return sorted(self._causes.values(), key=lambda one: (-one.count, one.error_type or "", one.func_name))

    @property
    def forgotten(self) -> int:
        """The number of runs without an end that are counted, but not listed, as there were too many."""
        return self._runs.forgotten

    @property
    def lines(self) -> int:
        """The number of lines that count, repeated ones included."""
        return sum(figures.lines for figures in self.functions.values())

    @property
    def ended(self) -> int:
        """The number of runs that ended."""
        return sum(sum(figures.statuses.values()) for figures in self.functions.values())

    @property
    def failed(self) -> int:
        """The number of runs that failed."""
        return sum(figures.statuses["failed"] for figures in self.functions.values())

    @property
    def has_runs(self) -> bool:
        """Whether the log has status lines: without ``log_lifecycle=True`` no run is known."""
        return any(figures.runs for figures in self.functions.values())

    def _add(self, event: Event) -> None:
        time, kind, task_id, func_name, line = event
        if self.window.is_over(time):
            return
        if kind == "loss":
            assert isinstance(line, TaskLine)
            self._add_loss(line)
        elif self.window.has_function(func_name):
            if kind == "retry":
                assert isinstance(line, TaskLine)
                if self._runs.retry(task_id, line.attempt or 0) and self.window.has_begun(time):
                    self._figures(func_name).retries += 1  # the log has no status lines, or lacks the start of this run
                return
            ended = self._runs.change(task_id, func_name, kind, time, line)
            if ended is not None:
                self._add_end(ended)

    def _count(self, lines: Mapping[str, int]) -> None:
        for name, number in lines.items():
            self._figures(name).lines += number

    def _figures(self, name: str) -> FunctionFigures:
        figures = self.functions.get(name)
        if figures is None:
            if len(self.functions) >= MAX_FUNCTIONS:
                name = OTHERS
            figures = self.functions.setdefault(name, FunctionFigures(name))
        return figures

    def _add_open(self, run: Run) -> None:
        figures = self._figures(run.func_name)
        figures.open += 1
        figures.retries += run.retries
        figures.lines += run.lines

    def _add_end(self, run: Run) -> None:
        figures = self._figures(run.func_name)
        figures.lines += run.lines
        ended, status, duration = run.ended, run.status, run.duration
        if ended is None or (self.window.since is not None and ended < self.window.since):
            return
        if run.retries:
            figures.retries += run.retries
        bucket = self.series.bucket_at(ended.timestamp(), figures.name)
        bucket.statuses[status] += 1
        if duration is not None and status in COMPLETED:
            (bucket.timing.exact if run.is_exact else bucket.timing.whole).add(duration)
            if duration > figures.slowest.least:
                figures.slowest.add(duration, run)
        if status == "failed":
            self._add_failure(run, figures.name)
        if self.on_end is not None:
            self.on_end(run)

    def _add_failure(self, run: Run, func_name: str) -> None:
        self.failures.append(run)
        key = (run.error_type, func_name)
        if key not in self._causes and len(self._causes) >= MAX_FUNCTIONS:
            key = (None, OTHERS)
        cause = self._causes.setdefault(key, Failure(*key))
        cause.count += 1
        cause.latest = run

    def _add_loss(self, line: TaskLine) -> None:
        if not self.window.has_begun(line.time):
            return
        match = _LOST.search(line.message)
        count, reason = (int(match[1]), match[2]) if match else (0, line.message)
        loss = Loss(line.time, count, reason)
        if loss not in self.losses:
            self.lines_lost += count
            self.losses.append(loss)
