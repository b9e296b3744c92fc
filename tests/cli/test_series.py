"""Runs over time, in a bounded number of buckets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru.cli.series import MAX_BUCKETS, Series

moments = st.lists(st.floats(0, 4e9), min_size=1, max_size=50)


@given(moments, st.integers(1, 40))
def test_no_run_is_lost_and_there_are_never_too_many_buckets(times: list[float], most: int) -> None:
    series = Series()
    for time in times:
        series.add(time, "f", "success", None)
        assert len(series.starts()) <= MAX_BUCKETS
    series.widen(most)
    starts = series.starts()
    assert len(starts) <= max(most, 3)
    assert starts[0] <= min(times) <= max(times) < starts[-1] + series.width
    assert sum(series.total_at(start).statuses.total() for start in starts) == len(times)


def test_percentiles_stay_exact_to_one_percent_when_buckets_are_merged() -> None:
    numbers = random.Random(1)
    durations = [numbers.lognormvariate(0, 2) for _ in range(20_001)]
    series = Series()
    for second, duration in enumerate(durations):
        series.add(float(second), numbers.choice("ab"), "success", duration)
    (start,) = series.widen(1).starts()
    for share in (0.5, 0.95):
        exact = sorted(durations)[int(share * 20_000)]
        assert series.total_at(start).durations.get_quantile_value(share) == pytest.approx(exact, rel=0.01)
