"""What all formats read from a loguru record, and how they hand over the line."""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from loguru import Record


def rendered(record: Record, line: str) -> str:
    """Store *line* in the record and return the template that names it.

    loguru would parse a template made of the line itself anew for every line, and interpret the braces and tags of a
    message. The line is stored beside ``extra``, not in it: the values that the app has bound stay as they are.
    """
    cast("dict[str, Any]", record)["rendered"] = line
    return "{rendered}\n"


def event_of(record: Record) -> dict[str, Any]:
    """Return the event fields of a record, or a stand-in if no task logged it."""
    extra = record["extra"]
    # An app may bind some of these names for its own purposes, but hardly all of them.
    if "task_id" in extra and "func_name" in extra and "event" in extra and "timestamp" in extra:
        return extra
    return {"timestamp": record["time"], "data": extra}


def traceback_of(record: Record) -> str:
    """Return the formatted traceback of a record that has an exception."""
    exception = record["exception"]
    assert exception is not None
    return "".join(traceback.format_exception(exception.type, exception.value, exception.traceback)).rstrip("\n")


def in_utc(time: datetime) -> datetime:
    """Return *time* in UTC; a time without a zone counts as UTC."""
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
