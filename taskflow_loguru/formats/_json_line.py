"""One JSON object per event, with all its facts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from ._bound import JSON, bounded, check_name
from ._decoding import decode
from ._facts import JSON_SCHEMA_VERSION, facts_of
from ._json import to_json
from ._line import TaskLine

if TYPE_CHECKING:
    from loguru import Record


def json_text(record: Record, *, max_bytes: int | None = None, host: str | None = None) -> str:
    """Return one JSON object (RFC 8259) with all facts of an event; ``docs/formats.md`` lists its fields.

    - ``time`` is that of the event, RFC 3339, in UTC, with microseconds; ``duration`` is in seconds.
    - A field that an event does not have is left out. An active OpenTelemetry span adds its ``trace_id``,
      ``span_id`` and ``trace_flags`` if opentelemetry-api is installed.
    - The keyword arguments of ``task_log`` may have any values: the object is always valid JSON.
    - A record without a task, from a logger that shares the file, has its bound values as ``data``, and an
      exception as ``error`` and ``stacktrace``.

    orjson encodes the object if it is installed (the extra ``json``). Otherwise the standard library does: with the
    same values, but more slowly.

    Args:
        record: The loguru record of an event.
        max_bytes: The maximum length of a line in bytes, newline included; None: no maximum. In a line that is too
            long, the longest values are cut and show how much is missing; times and ids are never cut.
        host: The name of the host; None: the system's host name.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    if host is not None:
        check_name("host", host)
    facts = facts_of(record, host)
    return to_json(facts) if max_bytes is None else bounded(facts, JSON, max_bytes)


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def parse_json_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`json_line`; return None for any other line, and for a later schema version."""
    fields = decode(line)
    if fields is None or fields[0] != JSON_SCHEMA_VERSION or _TIME.fullmatch(fields[1]) is None:
        return None
    parsed = TaskLine(*fields[1:])
    try:
        parsed.time = datetime.fromisoformat(f"{fields[1][:26]}+00:00")
    except ValueError:  # the date does not exist
        return None
    return parsed
