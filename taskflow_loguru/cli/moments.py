"""Times and durations, for input and output."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(?:\d+[smhdw])+", re.ASCII)


def parse_moment(text: str) -> datetime:
    """Parse a time: ``90s``, ``30m``, ``1h30m``, ``2d`` ago, or an ISO 8601 time, in UTC.

    Raises:
        ValueError: *text* is neither.
    """
    try:
        if _AGO.fullmatch(text):
            ago = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
            return datetime.now(timezone.utc) - timedelta(seconds=ago)
        moment = datetime.fromisoformat(text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} must be an age such as 30m, 1h30m or 2d, or a time in UTC such as 2026-01-31T12:00"
        ) from None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def seconds(value: float | None) -> str:
    """Return a readable duration: ``84 ms``, ``1.2 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if value is None:
        return "-"
    if value == 0:
        return "<1 s"  # times of text lines are in whole seconds
    if value < 0.9995:
        return f"{value * 1000:.3g} ms"
    if value < 59.95:
        return f"{value:.3g} s"
    whole = round(value)
    for unit, size, smaller, smaller_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    raise AssertionError(value)


def clock(moment: datetime | None) -> str:
    """Return a time in whole seconds: ``2026-01-31 12:00:00``."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
