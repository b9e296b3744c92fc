"""Times and durations in input and output."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from taskflow_loguru.cli.moments import parse_moment, seconds


@pytest.mark.parametrize(("text", "age"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800), ("1w", 604800)])
def test_an_age_is_a_time_before_now(text: str, age: int) -> None:
    before = datetime.now(timezone.utc)
    moment = parse_moment(text)
    assert before <= moment + timedelta(seconds=age) <= datetime.now(timezone.utc)


@pytest.mark.parametrize(
    "text", ["2026-01-01T12:00", "2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00", "2026-01-01 12:00:00"]
)
def test_a_time_is_in_utc_unless_it_has_a_zone(text: str) -> None:
    assert parse_moment(text) == datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text", ["", "1", "h", "5x", "-1h", "tomorrow", "9" * 30 + "d", "2026-13-01", "25:00", "9999-12-31T23:59-10:00"]
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="must be an age such as 30m"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "<1 s"),
        (0.0842, "84.2 ms"),
        (0.9999, "1 s"),
        (1.25, "1.25 s"),
        (59.97, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_a_duration_has_the_unit_that_fits(value: float | None, text: str) -> None:
    assert seconds(value) == text
