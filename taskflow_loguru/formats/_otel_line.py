"""One JSON object per event in the OpenTelemetry log data model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._table import Field, Table, derived, words

if TYPE_CHECKING:
    from loguru import Record

_NUMBERS = {"trace": 1, "debug": 5, "info": 9, "success": 10, "warning": 13, "error": 17, "critical": 21}
_NAMES = {
    "trace": "TRACE",
    "debug": "DEBUG",
    "info": "INFO",
    "success": "INFO2",
    "warning": "WARN",
    "error": "ERROR",
    "critical": "FATAL",
}

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
            "code.file.path": Field("module", "{}.py".format, lambda path: path.removesuffix(".py")),
            "code.line.number": "line",
            "otel.scope.name": "logger",
            "taskflow.attempt": "attempt",
            "taskflow.status": "status",
            "taskflow.duration": "duration",
            "taskflow.retries_used": "retries_used",
            "exception.type": "error_type",
            "exception.message": "error",
            "exception.stacktrace": "stacktrace",
            "taskflow.tags": "tags",
            "taskflow.data": "data",
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
    record: Record,
    *,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Return one JSON object in the OpenTelemetry log data model, for the Collector's filelog receiver.

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
    return TABLE.text(record, max_bytes, host, service=service, environment=environment)
