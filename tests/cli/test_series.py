"""Runs over time, in a bounded number of buckets, and the percentiles of their durations."""

from __future__ import annotations

import random

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru.cli.durations import EXACT, Durations
from taskflow_loguru.cli.series import MAX_BUCKETS, Series

moments = st.lists(st.floats(0, 4e9), min_size=1, max_size=50)


@given(moments, st.integers(1, 40))
def test_no_run_is_lost_and_there_are_never_too_many_buckets(times: list[float], most: int) -> None:
    series = Series()
    for time in times:
        series.bucket_at(time, "f").statuses["success"] += 1
        assert len(series.starts()) <= MAX_BUCKETS
    series.widen(most)
    starts = series.starts()
    assert len(starts) <= max(most, 3)
    assert starts[0] <= min(times) <= max(times) < starts[-1] + series.width
    assert sum(series.total_at(start).statuses.total() for start in starts) == len(times)


@pytest.mark.parametrize("count", [1, 2, 10, 19, 20, 100, 999, EXACT, EXACT + 1, 20_001])
def test_percentiles_are_those_of_quantile_disc(count: int) -> None:
    """They are exact for up to 1,000 runs, and to 1 % for more, also if the runs come from many buckets."""
    numbers = random.Random(count)
    values = [numbers.lognormvariate(0, 2) for _ in range(count)]
    together = Durations()
    for start in range(0, count, 300):
        bucket = Durations()
        for value in values[start : start + 300]:
            bucket.add(value)
        together.merge(bucket)
    with duckdb.connect() as connection:
        expected = connection.execute(
            "SELECT quantile_disc(v, 0.5), quantile_disc(v, 0.95) FROM (SELECT unnest($1::DOUBLE[]) AS v)", [values]
        ).fetchone()
    assert expected is not None
    accuracy = 0.01 if count > EXACT else 0
    assert (together.percentile(50), together.percentile(95)) == pytest.approx(expected, rel=accuracy)
    assert (together.count, together.longest) == (count, max(values))
