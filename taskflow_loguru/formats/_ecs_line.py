"""One JSON object per event in the Elastic Common Schema."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ._facts import Facts, nanoseconds
from ._json import to_json, to_text
from ._line import TaskLine
from ._origin import HOST, pid
from ._parsing import parse_fields, seconds
from ._systems import system_line, system_text

if TYPE_CHECKING:
    from loguru import Record

ECS_VERSION = "9.4.0"
"""The version of the Elastic Common Schema that :func:`ecs_line` writes."""

_LEVELS = {"success": "notice"}
"""Elastic's names of the levels that have another name there."""
_OUTCOMES = {
    "success": "success",
    "failed": "failure",
    "interrupted": "unknown",
    "cancelled": "unknown",
    "rejected": "unknown",
}
"""The outcome of each final status."""
_IN_KEYS = str.maketrans(".*\\", "___")


def ecs_line(
    record: Record,
    *,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Render one JSON object in the Elastic Common Schema, for Filebeat, Elastic Agent and Logstash.

    Facts without a field in the schema are under ``taskflow``. A task's tags are ``labels``. The keyword arguments of
    ``task_log()`` are in ``taskflow.data``, where they cannot overwrite a field. Values are rendered as by
    :func:`json_line`.

    Args:
        record: The loguru record of an event.
        service: ``service.name``; None leaves it out.
        environment: ``service.environment``, such as "production"; None leaves it out.
        host: ``host.name``; None: the system's host name.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    return system_line(_line_of, record, max_bytes, service=service, environment=environment, host=host)


def _line_of(
    facts: Facts, *, service: str | None = None, environment: str | None = None, host: str | None = None
) -> str:
    get = facts.get
    level, status = facts["level"], get("status")
    tags = get("tags")
    fields = {
        "@timestamp": facts["time"],
        "log.level": _LEVELS.get(level, level),
        "message": facts["message"],
        "ecs.version": ECS_VERSION,
        "event.kind": "event",
        "event.dataset": f"{service}.taskflow" if service else "taskflow",
        "event.action": get("event"),
        "event.outcome": _OUTCOMES.get(str(status)),
        "event.duration": nanoseconds(facts),
        "log.origin.function": facts["func_name"],
        "taskflow.task_id": get("task_id"),
        "taskflow.attempt": get("attempt"),
        "taskflow.status": status,
        "taskflow.retries_used": get("retries_used"),
        "error.type": get("error_type"),
        "error.message": get("error"),
        "error.stack_trace": get("stacktrace"),
        "trace.id": get("trace_id"),
        "span.id": get("span_id"),
        # A dot in a key would turn the label into an object. Labels have text as values.
        "labels": {to_text(key).translate(_IN_KEYS): to_text(value) for key, value in tags.items()} if tags else None,
        "taskflow.data": get("data"),
        "service.name": service,
        "service.environment": environment,
        "host.name": host or HOST,
        "process.pid": pid(),
    }
    return to_json({name: value for name, value in fields.items() if value is not None})


ecs_text = partial(system_text, _line_of)
"""The line of :func:`ecs_line` for a record, without its newline."""


def parse_ecs_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`ecs_line`; return None for any other line."""
    return parse_fields(line, ecs_facts)


def ecs_facts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that the fields of a line of :func:`ecs_line` hold."""
    get = fields.get
    level = fields["log.level"]
    return {
        "time": fields["@timestamp"],
        "level": "success" if level == "notice" else level,
        "event": get("event.action"),
        "task_id": get("taskflow.task_id"),
        "func_name": get("log.origin.function"),
        "attempt": get("taskflow.attempt"),
        "message": fields["message"],
        "status": get("taskflow.status"),
        "duration": seconds(get("event.duration")),
        "retries_used": get("taskflow.retries_used"),
        "error": get("error.message"),
        "stacktrace": get("error.stack_trace"),
        "tags": get("labels"),
        "data": get("taskflow.data"),
        "trace_id": get("trace.id"),
        "span_id": get("span.id"),
    }
