"""One JSON object per event with the attributes that Datadog reserves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._table import Field, Table, derived, nanoseconds, words
from ._words import LEVELS

if TYPE_CHECKING:
    from loguru import Record


def _datadog_id(digits: str) -> str:
    # Datadog writes ids of 64 bits in decimal, longer ones in hexadecimal.
    number = int(digits, 16)
    return digits if number >= 2**64 else str(number)


def _otel_id(text: str, digits: int) -> str:
    return text if len(text) == 32 else f"{int(text):0{digits}x}"


TABLE = Table(
    {
        "timestamp": "time",
        "status": words("level", {**dict(zip(LEVELS, LEVELS, strict=True)), "success": "ok"}),
        "message": "message",
        "logger.name": Field("logger", default="taskflow_loguru"),
        "logger.method_name": "func_name",
        "duration": derived("duration", nanoseconds),
        "error.kind": "error_type",
        "error.message": "error",
        "error.stack": "stacktrace",
        "dd.trace_id": Field("trace_id", _datadog_id, lambda text: _otel_id(text, 32)),
        "dd.span_id": Field("span_id", _datadog_id, lambda text: _otel_id(text, 16)),
        "dd.service": derived("service", None),
        "dd.env": "environment",
        "service": "service",
        "host": "host",
        "process.pid": "pid",
        "taskflow": {
            name: name
            for name in (
                "event", "task_id", "attempt", "status", "duration", "retries_used", "module", "line",
                "trace_flags", "tags", "data",
            )
        },
    }
)  # fmt: skip


def datadog_text(
    record: Record,
    *,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Return one JSON object with the attributes that Datadog reserves, for the Datadog Agent.

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
    return TABLE.text(record, max_bytes, host, service=service, environment=environment)
