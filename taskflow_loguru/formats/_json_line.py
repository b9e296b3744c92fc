"""One JSON object per event, with all its facts."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, get_type_hints

from ._bound import JSON, bounded, check_name
from ._facts import JSON_SCHEMA_VERSION, facts_of
from ._json import to_json
from ._line import TaskLine
from ._parsing import parse_fields

try:
    import msgspec
except ImportError:
    msgspec = None  # type: ignore[assignment]

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


def _of_this_version(fields: dict[str, Any]) -> dict[str, Any]:
    if type(version := fields["v"]) is not int or version != JSON_SCHEMA_VERSION:
        raise ValueError(f"v is {version!r}")
    return fields


if msgspec is not None:
    _HINTS: dict[str, Any] = {"v": int, **get_type_hints(TaskLine), "time": datetime}
    _DEFAULTS: dict[str, Any] = {**dict.fromkeys(_HINTS), "tags": {}, "data": {}}
    _FIELDS: list[Any] = [
        (name, hint) if name in ("v", "time", "message") else (name, hint, _DEFAULTS[name])
        for name, hint in _HINTS.items()
    ]
    # A struct with the fields of TaskLine takes a sixth of the time of decoding into the dataclass itself.
    _decode = msgspec.json.Decoder(msgspec.defstruct("_Fields", _FIELDS, kw_only=True)).decode
    _values = msgspec.structs.astuple


def parse_json_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`json_line`; return None for any other line, and for a later schema version."""
    if msgspec is None:
        return parse_fields(line, _of_this_version)
    try:
        version, *values = _values(_decode(line))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return TaskLine(*values) if version == JSON_SCHEMA_VERSION and values[0].tzinfo is timezone.utc else None
