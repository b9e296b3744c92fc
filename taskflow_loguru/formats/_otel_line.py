"""One JSON object per event in the OpenTelemetry log data model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._table import MODULE, Name, Table, derived, words

if TYPE_CHECKING:
    from loguru import Record

_NUMBERS = {"trace": 1, "debug": 5, "info": 9, "success": 10, "warning": 13, "error": 17, "critical": 21}
_NAMES = {**{level: level.upper() for level in _NUMBERS}, "success": "INFO2", "warning": "WARN", "critical": "FATAL"}

TABLE = Table(
    {
        "timestamp": "time",
        "severity_text": derived("level", _NAMES.get),
        "severity_number": words("level", _NUMBERS),
        "body": "message",
        "trace_id": "trace_id",
        "span_id": "span_id",
        "trace_flags": "trace_flags",
        "attributes": {
            "taskflow.event": "event",
            "taskflow.task.id": "task_id",
            "code.function.name": "func_name",
            "code.file.path": MODULE,
            "code.line.number": "line",
            "otel.scope.name": "logger",
            "exception.type": "error_type",
            "exception.message": "error",
            "exception.stacktrace": "stacktrace",
            **{f"taskflow.{name}": name for name in ("attempt", "status", "duration", "retries_used", "tags", "data")},
        },
        "resource": {
            "service.name": "service",
            "deployment.environment.name": "environment",
            "host.name": "host",
            "process.pid": "pid",
        },
    }
)


def otel_text(
    record: Record, *, service: Name = None, environment: Name = None, host: Name = None, max_bytes: int | None = None
) -> str:
    """Return one JSON object in the OpenTelemetry log data model, for the Collector's filelog receiver.

    The names of the fields are the data model's. ``docs/formats.md`` has the receiver's configuration. The keyword
    arguments of ``task_log()`` are in ``attributes["taskflow.data"]``, where they cannot overwrite an attribute. Values
    are rendered as by :func:`json_line`. The arguments and the errors are those of :func:`ecs_line`.
    """
    return TABLE.text(record, max_bytes, host, service=service, environment=environment)
