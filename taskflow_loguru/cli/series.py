"""Runs over time, in a bounded number of equal buckets. A longer time makes the buckets wider."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ddsketch import DDSketch

MAX_BUCKETS = 240
"""The maximum number of buckets from the first run to the last."""

ACCURACY = 0.01
"""The relative error of a percentile: 1 %."""

# Each is a multiple of the previous one, so that buckets are only merged, never split.
_WIDTHS = (
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    1800,
    3600,
    10800,
    21600,
    43200,
    86400,
    604800,
    2419200,
    24192000,
    241920000,
    2419200000,
)


def new_sketch() -> DDSketch:
    return DDSketch(ACCURACY)


@dataclass(slots=True)
class Bucket:
    """The runs that ended in one span of time: their number by status, and their durations."""

    statuses: Counter[str] = field(default_factory=Counter)
    durations: DDSketch = field(default_factory=new_sketch)

    def add(self, status: str, duration: float | None) -> None:
        self.statuses[status] += 1
        if duration is not None:
            self.durations.add(duration)

    def merge(self, other: Bucket) -> None:
        self.statuses.update(other.statuses)
        self.durations.merge(other.durations)


class Series:
    """The runs of each function, by the time of their end.

    Attributes:
        width: The width of a bucket, in seconds.
    """

    def __init__(self) -> None:
        self.width = _WIDTHS[0]
        self._buckets: dict[int, dict[str, Bucket]] = {}
        self._first = self._last = 0

    def add(self, time: float, func_name: str, status: str, duration: float | None) -> None:
        """Count a run that ended at *time*, in seconds since 1970."""
        index = int(time // self.width)
        functions = self._buckets.get(index)
        if functions is None:
            if not self._buckets:
                self._first = self._last = index
            self._first, self._last = min(self._first, index), max(self._last, index)
            functions = self._buckets[index] = {}
            self._widen(MAX_BUCKETS)
            functions = self._buckets[int(time // self.width)]
        bucket = functions.get(func_name)
        if bucket is None:
            bucket = functions[func_name] = Bucket()
        bucket.add(status, duration)

    def starts(self) -> range:
        """Return the start of each bucket from the first run to the last, in seconds since 1970."""
        if not self._buckets:
            return range(0)
        return range(self._first * self.width, (self._last + 1) * self.width, self.width)

    def functions_at(self, start: int) -> dict[str, Bucket]:
        """Return the bucket that starts at *start*, for each function that has runs in it."""
        return self._buckets.get(start // self.width, {})

    def total_at(self, start: int) -> Bucket:
        """Return the bucket of all functions together."""
        total = Bucket()
        for bucket in self.functions_at(start).values():
            total.merge(bucket)
        return total

    def widen(self, most: int) -> Series:
        """Merge buckets until at most *most* are left."""
        self._widen(most)
        return self

    def _widen(self, most: int) -> None:
        for width in _WIDTHS[_WIDTHS.index(self.width) + 1 :]:
            if self._last - self._first < most:
                return
            old, factor = self._buckets, width // self.width
            self.width, self._buckets = width, {}
            self._first, self._last = self._first // factor, self._last // factor
            for index, functions in old.items():
                merged = self._buckets.setdefault(index // factor, {})
                for name, bucket in functions.items():
                    if name in merged:
                        merged[name].merge(bucket)
                    else:
                        merged[name] = bucket
