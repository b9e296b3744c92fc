"""Selection of the runs for the timeline of a page."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..report_json import STATUSES
from ..run import Run

MAX_RUNS = 50_000
"""The maximum number of runs in a page. If there are more, the longest of each minute and the failed ones are kept."""


class Timeline:
    """Runs by the minute of their end. At least one of each minute is kept."""

    def __init__(self, max_runs: int = MAX_RUNS) -> None:
        self.totals: Counter[int] = Counter()
        self._max_runs = max_runs
        self._most = 1024  # of one minute
        self._minutes: dict[int, list[tuple[bool, int, int, Run]]] = {}
        self._kept = 0

    def add(self, run: Run) -> None:
        """Add a run that has ended."""
        begin, end = _span(run)
        minute = end // 60_000
        self.totals[minute] += 1
        runs = self._minutes.setdefault(minute, [])
        item = (run.status == "failed", end - begin, -self.totals[minute], run)
        if len(runs) >= self._most:
            heapq.heapreplace(runs, max(item, runs[0], key=lambda one: one[:3]))
            return
        heapq.heappush(runs, item)
        self._kept += 1
        while self._kept > self._max_runs and self._most > 1:
            self._most //= 2
            for minute, runs in self._minutes.items():
                self._minutes[minute] = kept = heapq.nlargest(self._most, runs)
                kept.reverse()  # in ascending order: a heap
            self._kept = sum(map(len, self._minutes.values()))

    def fields(self, open_runs: Iterable[Run]) -> dict[str, Any]:
        """Return the data for the page: a row is the start, the end (both in milliseconds), function, status and id."""
        runs = [item[3] for runs in self._minutes.values() for item in runs]
        names = sorted({run.func_name for run in (*runs, *open_runs)})
        number_of = {name: number for number, name in enumerate(names)}
        rows = [[*_span(run), number_of[run.func_name], STATUSES.index(run.status), run.task_id] for run in runs]
        still = [
            [_milliseconds(run.started), None, number_of[run.func_name], None, run.task_id]
            for run in open_runs
            if run.started is not None
        ]
        hidden = {
            minute: self.totals[minute] - len(runs)
            for minute, runs in self._minutes.items()
            if self.totals[minute] > len(runs)
        }
        return {"functions": names, "statuses": STATUSES, "runs": sorted(rows) + still, "hidden": hidden}


def _span(run: Run) -> tuple[int, int]:
    end = _milliseconds(run.ended)
    if run.started is not None:
        return _milliseconds(run.started), end
    return end - round(1000 * (run.duration or 0)), end


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else round(moment.timestamp() * 1000)
