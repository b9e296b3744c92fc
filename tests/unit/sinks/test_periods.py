from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru.sinks._periods import PERIODS, Period, start_of


def by_calendar(period: Period, moment: datetime) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return hour
    day = hour.replace(hour=0)
    return day if period == "day" else day - timedelta(days=day.weekday())


@pytest.mark.parametrize("period", PERIODS)
@given(st.datetimes(datetime(1970, 1, 5), datetime(2200, 1, 1), timezones=st.just(timezone.utc)))
def test_periods_begin_as_the_calendar_has_them(period: Period, moment: datetime) -> None:
    """Hours and days of UTC, and weeks that begin on Monday, as those of ISO do."""
    assert start_of(period, moment.timestamp()) == by_calendar(period, moment).timestamp()


@pytest.mark.parametrize("period", PERIODS)
def test_the_first_moment_belongs_to_its_period(period: Period) -> None:
    monday = datetime(2026, 3, 2, tzinfo=timezone.utc).timestamp()
    assert start_of(period, monday) == monday
    assert start_of(period, monday - 0.001) < monday


def test_the_periods_are_those_that_users_name() -> None:
    assert PERIODS == ("hour", "day", "week")
