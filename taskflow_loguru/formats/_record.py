"""Access to loguru records that all formats share: the fields of the event, times, and the rendered line."""

from __future__ import annotations

import sys
import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from loguru import Record

UTC = timezone.utc


def rendered(record: Record, line: str) -> str:
    """Store *line* in the record and return the template that names it.

    If the template were the line itself, loguru would parse it for every line, and would interpret the braces and tags
    of a message. The line is stored beside ``extra``, not in it: the values that the app has bound do not change.
    """
    cast("dict[str, Any]", record)["rendered"] = line
    return "{rendered}\n"


def event_of(record: Record) -> dict[str, Any]:
    """Return the event fields of a record. If no task logged it, return a substitute with None for task and event."""
    extra = record["extra"]
    # An app may bind some of these names for its own purposes, but not all of them.
    if "task_id" in extra and "func_name" in extra and "event" in extra and "timestamp" in extra:
        return extra
    return {
        "task_id": None,
        "func_name": record["function"],
        "event": None,
        "timestamp": record["time"],
        "data": extra,
    }


def message_of(record: Record) -> str:
    """Return the message of a record, followed by the traceback of its exception."""
    return record["message"] if record["exception"] is None else f"{record['message']}\n{traceback_of(record)}"


def traceback_of(record: Record) -> str:
    """Return the formatted traceback of a record that has an exception."""
    exception = record["exception"]
    assert exception is not None
    return "".join(traceback.format_exception(exception.type, exception.value, exception.traceback)).rstrip("\n")


def duration_of(event: dict[str, Any]) -> float | None:
    """Return the seconds that an event took; None if it is not a finite number."""
    duration = event.get("duration")
    return duration if isinstance(duration, (int, float)) and abs(duration) <= sys.float_info.max else None


def in_utc(time: datetime) -> datetime:
    """Return *time* in UTC; a time without a zone counts as UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def second_of(time: datetime) -> str:
    """Return *time* in UTC to the second, as ``2026-01-01T12:00:00``."""
    global _last_second
    if time.tzinfo is not UTC:
        time = in_utc(time)
    first, last, text = _last_second  # read once: another thread may replace it
    if not first <= time <= last:
        first, last, text = _last_second = _second_around(time)
    return text


def _second_around(time: datetime) -> tuple[datetime, datetime, str]:
    """Return the first and the last moment of the second of *time*, and its text."""
    return time.replace(microsecond=0), time.replace(microsecond=999_999), time.isoformat()[:19]


_last_second = _second_around(datetime(1970, 1, 1, tzinfo=UTC))


def microsecond_of(time: datetime) -> str:
    """Return *time* as RFC 3339 in UTC, with all six digits of its microseconds."""
    return "%s.%06dZ" % (second_of(time), time.microsecond)  # noqa: UP031  (twice as fast as an f-string)


def millisecond_of(time: datetime) -> str:
    """Return *time* as RFC 3339 in UTC, to the millisecond."""
    return "%s.%03dZ" % (second_of(time), time.microsecond // 1000)  # noqa: UP031  (twice as fast as an f-string)
