"""The figures in a report: of one function, of the slowest runs, of one kind of failure, of a gap in the log."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from .durations import Timing
from .run import Run


class Slowest:
    """The slowest of many runs; of two with the same duration, the earlier one.

    Attributes:
        least: No run with this duration or a shorter one is among them any more.
    """

    def __init__(self, most: int) -> None:
        self.least = -1.0
        self._most = most
        self._added = 0
        self._heap: list[tuple[float, int, Run]] = []

    def add(self, duration: float, run: Run) -> None:
        if duration <= self.least:
            return
        self._added += 1
        heapq.heappush(self._heap, (duration, -self._added, run))  # the number, because runs have no order
        if len(self._heap) > self._most:
            heapq.heappop(self._heap)
        if len(self._heap) == self._most:
            self.least = self._heap[0][0]

    def runs(self) -> list[Run]:
        """Return the runs, slowest first."""
        return [run for _, _, run in sorted(self._heap, key=lambda item: item[:2], reverse=True)]


SLOWEST = 10
"""The number of slowest runs in a report, and of each function."""


@dataclass(slots=True)
class FunctionFigures:
    """The figures of one function.

    Attributes:
        name: The function.
        lines: The number of its lines.
        statuses: The number of runs that ended, by final status.
        open: The number of runs without an end.
        retries: The number of retries in all runs.
        timing: The durations of the runs that succeeded or failed, in seconds.
        slowest: The runs with the longest durations.
    """

    name: str
    lines: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    open: int = 0
    retries: int = 0
    timing: Timing = field(default_factory=Timing)
    slowest: Slowest = field(default_factory=lambda: Slowest(SLOWEST))

    @property
    def runs(self) -> int:
        """The number of all runs, with or without an end."""
        return sum(self.statuses.values()) + self.open


@dataclass(slots=True)
class Failure:
    """One kind of failure: the runs of one function that failed with one class of exception.

    Attributes:
        error_type: The class; None if the lines do not have it.
        func_name: The function.
        count: The number of runs.
        latest: The last one of them.
    """

    error_type: str | None
    func_name: str
    count: int = 0
    latest: Run | None = None


@dataclass(slots=True)
class Loss:
    """A gap in the log: the writer reported that it lost lines."""

    time: datetime | None
    count: int
    reason: str
