"""The facts of an event, under the names of :func:`json_line`: the basis of every JSON format."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._json import plain, to_text
from ._record import duration_of, event_of, microsecond_of, traceback_of

if TYPE_CHECKING:
    from loguru import Record

Facts = dict[str, Any]
"""Facts by name. A fact that an event does not have is absent; no value is None."""

JSON_SCHEMA_VERSION = 1
"""The version of the lines of :func:`json_line`: it increases when a field changes its meaning or is removed."""

_NO_SPAN: Mapping[str, str] = {}
_MORE = ("logger", "module", "line", "status", "duration", "retries_used", "error", "stacktrace")
_TYPE = re.compile(r"[\w.<>]+")


try:
    from opentelemetry import trace
except ImportError:

    def _current_span() -> Mapping[str, str]:
        """Return no ids: without opentelemetry-api there are no spans."""
        return _NO_SPAN

else:

    def _current_span() -> Mapping[str, str]:
        """Return the ids and flags of the active span, in hexadecimal; no ids if no span is active."""
        span = trace.get_current_span()
        if span is trace.INVALID_SPAN:
            return _NO_SPAN
        context = span.get_span_context()
        if not context.is_valid:
            return _NO_SPAN
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
            "trace_flags": f"{context.trace_flags:02x}",
        }


def facts_of(record: Record, host: str | None = None) -> Facts:
    """Return the facts of a record, in the order of the fields of :func:`json_line`."""
    event = event_of(record)
    get = event.get
    facts: Facts = {
        "v": JSON_SCHEMA_VERSION,
        "time": microsecond_of(event["timestamp"]),
        "level": record["level"].name.lower(),
        "event": event["event"],
        "task_id": event["task_id"],
        "func_name": event["func_name"],
        "attempt": get("attempt"),
        "message": record["message"],
    }
    if facts["attempt"] is None:  # a record without a task, or with some of a task's names
        facts = {name: value for name, value in facts.items() if value is not None}
    for name in _MORE:
        if (value := get(name)) is not None:
            facts[name] = value
    if "duration" in facts and duration_of(event) is None:
        del facts["duration"]
    if record["exception"] is not None:
        facts["error"] = to_text(record["exception"].value)
        facts["stacktrace"] = traceback_of(record)
    if "error" in facts and (kind := error_type(facts["error"], facts.get("stacktrace"))):
        facts["error_type"] = kind
    if span := _current_span():
        facts.update(span)
    if tags := get("tags"):
        facts["tags"] = plain(tags)
    if data := get("data"):
        facts["data"] = plain(data)
    facts["host"] = host or _HOST
    facts["pid"] = _pid
    return facts


def _forked() -> None:
    global _pid
    _pid = os.getpid()


_HOST = socket.gethostname()
_pid = os.getpid()  # kept, to save a system call for each line
os.register_at_fork(after_in_child=_forked)


def error_type(error: object, stacktrace: object) -> str | None:
    """Return the class name of an exception from the end of its traceback: the host reports only its text."""
    if not isinstance(error, str) or not isinstance(stacktrace, str):
        return None
    if name := _class_before(error, stacktrace):
        return name
    # The host puts the class before the text of an error in a worker process.
    kind, separator, text = error.partition(": ")
    name = _class_before(text, stacktrace) if separator else None
    return name if name and name.rpartition(".")[2] == kind else None


def _class_before(text: str, stacktrace: str) -> str | None:
    end = stacktrace.rfind(f": {text}") if text else len(stacktrace.rstrip("\n"))
    name = stacktrace[stacktrace.rfind("\n", 0, max(end, 0)) + 1 : end] if end >= 0 else ""
    return name if _TYPE.fullmatch(name) else None
