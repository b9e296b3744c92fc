"""One JSON object per event with the fields that Google Cloud Logging treats specially."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ._facts import Facts
from ._json import to_json, to_text
from ._line import TaskLine
from ._origin import HOST, pid
from ._parsing import parse_fields
from ._systems import system_line, system_text

if TYPE_CHECKING:
    from loguru import Record

_SEVERITIES = {
    "trace": "DEBUG",  # "debug or trace information"; DEFAULT is that of an entry without a severity
    "debug": "DEBUG",
    "info": "INFO",
    "success": "NOTICE",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
}
_LEVELS = {severity: level for level, severity in _SEVERITIES.items()}
_PREFIX = "logging.googleapis.com/"
_TASK = ("event", "task_id", "attempt", "status", "duration", "retries_used", "error", "data")


def google_line(
    record: Record,
    *,
    project: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Render one JSON object with the special fields of Google Cloud Logging, for the Ops Agent and Fluent Bit.

    ``severity``, ``time``, ``message`` and the fields ``logging.googleapis.com/...`` become fields of the log entry:
    the task's tags are its labels, the active OpenTelemetry span its trace. The task is under ``taskflow``, with the
    keyword arguments of ``task_log()`` in ``taskflow.data``, where they cannot overwrite a field. A traceback is in
    ``stack_trace``, for Error Reporting. Values are rendered as by :func:`json_line`.

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
    return system_line(
        _line_of, record, max_bytes, project=project, service=service, environment=environment, host=host
    )


def _line_of(
    facts: Facts,
    *,
    project: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
) -> str:
    get = facts.get
    trace_id, tags = get("trace_id"), get("tags")
    fields = {
        "severity": _SEVERITIES[facts["level"]],
        "time": facts["time"],
        "message": facts["message"],
        _PREFIX + "trace": f"projects/{project}/traces/{trace_id}" if project and trace_id else trace_id,
        _PREFIX + "spanId": get("span_id"),
        _PREFIX + "trace_sampled": bool(int(facts["trace_flags"], 16) & 1) if trace_id else None,
        _PREFIX + "labels": {str(key): to_text(value) for key, value in tags.items()} if tags else None,
        _PREFIX + "sourceLocation": {"function": facts["func_name"]},
        "stack_trace": get("stacktrace"),
        "serviceContext": {"service": service} if service else None,
        "taskflow": {name: facts[name] for name in _TASK if name in facts} or None,
        "environment": environment,
        "host": host or HOST,
        "pid": pid(),
    }
    return to_json({name: value for name, value in fields.items() if value is not None})


google_text = partial(system_text, _line_of)
"""The line of :func:`google_line` for a record, without its newline."""


def parse_google_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`google_line`; return None for any other line."""
    return parse_fields(line, google_facts)


def google_facts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that the fields of a line of :func:`google_line` hold."""
    get = fields.get
    task, trace = get("taskflow", {}), get(_PREFIX + "trace")
    return {
        "time": fields["time"],
        "level": _LEVELS[fields["severity"]],
        "func_name": fields[_PREFIX + "sourceLocation"]["function"],
        "message": fields["message"],
        "stacktrace": get("stack_trace"),
        "tags": get(_PREFIX + "labels"),
        "trace_id": trace and trace.rpartition("/")[2],
        "span_id": get(_PREFIX + "spanId"),
        **{name: task.get(name) for name in _TASK},
    }
