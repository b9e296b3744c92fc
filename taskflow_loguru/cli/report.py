"""Collection of the figures of a report from the lines of a log. This module prints nothing."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from taskflow_loguru.formats import TaskLine

from .figures import FunctionFigures, Loss, Slowest
from .runs import Run, Runs
from .series import Series

SLOWEST = 10
"""The number of slowest runs in a report."""

LOSSES = 10
"""The number of latest gaps in a report."""

_LOST = re.compile(r"(\d+) lines? lost: (.*)", re.ASCII | re.DOTALL)


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


class Report:
    """Figures over the lines that are added, in the order of time.

    A run counts at the time of its end. Memory is bounded by the runs without an end, the slowest runs, the latest
    failures, and a sketch of the durations.

    Args:
        window: The lines and runs that count.
        keep_failures: The number of latest failures to keep.

    Attributes:
        on_end: A function that is called with each run that counts, or None.
        first, last: The times of the first and the last line that counts.
        lines: The number of lines that count.
        functions: The figures of each function, by name.
        slowest: The slowest runs.
        series: The runs over time.
        failures: The latest runs that failed, oldest first.
        losses: The latest gaps.
        lines_lost: The number of lines that were lost in all gaps.
    """

    def __init__(self, window: Window | None = None, *, keep_failures: int = 10) -> None:
        self.window = window or Window()
        self.on_end: Callable[[Run], None] | None = None
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.lines = 0
        self.functions: dict[str, FunctionFigures] = {}
        self.slowest = Slowest(SLOWEST)
        self.series = Series()
        self.failures: deque[Run] = deque(maxlen=keep_failures)
        self.losses: deque[Loss] = deque(maxlen=LOSSES)
        self.lines_lost = 0
        self._runs = Runs()

    def add_all(self, lines: Iterable[TaskLine]) -> Report:
        """Add *lines*, and then the runs without an end."""
        window, runs = self.window, self._runs
        for line in lines:
            time = line.time or runs.now
            if window.until is not None and window.is_over(time):
                continue
            if line.event == "loss":
                self._add_loss(line)
            elif window.func_name is None or line.func_name == window.func_name:
                ended = runs.add(line)
                if ended is not None:
                    self._add_end(ended)
                if window.since is None or window.has_begun(time):
                    self._add_line(line, time)
        for run in self.open:
            figures = self._figures(run.func_name)
            figures.open += 1
            figures.retries += run.retries
        return self

    @property
    def open(self) -> list[Run]:
        """The runs without an end in the log, oldest first: they are still running, or their process died."""
        return list(self._runs.open.values())

    @property
    def has_runs(self) -> bool:
        """Whether the log has status lines: without ``log_lifecycle=True`` no run is known."""
        return any(figures.runs for figures in self.functions.values())

    def _add_line(self, line: TaskLine, time: datetime | None) -> None:
        self.lines += 1
        self.last = time
        if self.first is None:
            self.first = time
        figures = self._figures(line.func_name)
        figures.lines += 1
        if line.event == "retry" and line.task_id not in self._runs.open:
            figures.retries += 1  # the log has no status lines, or lacks the start of this run

    def _figures(self, name: str | None) -> FunctionFigures:
        figures = self.functions.get(name or "?")
        if figures is None:
            figures = self.functions[name or "?"] = FunctionFigures(name or "?")
        return figures

    def _add_end(self, run: Run) -> None:
        if run.ended is None or not self.window.has_begun(run.ended):
            return
        duration = run.duration if run.status in ("success", "failed") else None
        self._figures(run.func_name).add(run, duration)
        self.series.add(run.ended.timestamp(), run.func_name, run.status, duration)
        if run.status == "failed":
            self.failures.append(run)
        if duration is not None:
            self.slowest.add(duration, run)
        if self.on_end is not None:
            self.on_end(run)

    def _add_loss(self, line: TaskLine) -> None:
        if not self.window.has_begun(line.time):
            return
        match = _LOST.search(line.message)
        count, reason = (int(match[1]), match[2]) if match else (0, line.message)
        self.lines_lost += count
        self.losses.append(Loss(line.time, count, reason))
