"""One JSON object per event with the fields that Google Cloud Logging treats specially."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._facts import Facts
from ._table import Field, Table, derived, texts, words
from ._words import STATUSES

if TYPE_CHECKING:
    from loguru import Record

_SEVERITIES = {
    "debug": "DEBUG",
    "trace": "DEBUG",  # "debug or trace information"; DEFAULT is that of an entry without a severity
    "info": "INFO",
    "success": "NOTICE",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
}
_PREFIX = "logging.googleapis.com/"


def _is_sampled(flags: str) -> bool:
    return bool(int(flags, 16) & 1)


def _is_last(status: str) -> bool:
    return status in STATUSES and STATUSES[status].is_final


def _name_trace(facts: Facts) -> None:
    if "project" in facts and "trace_id" in facts:
        facts["trace_id"] = f"projects/{facts['project']}/traces/{facts['trace_id']}"


# GKE and Cloud Run read "severity" and "trace_sampled"; the Ops Agent and Fluent Bit read the other of each pair.
TABLE = Table(
    {
        "severity": words("level", _SEVERITIES),
        _PREFIX + "severity": derived("level", _SEVERITIES.get),
        "time": "time",
        "message": "message",
        _PREFIX + "trace": Field("trace_id", back=lambda name: name.rpartition("/")[2]),
        _PREFIX + "spanId": "span_id",
        _PREFIX + "trace_sampled": derived("trace_flags", _is_sampled),
        _PREFIX + "traceSampled": derived("trace_flags", _is_sampled),
        _PREFIX + "labels": Field("tags", texts),
        _PREFIX + "operation": {
            "id": derived("task_id", None),
            "producer": derived("task_id", lambda _: "taskflow_loguru"),
            "first": derived("status", lambda status: True if status == "pending" else None),
            "last": derived("status", lambda status: True if _is_last(status) else None),
        },
        _PREFIX + "sourceLocation": {
            "function": "func_name",
            "file": Field("module", "{}.py".format, lambda name: name.removesuffix(".py")),
            "line": Field("line", str, int),
        },
        "stack_trace": "stacktrace",
        "serviceContext": {"service": "service"},
        "taskflow": {
            name: name
            for name in (
                "event", "task_id", "attempt", "status", "duration", "retries_used", "error", "error_type",
                "logger", "trace_flags", "data",
            )
        },
        "environment": "environment",
        "host": "host",
        "pid": "pid",
    },
    _name_trace,
)  # fmt: skip


def google_text(
    record: Record,
    *,
    project: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Return one JSON object with the special fields of Google Cloud Logging: for GKE, the Ops Agent and Fluent Bit.

    The severity, ``time``, ``message`` and the fields ``logging.googleapis.com/...`` become fields of the log entry:
    the lines of one task are one operation, the task's tags are labels, and the active OpenTelemetry span is the trace.
    The task is under ``taskflow``, with the keyword arguments of ``task_log()`` in ``taskflow.data``, where they cannot
    overwrite a field. A traceback is in ``stack_trace``, for Error Reporting. Values are rendered as by
    :func:`json_line`.

    Args:
        record: The loguru record of an event.
        project: The id of the Google Cloud project that has the traces; None writes the trace id alone.
        service: The service that Error Reporting shows; None leaves it out.
        environment: ``environment``, such as "production"; None leaves it out.
        host: ``host``; None: the system's host name.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    return TABLE.text(record, max_bytes, host, project=project, service=service, environment=environment)
