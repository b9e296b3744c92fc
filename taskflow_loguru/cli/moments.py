"""Times and durations, for input and output, in the time zone of the command."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from math import isfinite

zone: tzinfo | None = timezone.utc
"""The time zone in which times without one are read, and all are printed; None is that of the system."""

FORMS = "an age such as 30m, 1h30m or 2d, today, yesterday, or a time such as 14:30 or 2026-01-31T12:00"

_EARLIEST = datetime(1970, 1, 2, tzinfo=timezone.utc)
_LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(?:\d+[smhdw])+", re.ASCII)
_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d)?", re.ASCII)


def set_zone(name: str) -> None:
    """Set the time zone: ``local``, ``UTC``, or a name such as ``Europe/Berlin``.

    Raises:
        ValueError: The zone is not known.
    """
    global zone
    from zoneinfo import ZoneInfo

    try:
        zone = (
            {"local": None, "utc": timezone.utc}[name.lower()] if name.lower() in ("local", "utc") else ZoneInfo(name)
        )
    except (KeyError, ValueError, OSError):  # a folder of zones, or a path
        raise ValueError(f"{name!r} must be local, UTC, or the name of a time zone such as Europe/Berlin") from None


def parse_moment(text: str) -> datetime:
    """Parse a time: ``90s``, ``30m``, ``1h30m``, ``2d`` ago, ``today``, ``14:30``, or an ISO 8601 time.

    Raises:
        ValueError: *text* is none of these, or is not within the years 1970 to 9999.
    """
    try:
        if _AGO.fullmatch(text):
            ago = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
            moment = datetime.now(timezone.utc) - timedelta(seconds=ago)
        elif text in ("today", "yesterday"):
            moment = _today("00:00") - timedelta(days=text == "yesterday")
        elif _CLOCK.fullmatch(text):
            moment = _today(text)
        else:
            moment = datetime.fromisoformat(text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text)
        if moment.tzinfo is None and zone is not None:
            moment = moment.replace(tzinfo=zone)
        moment = moment.astimezone(timezone.utc)  # a time without a zone is in that of the system
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} must be {FORMS}") from None
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError(f"{text!r} must be a time within the years 1970 to 9999")
    return moment


def _today(clock: str) -> datetime:
    """Return a time of this day in the zone, without the zone: a day has not always 24 hours."""
    return datetime.fromisoformat(f"{datetime.now(zone):%Y-%m-%d}T{clock}")


def seconds(value: float | None) -> str:
    """Return a readable duration: ``84 ms``, ``1.2 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if value is None or not isfinite(value):
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


def clock(moment: datetime | None, digits: int = 0) -> str:
    """Return a time in the zone of the command, with *digits* of its fraction: ``2026-01-31 12:00:00``."""
    if moment is None:
        return "-"
    moment = _in_zone(moment)
    fraction = f".{moment:%f}"[: digits + 1] if digits else ""
    return f"{moment.year:04}-{moment:%m-%d %H:%M:%S}{fraction}"


def zone_name(moment: datetime | None) -> str:
    """Return the name of the zone of the command at a time, such as ``UTC`` or ``CEST``."""
    return "UTC" if moment is None else _in_zone(moment).tzname() or ""


def _in_zone(moment: datetime) -> datetime:
    try:
        return moment.astimezone(zone)
    except (ValueError, OverflowError, OSError):  # at the ends of the calendar
        return moment


def rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
