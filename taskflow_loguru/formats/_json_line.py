"""One JSON object per event, with all that is known of it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ._json import to_json, to_text
from ._line import TaskLine
from ._record import event_of, in_utc, rendered, traceback_of
from ._tracing import current_span

if TYPE_CHECKING:
    from loguru import Record

JSON_SCHEMA_VERSION = 1
"""The version of the lines of :func:`json_line`: raised when a field changes its meaning or is removed."""


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
    event = event_of(record)
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
        fields["stacktrace"] = traceback_of(record)
    return rendered(record, to_json({name: value for name, value in fields.items() if value is not None}))


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "level": (str,),
    "event": (str,),
    "task_id": (str,),
    "func_name": (str,),
    "attempt": (int,),
    "message": (str,),
    "status": (str,),
    "duration": (int, float),
    "retries_used": (int,),
    "error": (str,),
    "stacktrace": (str,),
    "tags": (dict,),
    "data": (dict,),
    "trace_id": (str,),
    "span_id": (str,),
}
_ALWAYS_THERE: dict[str, Any] = dict.fromkeys(("level", "event", "task_id", "func_name", "attempt"))


def parse_json_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`json_line`; return None for any other line, and for a later schema version."""
    try:
        fields = json.loads(line)
        if fields["v"] != JSON_SCHEMA_VERSION:
            return None
        time = datetime.strptime(fields["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        known = {name: fields[name] for name in _JSON_TYPES if name in fields}
        if any(type(value) not in _JSON_TYPES[name] for name, value in known.items()):
            return None
        return TaskLine(time=time, **{**_ALWAYS_THERE, **known})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
