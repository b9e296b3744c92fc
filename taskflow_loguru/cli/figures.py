"""The figures in a report: of one function, of the slowest runs, of a gap in the log."""

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
        lines: The number of its lines.
        statuses: The number of runs that ended, by final status.
        open: The number of runs without an end.
        retries: The number of retries in all runs.
        durations: The durations of the runs that succeeded or failed, in seconds.
        slowest: The run with the longest duration.
        in_whole_seconds: Whether all durations are whole seconds, as in text lines.
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
        """The number of all runs, with or without an end."""
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
        """Return the duration that *share* of the runs did not exceed, to 1 %; None if no duration is known."""
        if self.slowest is None or self.slowest.duration is None:
            return None
        # The sketch may be 1 % above the longest duration, which is known exactly.
        value = min(self.durations.get_quantile_value(share) or 0.0, self.slowest.duration)
        return float(round(value)) if self.in_whole_seconds else value


class Slowest:
    """The slowest of many runs; of two with the same duration, the earlier one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._added = 0
        self._heap: list[tuple[float, int, Run]] = []

    def add(self, duration: float, run: Run) -> None:
        self._added += 1
        item = (duration, -self._added, run)  # the number, because runs have no order
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, item)
        elif duration > self._heap[0][0]:
            heapq.heapreplace(self._heap, item)

    def runs(self) -> list[Run]:
        """Return the runs, slowest first."""
        return [run for _, _, run in sorted(self._heap, key=lambda item: item[:2], reverse=True)]


@dataclass(slots=True)
class Loss:
    """A gap in the log: the writer reported that it lost lines."""

    time: datetime | None
    count: int
    reason: str
