"""Line formats: what a loguru record of a task's event looks like in a file.

Each is a format function as loguru takes them (``logger.add(sink, format=task_line)``): it renders the record's
line, leaves it in the record, and returns the template that names it. loguru would parse a template made of the
line itself anew for every line, and take the braces and tags of a message for its own.
"""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from ._escapes import escape
from ._json import to_json, to_text
from ._tracing import current_span

if TYPE_CHECKING:
    from loguru import Record

JSON_SCHEMA_VERSION = 1
"""The version of the lines of :func:`json_line`: raised when a field changes its meaning or goes."""

_last_second: tuple[tuple[int, ...], str] = ((), "")


def task_line(record: Record) -> str:
    """The line of the file-logging guide: ``[task id] [function] time message``.

    - The id is cut to its first 8 characters; the time is the event's, in UTC, to the second.
    - A retry separator (``--- Retry 1 ---``) has no time.
    - Control characters (C0, DEL, C1, U+2028, U+2029) and lone surrogates are escaped as Python writes
      them, so that no text makes a second line. A backslash stays as it is.
    - A record of no task, from a logger that shares the file, has ``-`` for the id and its function's name;
      an exception's traceback follows the message, in the same line.
    """
    event = _event_of(record)
    message = record["message"]
    if record["exception"] is not None:
        message = f"{message}\n{_traceback_of(record)}"
    if event.get("event") != "retry":
        message = f"{_second_of(event['timestamp'])} {message}"
    task_id = str(event.get("task_id", "-"))[:8]
    func_name = event.get("func_name", record["function"])
    return _rendered(record, escape(f"[{task_id}] [{func_name}] {message}"))


def json_line(record: Record) -> str:
    """One JSON object (RFC 8259) with all that is known of an event; ``docs/formats.md`` tells its fields.

    - ``time`` is the event's, RFC 3339, in UTC, with microseconds; ``duration`` is in seconds.
    - What an event does not have is left out. An active OpenTelemetry span adds its ``trace_id`` and
      ``span_id`` where opentelemetry-api is installed.
    - Any value of ``task_log``'s keyword arguments is rendered somehow, and the object is always valid.
    - A record of no task, from a logger that shares the file, has its bound values as ``data``, and an
      exception as ``error`` and ``stacktrace``.

    orjson encodes it where that is installed (the extra ``json``), the standard library otherwise: the same
    bytes, more slowly.
    """
    event = _event_of(record)
    fields: dict[str, Any] = {
        "v": JSON_SCHEMA_VERSION,
        "time": f"{in_utc(event['timestamp']).isoformat(timespec='microseconds')[:26]}Z",
        "level": record["level"].name.lower(),
        "event": event.get("event"),
        "task_id": event.get("task_id"),
        "func_name": event.get("func_name", record["function"]),
        "attempt": event.get("attempt"),
        "message": record["message"],
        "status": event.get("status"),
        "duration": event.get("duration"),
        "retries_used": event.get("retries_used"),
        "error": event.get("error"),
        "stacktrace": event.get("stacktrace"),
        **current_span(),
        "tags": event.get("tags") or None,
        "data": event.get("data") or None,
    }
    exception = record["exception"]
    if exception is not None:
        fields["error"] = to_text(exception.value)
        fields["stacktrace"] = _traceback_of(record)
    return _rendered(record, to_json({name: value for name, value in fields.items() if value is not None}))


def _rendered(record: Record, line: str) -> str:
    # Beside "extra", not in it: what the app has bound stays as it is for its other sinks.
    cast("dict[str, Any]", record)["rendered"] = line
    return "{rendered}\n"


def _traceback_of(record: Record) -> str:
    exception = record["exception"]
    assert exception is not None
    return "".join(traceback.format_exception(exception.type, exception.value, exception.traceback)).rstrip("\n")


def _event_of(record: Record) -> dict[str, Any]:
    """What is bound of a task's event; for a record of no task what stands for it."""
    extra = record["extra"]
    # An app may bind some of our names for purposes of its own, but hardly all of them.
    if "task_id" in extra and "func_name" in extra and "event" in extra and "timestamp" in extra:
        return extra
    return {"timestamp": record["time"], "data": extra}


def _second_of(time: datetime) -> str:
    global _last_second
    if time.tzinfo is not timezone.utc:
        time = in_utc(time)
    second = (time.year, time.month, time.day, time.hour, time.minute, time.second)
    known = _last_second  # read once: another thread may put another second there
    if known[0] != second:
        known = second, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*second)
        _last_second = known
    return known[1]


def in_utc(time: datetime) -> datetime:
    """``time`` in UTC, which one without a zone is in already."""
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
