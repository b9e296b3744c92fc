"""Runs over time, in a bounded number of equal buckets. A longer time makes the buckets wider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone

from .durations import Timing

MAX_BUCKETS = 240
"""The maximum number of buckets from the first run to the last."""

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
_FIRST_SECOND = int(datetime.min.replace(tzinfo=timezone.utc).timestamp())


class Bucket:
    """The runs that ended in one span of time: their number by status, and their durations."""

    __slots__ = ("func_name", "statuses", "timing")

    def __init__(self, func_name: str) -> None:
        self.func_name = func_name
        self.statuses: Counter[str] = Counter()
        self.timing = Timing()

    def merge(self, other: Bucket) -> None:
        self.statuses.update(other.statuses)
        self.timing.merge(other.timing)


class Series:
    """The runs of each function, by the time of their end.

    Attributes:
        width: The width of a bucket, in seconds.
    """

    def __init__(self) -> None:
        self.width = _WIDTHS[0]
        self._buckets: dict[int, dict[str, Bucket]] = {}
        self._first = self._last = 0

    def bucket_at(self, time: float, func_name: str) -> Bucket:
        """Return the bucket of a function for *time*, in seconds since 1970."""
        functions = self._buckets.get(int(time // self.width))
        if functions is None:
            functions = self._functions_at(time)
        bucket = functions.get(func_name)
        if bucket is None:
            bucket = functions[func_name] = Bucket(func_name)
        return bucket

    def _functions_at(self, time: float) -> dict[str, Bucket]:
        index = int(time // self.width)
        if not self._buckets:
            self._first = self._last = index
        self._first, self._last = min(self._first, index), max(self._last, index)
        self._buckets[index] = {}
        self.widen(MAX_BUCKETS)
        return self._buckets[int(time // self.width)]

    def starts(self) -> range:
        """Return the start of each bucket from the first run to the last, in seconds since 1970."""
        if not self._buckets:
            return range(0)
        return range(self._first * self.width, (self._last + 1) * self.width, self.width)

    def functions_at(self, start: int) -> dict[str, Bucket]:
        """Return the bucket that starts at *start*, for each function that has runs in it."""
        return self._buckets.get(start // self.width, {})

    def all(self) -> Iterator[Bucket]:
        """Return all buckets of all functions."""
        return (bucket for functions in self._buckets.values() for bucket in functions.values())

    def total_at(self, start: int) -> Bucket:
        """Return the bucket of all functions together."""
        total = Bucket("")
        for bucket in self.functions_at(start).values():
            total.merge(bucket)
        return total

    def widen(self, most: int) -> Series:
        """Merge buckets until at most *most* are left."""
        for width in _WIDTHS[_WIDTHS.index(self.width) + 1 :]:
            if self._last - self._first < most:
                break
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
        return self


def start_time(start: int) -> datetime:
    """Return the start of a bucket as a time; the first one of the calendar may begin before it."""
    return datetime.fromtimestamp(max(start, _FIRST_SECOND), timezone.utc)
