"""One JSON object per event with the fields that Google Cloud Logging treats specially."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._facts import Facts
from ._table import MODULE, Field, Name, Table, derived, texts, words
from ._words import LEVELS, STATUSES

if TYPE_CHECKING:
    from loguru import Record

# "debug or trace information" is DEBUG; DEFAULT is the severity of an entry without one.
_SEVERITIES = {"debug": "DEBUG", **{level: level.upper() for level in LEVELS}, "trace": "DEBUG", "success": "NOTICE"}
_PREFIX = "logging.googleapis.com/"
_TASK = ("task_id", "attempt", "status", "duration", "retries_used", "error", "error_type", "logger", "trace_flags")


def _is_sampled(flags: str) -> bool:
    return bool(int(flags, 16) & 1)


def _complete(facts: Facts) -> None:
    status = facts.get("status")
    if status == "pending":
        facts["first"] = True
    elif status in STATUSES and STATUSES[status].is_final:
        facts["last"] = True
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
            "id": derived("task_id"),
            "producer": derived("task_id", lambda _: "taskflow_loguru"),
            "first": derived("first"),
            "last": derived("last"),
        },
        _PREFIX + "sourceLocation": {"function": "func_name", "file": MODULE, "line": Field("line", str, int)},
        "stack_trace": "stacktrace",
        "serviceContext": {"service": "service"},
        "taskflow": {"event": "event", **{name: name for name in _TASK}, "data": "data"},
        "environment": "environment",
        "host": "host",
        "pid": "pid",
    },
    _complete,
)


def google_text(
    record: Record,
    *,
    project: Name = None,
    service: Name = None,
    environment: Name = None,
    host: Name = None,
    max_bytes: int | None = None,
) -> str:
    """Return one JSON object with the special fields of Google Cloud Logging: for GKE, the Ops Agent and Fluent Bit.

    The severity, ``time``, ``message`` and the fields ``logging.googleapis.com/...`` become fields of the log entry:
    the lines of one task are one operation, the task's tags are labels, and the active OpenTelemetry span is the trace.
    *project* is the id of the Google Cloud project that has the traces; None writes the trace id alone. The task is
    under ``taskflow``, with the keyword arguments of ``task_log()`` in ``taskflow.data``, where they cannot overwrite a
    field. A traceback is in ``stack_trace``, for Error Reporting. Values are rendered as by :func:`json_line`. The
    other arguments and the errors are those of :func:`ecs_line`.
    """
    return TABLE.text(record, max_bytes, host, project=project, service=service, environment=environment)
