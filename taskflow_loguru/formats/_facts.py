"""The facts of an event, under the names of :func:`json_line`: the basis of every JSON format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._json import plain, to_text
from ._record import duration_of, event_of, microsecond_of, traceback_of
from ._tracing import current_span
from ._words import LEVELS

if TYPE_CHECKING:
    from loguru import Record

Facts = dict[str, Any]
"""Facts by name. A fact that an event does not have is absent; no value is None."""

_STATUS_FIELDS = ("status", "duration", "retries_used", "error", "stacktrace")
_TYPE = re.compile(r"[\w.<>]+")


def facts_of(record: Record) -> Facts:
    """Return the facts of a record, in the order of the fields of :func:`json_line`."""
    event = event_of(record)
    get = event.get
    facts: Facts = {
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
    for name in _STATUS_FIELDS:
        if get(name) is not None:
            facts[name] = event[name]
    if "duration" in facts and duration_of(event) is None:
        del facts["duration"]
    if record["exception"] is not None:
        facts["error"] = to_text(record["exception"].value)
        facts["stacktrace"] = traceback_of(record)
    if "error" in facts and (kind := error_type(facts["error"], facts.get("stacktrace"))):
        facts["error_type"] = kind
    if span := current_span():
        facts.update(span)
    if tags := get("tags"):
        facts["tags"] = plain(tags)
    if data := get("data"):
        facts["data"] = plain(data)
    return facts


def system_facts(record: Record) -> Facts:
    """Return the facts of a record; a level of the app becomes the next lower one of loguru."""
    facts = facts_of(record)
    if facts["level"] not in LEVELS:
        number = record["level"].no
        facts["level"] = next((name for name, least in reversed(LEVELS.items()) if number >= least), "trace")
    return facts


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


def nanoseconds(facts: Facts) -> int | None:
    """Return the duration of an event in nanoseconds, or None."""
    duration = facts.get("duration")
    return None if duration is None or abs(duration) > 9e9 else round(duration * 1e9)  # it has 64 bits
