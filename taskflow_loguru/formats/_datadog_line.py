"""One JSON object per event with the attributes that Datadog reserves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ._facts import Facts, nanoseconds
from ._json import to_json
from ._line import TaskLine
from ._origin import HOST, pid
from ._parsing import parse_fields, seconds
from ._systems import system_line, system_text

if TYPE_CHECKING:
    from loguru import Record

_STATUSES = {"success": "ok"}
"""Datadog's names of the levels that have another name there."""
_LOGGER = "taskflow_loguru"
_TASK = ("event", "task_id", "attempt", "status", "retries_used", "tags", "data")


def datadog_line(
    record: Record,
    *,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Render one JSON object with the attributes that Datadog reserves, for the Datadog Agent.

    ``status`` is the severity; the task's own status is ``taskflow.status``. An active OpenTelemetry span adds
    ``dd.trace_id`` and ``dd.span_id`` as Datadog's tracers write them. The keyword arguments of ``task_log()`` are in
    ``taskflow.data``, where they cannot overwrite an attribute. Values are rendered as by :func:`json_line`.

    Args:
        record: The loguru record of an event.
        service: ``service`` and ``dd.service``; None leaves them out.
        environment: ``dd.env``, such as "production"; None leaves it out.
        host: ``host``; None: the system's host name.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    return system_line(_line_of, record, max_bytes, service=service, environment=environment, host=host)


def _line_of(
    facts: Facts, *, service: str | None = None, environment: str | None = None, host: str | None = None
) -> str:
    get = facts.get
    level, trace_id, span_id = facts["level"], get("trace_id"), get("span_id")
    fields = {
        "timestamp": facts["time"],
        "status": _STATUSES.get(level, level),
        "message": facts["message"],
        "logger.name": _LOGGER,
        "logger.method_name": facts["func_name"],
        "duration": nanoseconds(facts),
        "error.kind": get("error_type"),
        "error.message": get("error"),
        "error.stack": get("stacktrace"),
        "dd.trace_id": trace_id and _datadog_id(trace_id),
        "dd.span_id": span_id and _datadog_id(span_id),
        "dd.service": service,
        "dd.env": environment,
        "service": service,
        "host": host or HOST,
        "process.pid": pid(),
        "taskflow": {name: facts[name] for name in _TASK if name in facts} or None,
    }
    return to_json({name: value for name, value in fields.items() if value is not None})


def _datadog_id(digits: str) -> str:
    # Datadog writes ids of 64 bits in decimal, longer ones in hexadecimal.
    number = int(digits, 16)
    return digits if number >= 2**64 else str(number)


def _otel_id(text: str | None, digits: int) -> str | None:
    if text is None or len(text) == 32:
        return text
    return f"{int(text):0{digits}x}"


datadog_text = partial(system_text, _line_of)
"""The line of :func:`datadog_line` for a record, without its newline."""


def parse_datadog_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`datadog_line`; return None for any other line."""
    return parse_fields(line, datadog_facts)


def datadog_facts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that the fields of a line of :func:`datadog_line` hold."""
    get = fields.get
    if fields["logger.name"] != _LOGGER:
        raise ValueError("a line of another logger")
    level, task = fields["status"], get("taskflow", {})
    return {
        "time": fields["timestamp"],
        "level": "success" if level == "ok" else level,
        "func_name": get("logger.method_name"),
        "message": fields["message"],
        "duration": seconds(get("duration")),
        "error": get("error.message"),
        "stacktrace": get("error.stack"),
        "trace_id": _otel_id(get("dd.trace_id"), 32),
        "span_id": _otel_id(get("dd.span_id"), 16),
        **{name: task.get(name) for name in _TASK},
    }
