"""One JSON object per event in the Elastic Common Schema."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ._facts import Facts
from ._keys import key_escape, unescape_key, with_keys
from ._table import MODULE, Field, Name, Table, always, derived, texts, words
from ._words import LEVELS, STATUSES

if TYPE_CHECKING:
    from loguru import Record

ECS_VERSION = "9.4.0"
"""The version of the Elastic Common Schema that :func:`ecs_line` writes."""

# Elasticsearch splits names at dots, and rejects an event with an empty name or with a NUL in a name.
_safe = partial(with_keys, key_escape(r"[.*\\%\x00-\x1f\x7f]|^\s+$"))
_unsafe = partial(with_keys, unescape_key)


def _add_outcome(facts: Facts) -> None:
    status = facts.get("status")
    if status == "running":
        facts["type"] = ["start"]
    elif status in STATUSES and STATUSES[status].is_final:
        facts["type"], facts["outcome"] = ["end"], STATUSES[status].outcome


TABLE = Table(
    {
        "@timestamp": "time",
        "log": {
            "level": words("level", {**{level: level for level in LEVELS}, "success": "notice"}),
            "logger": Field("logger", default="taskflow_loguru"),
            "origin": {"function": "func_name", "file": {"name": MODULE, "line": "line"}},
        },
        "message": "message",
        "ecs": {"version": always(ECS_VERSION)},
        "event": {
            "kind": always("event"),
            "category": always(["process"]),
            "type": derived("type", default=["info"]),
            "dataset": derived("service", "{}.taskflow".format, default="taskflow"),
            "action": "event",
            "outcome": derived("outcome"),
            "duration": derived("nanoseconds"),
        },
        "error": {"type": "error_type", "message": "error", "stack_trace": "stacktrace"},
        "trace": {"id": "trace_id"},
        "span": {"id": "span_id"},
        "labels": Field("tags", lambda tags: _safe(texts(tags)), _unsafe),
        "taskflow": {
            **{name: name for name in ("task_id", "attempt", "status", "duration", "retries_used", "trace_flags")},
            "data": Field("data", _safe, _unsafe),
        },
        "service": {"name": "service", "environment": "environment"},
        "host": {"name": "host"},
        "process": {"pid": "pid"},
    },
    _add_outcome,
)


def ecs_text(
    record: Record, *, service: Name = None, environment: Name = None, host: Name = None, max_bytes: int | None = None
) -> str:
    """Return one JSON object in the Elastic Common Schema, for Filebeat, Elastic Agent and Logstash.

    The fields are nested objects. Facts without a field in the schema are under ``taskflow``; a task's tags are
    ``labels``. The keyword arguments of ``task_log()`` are in ``taskflow.data``, where they cannot overwrite a field.
    In their names, and in those of labels, ``.``, ``*``, a backslash and ``%`` are written as in a URL: ``user%2Eid``.
    Values are rendered as by :func:`json_line`.

    Args:
        record: The loguru record of an event.
        service: The name of the service; None leaves it out, here and in the other formats.
        environment: Such as "production"; None leaves it out.
        host: The name of the host; None: the system's host name.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    return TABLE.text(record, max_bytes, host, service=service, environment=environment)
