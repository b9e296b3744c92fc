"""Figures that a report is made of: of one function, of the slowest runs, of a gap in the log."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ddsketch import DDSketch

from .runs import Run
from .series import new_sketch


@dataclass(slots=True)
class FunctionFigures:
    """The figures of one function.

    Attributes:
        name: The function.
        lines: How many lines are its own.
        statuses: How many runs ended, by their final status.
        open: How many runs have no end.
        retries: How many retries there were, in all runs.
        durations: Of the runs that succeeded or failed, in seconds.
        slowest: The run that took longest.
        in_whole_seconds: Whether all durations are whole seconds, as text lines give them.
    """

    name: str
    lines: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    open: int = 0
    retries: int = 0
    durations: DDSketch = field(default_factory=new_sketch)
    slowest: Run | None = None
    in_whole_seconds: bool = True

    @property
    def runs(self) -> int:
        """All runs: those that ended, and those that did not."""
        return sum(self.statuses.values()) + self.open

    def add(self, run: Run, duration: float | None) -> None:
        """Count a run that has ended."""
        self.statuses[run.status] += 1
        self.retries += run.retries
        if duration is not None:
            self.durations.add(duration)
            if duration % 1:
                self.in_whole_seconds = False
            if self.slowest is None or duration > (self.slowest.duration or 0):
                self.slowest = run

    def quantile(self, share: float) -> float | None:
        """The duration that *share* of the runs did not exceed, to 1 %; None if no duration is known."""
        if self.slowest is None or self.slowest.duration is None:
            return None
        # The sketch may be 1 % above the longest of all, which is known exactly.
        value = min(self.durations.get_quantile_value(share) or 0.0, self.slowest.duration)
        return float(round(value)) if self.in_whole_seconds else value


class Slowest:
    """The slowest of many runs; of two that took equally long, the earlier one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._added = 0
        self._heap: list[tuple[float, int, Run]] = []

    def add(self, duration: float, run: Run) -> None:
        self._added += 1
        item = (duration, -self._added, run)  # the number: runs themselves have no order
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, item)
        elif duration > self._heap[0][0]:
            heapq.heapreplace(self._heap, item)

    def runs(self) -> list[Run]:
        """Return them, the slowest first."""
        return [run for _, _, run in sorted(self._heap, key=lambda item: item[:2], reverse=True)]


@dataclass(slots=True)
class Loss:
    """A gap in the log: the writer reported that it lost lines."""

    time: datetime | None
    count: int
    reason: str
