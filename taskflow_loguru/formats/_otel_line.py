"""One JSON object per event in the OpenTelemetry log data model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ._facts import Facts
from ._json import to_json
from ._line import TaskLine
from ._origin import HOST, pid
from ._parsing import parse_fields
from ._systems import system_line, system_text

if TYPE_CHECKING:
    from loguru import Record

_SEVERITIES = {
    "trace": (1, "TRACE"),
    "debug": (5, "DEBUG"),
    "info": (9, "INFO"),
    "success": (10, "INFO2"),
    "warning": (13, "WARN"),
    "error": (17, "ERROR"),
    "critical": (21, "FATAL"),
}
_LEVELS = {number: level for level, (number, _) in _SEVERITIES.items()}
_ATTRIBUTES = {
    "taskflow.event": "event",
    "taskflow.task.id": "task_id",
    "code.function.name": "func_name",
    "taskflow.attempt": "attempt",
    "taskflow.status": "status",
    "taskflow.duration": "duration",
    "taskflow.retries_used": "retries_used",
    "exception.type": "error_type",
    "exception.message": "error",
    "exception.stacktrace": "stacktrace",
    "taskflow.tags": "tags",
    "taskflow.data": "data",
}
_TRACE = ("trace_id", "span_id", "trace_flags")


def otel_line(
    record: Record,
    *,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Render one JSON object in the OpenTelemetry log data model, for the Collector's filelog receiver.

    The fields ``timestamp``, ``severity_text``, ``severity_number``, ``body``, ``trace_id``, ``span_id``,
    ``trace_flags``, ``attributes`` and ``resource`` have the data model's names. ``docs/formats.md`` has the receiver's
    configuration. The keyword arguments of ``task_log()`` are in ``attributes["taskflow.data"]``, where they cannot
    overwrite an attribute. Values are rendered as by :func:`json_line`.

    Args:
        record: The loguru record of an event.
        service: ``service.name`` of the resource; None leaves it out.
        environment: ``deployment.environment.name``, such as "production"; None leaves it out.
        host: ``host.name``; None: the system's host name.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    return system_line(_line_of, record, max_bytes, service=service, environment=environment, host=host)


def _line_of(
    facts: Facts, *, service: str | None = None, environment: str | None = None, host: str | None = None
) -> str:
    number, text = _SEVERITIES[facts["level"]]
    resource = {
        "service.name": service,
        "deployment.environment.name": environment,
        "host.name": host or HOST,
        "process.pid": pid(),
    }
    return to_json(
        {
            "timestamp": facts["time"],
            "severity_text": text,
            "severity_number": number,
            "body": facts["message"],
            **{name: facts[name] for name in _TRACE if name in facts},
            "attributes": {key: facts[name] for key, name in _ATTRIBUTES.items() if name in facts},
            "resource": {key: value for key, value in resource.items() if value is not None},
        }
    )


otel_text = partial(system_text, _line_of)
"""The line of :func:`otel_line` for a record, without its newline."""


def parse_otel_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`otel_line`; return None for any other line."""
    return parse_fields(line, otel_facts)


def otel_facts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that the fields of a line of :func:`otel_line` hold."""
    attributes = fields["attributes"]
    return {
        "time": fields["timestamp"],
        "level": _LEVELS[fields["severity_number"]],
        "message": fields["body"],
        **{name: fields.get(name) for name in _TRACE},
        **{name: attributes.get(key) for key, name in _ATTRIBUTES.items()},
    }
