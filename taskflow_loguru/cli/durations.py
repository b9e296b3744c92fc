"""The durations of many runs, and their percentiles."""

from __future__ import annotations

from array import array
from collections import Counter

from ddsketch import DDSketch

EXACT = 1_000
"""The number of durations up to which percentiles are exact."""

ACCURACY = 0.01
"""The relative error of a percentile of more durations: 1 %."""


class Durations:
    """Durations in seconds. Memory is bounded: beyond ``EXACT``, a sketch takes the place of the values."""

    __slots__ = ("_longest", "_sketch", "_values")

    def __init__(self) -> None:
        self._values = array("d")  # those that are not in the sketch yet
        self._sketch: DDSketch | None = None
        self._longest = 0.0  # of those in the sketch

    def __bool__(self) -> bool:
        return bool(self._values) or self._sketch is not None

    @property
    def count(self) -> int:
        return len(self._values) + (int(self._sketch.count) if self._sketch else 0)

    @property
    def longest(self) -> float | None:
        return max(self._longest, max(self._values, default=0.0)) if self else None

    def add(self, duration: float) -> None:
        self._values.append(duration)
        if len(self._values) > EXACT:
            self._fill_sketch()

    def merge(self, other: Durations) -> None:
        self._values.extend(other._values)
        if other._sketch is not None:
            self._fill_sketch().merge(other._sketch)
            self._longest = max(self._longest, other._longest)
        elif len(self._values) > EXACT:
            self._fill_sketch()

    def percentile(self, percent: int) -> float | None:
        """Return the nearest-rank percentile: the shortest duration that *percent* of all do not exceed.

        It is exact for up to ``EXACT`` durations, and within ``ACCURACY`` of that value for more.
        """
        count = self.count
        if not count:
            return None
        rank = -(-percent * count // 100)  # in integers: 0.95 * 20 may be more than 19
        if self._sketch is None:
            return sorted(self._values)[rank - 1]
        self._fill_sketch()
        # DDSketch takes the rank as a share of count - 1, and returns the first value beyond it.
        return min(self._sketch.get_quantile_value((rank - 0.5) / (count - 1)) or 0.0, self._longest)

    def _fill_sketch(self) -> DDSketch:
        if self._sketch is None:
            self._sketch = DDSketch(ACCURACY)
        self._longest = max(self._longest, max(self._values, default=0.0))
        for value, number in Counter(self._values).items():
            self._sketch.add(value, number)
        del self._values[:]
        return self._sketch


class Timing:
    """The durations of runs: exact ones, and those of ``task_line``, in whole seconds.

    The two are never mixed. The figures are those of the exact ones, if there are any.
    """

    __slots__ = ("exact", "whole")

    def __init__(self) -> None:
        self.exact = Durations()
        self.whole = Durations()

    def merge(self, other: Timing) -> None:
        self.exact.merge(other.exact)
        self.whole.merge(other.whole)

    @property
    def shown(self) -> Durations:
        """The durations that the figures are made of."""
        return self.exact or self.whole

    @property
    def left_out(self) -> int:
        """The number of durations in whole seconds that are in no figure."""
        return self.whole.count if self.exact else 0
