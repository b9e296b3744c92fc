"""One JSON object per event with the attributes that Datadog reserves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._table import Field, Name, Table, derived, words
from ._words import LEVELS

if TYPE_CHECKING:
    from loguru import Record


def _datadog_id(digits: str) -> str:
    # Datadog writes ids of 64 bits in decimal, longer ones in hexadecimal.
    number = int(digits, 16)
    return digits if number >= 2**64 else str(number)


def _otel_id(text: str, digits: int) -> str:
    return text if len(text) == 32 else f"{int(text):0{digits}x}"


_TASK = ("task_id", "attempt", "status", "duration", "retries_used", "module", "line", "trace_flags", "tags", "data")

TABLE = Table(
    {
        "timestamp": "time",
        "status": words("level", {**{level: level for level in LEVELS}, "success": "ok"}),
        "message": "message",
        "logger.name": Field("logger", default="taskflow_loguru"),
        "logger.method_name": "func_name",
        "duration": derived("nanoseconds"),
        "error.kind": "error_type",
        "error.message": "error",
        "error.stack": "stacktrace",
        "dd.trace_id": Field("trace_id", _datadog_id, lambda text: _otel_id(text, 32)),
        "dd.span_id": Field("span_id", _datadog_id, lambda text: _otel_id(text, 16)),
        "dd.service": derived("service"),
        "dd.env": "environment",
        "service": "service",
        "host": "host",
        "process.pid": "pid",
        "taskflow": {"event": "event", **{name: name for name in _TASK}},
    }
)


def datadog_text(
    record: Record, *, service: Name = None, environment: Name = None, host: Name = None, max_bytes: int | None = None
) -> str:
    """Return one JSON object with the attributes that Datadog reserves, for the Datadog Agent.

    ``status`` is the severity; the task's own status is ``taskflow.status``. An active OpenTelemetry span adds
    ``dd.trace_id`` and ``dd.span_id`` as Datadog's tracers write them. The keyword arguments of ``task_log()`` are in
    ``taskflow.data``, where they cannot overwrite an attribute. Values are rendered as by :func:`json_line`. The
    arguments and the errors are those of :func:`ecs_line`.
    """
    return TABLE.text(record, max_bytes, host, service=service, environment=environment)
