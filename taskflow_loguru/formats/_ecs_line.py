"""One JSON object per event in the Elastic Common Schema."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ._keys import key_escape, unescape_key, with_keys
from ._table import Field, Table, always, derived, nanoseconds, texts, words
from ._words import LEVELS, STATUSES

if TYPE_CHECKING:
    from loguru import Record

ECS_VERSION = "9.4.0"
"""The version of the Elastic Common Schema that :func:`ecs_line` writes."""

# Elasticsearch splits names at dots, and rejects an event with an empty name or with a NUL in a name.
_safe_key = key_escape(r"[.*\\%\x00-\x1f\x7f]|^\s+$")
_safe = partial(with_keys, _safe_key)
_back = partial(with_keys, unescape_key)
_TYPES = {status: ["end"] for status, meaning in STATUSES.items() if meaning.is_final} | {"running": ["start"]}

TABLE = Table(
    {
        "@timestamp": "time",
        "log": {
            "level": words("level", {**dict(zip(LEVELS, LEVELS, strict=True)), "success": "notice"}),
            "logger": Field("logger", default="taskflow_loguru"),
            "origin": {
                "function": "func_name",
                "file": {
                    "name": Field("module", "{}.py".format, lambda name: name.removesuffix(".py")),
                    "line": "line",
                },
            },
        },
        "message": "message",
        "ecs": {"version": always(ECS_VERSION)},
        "event": {
            "kind": always("event"),
            "category": always(["process"]),
            "type": derived("status", _TYPES.get, default=["info"]),
            "dataset": derived("service", "{}.taskflow".format, default="taskflow"),
            "action": "event",
            "outcome": derived("status", lambda status: STATUSES[status].outcome if status in STATUSES else None),
            "duration": derived("duration", nanoseconds),
        },
        "taskflow": {
            "task_id": "task_id",
            "attempt": "attempt",
            "status": "status",
            "duration": "duration",
            "retries_used": "retries_used",
            "trace_flags": "trace_flags",
            "data": Field("data", _safe, _back),
        },
        "error": {"type": "error_type", "message": "error", "stack_trace": "stacktrace"},
        "trace": {"id": "trace_id"},
        "span": {"id": "span_id"},
        "labels": Field("tags", lambda tags: _safe(texts(tags)), _back),
        "service": {"name": "service", "environment": "environment"},
        "host": {"name": "host"},
        "process": {"pid": "pid"},
    }
)


def ecs_text(
    record: Record,
    *,
    service: str | None = None,
    environment: str | None = None,
    host: str | None = None,
    max_bytes: int | None = None,
) -> str:
    """Return one JSON object in the Elastic Common Schema, for Filebeat, Elastic Agent and Logstash.

    The fields are nested objects. Facts without a field in the schema are under ``taskflow``. A task's tags are
    ``labels``. The keyword arguments of ``task_log()`` are in ``taskflow.data``, where they cannot overwrite a field;
    in a key, ``.``, ``*``, a backslash and ``%`` are written as in a URL (``user%2Eid``), at every depth. Values are
    rendered as by :func:`json_line`.

    Args:
        record: The loguru record of an event.
        service: ``service.name``; None leaves it out.
        environment: ``service.environment``, such as "production"; None leaves it out.
        host: ``host.name``; None: the system's host name.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    return TABLE.text(record, max_bytes, host, service=service, environment=environment)
