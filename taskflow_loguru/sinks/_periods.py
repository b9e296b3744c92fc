"""Hours, days and weeks of UTC."""

from __future__ import annotations

from typing import Literal

Period = Literal["hour", "day", "week"]

PERIODS: tuple[Period, ...] = ("hour", "day", "week")

_HOUR, _DAY, _WEEK = 3600, 86400, 7 * 86400
_FIRST_MONDAY = 4 * _DAY  # 1970-01-05


def start_of(period: Period, time: float) -> float:
    """Return when the UTC hour, day or ISO week that holds *time* began; both in seconds since the epoch."""
    if period == "hour":
        return time - time % _HOUR
    if period == "day":
        return time - time % _DAY
    return time - (time - _FIRST_MONDAY) % _WEEK
