"""Conversion of the fields of a JSON line to a :class:`TaskLine`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ._line import TaskLine


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_TYPES: dict[str, tuple[type, ...]] = {
    "level": (str,),
    "event": (str,),
    "task_id": (str,),
    "func_name": (str,),
    "attempt": (int,),
    "message": (str,),
    "status": (str,),
    "duration": (int, float),
    "retries_used": (int,),
    "error": (str,),
    "stacktrace": (str,),
    "tags": (dict,),
    "data": (dict,),
    "trace_id": (str,),
    "span_id": (str,),
}
DECODER = json.JSONDecoder(parse_constant=_refuse)
_ALWAYS_SET = ("level", "event", "task_id", "func_name", "attempt")


def parse_fields(line: str, facts_of: Callable[[dict[str, Any]], dict[str, Any]]) -> TaskLine | None:
    """Parse a JSON line whose fields *facts_of* turns into facts; return None for any other line."""
    try:
        fields = DECODER.decode(line)
        return task_line_of(facts_of(fields)) if type(fields) is dict else None
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError, OverflowError):
        return None


def task_line_of(facts: dict[str, Any]) -> TaskLine:
    """Return the line with these facts; the value None means that the event does not have the fact.

    Raises:
        ValueError, LookupError, TypeError: A fact is missing or has the wrong type.
    """
    known = {name: facts[name] for name in _TYPES if facts.get(name) is not None}
    for name, value in known.items():
        if type(value) not in _TYPES[name]:
            raise TypeError(f"{name} is {value!r}")
    return TaskLine(time=time_of(facts["time"]), **{**dict.fromkeys(_ALWAYS_SET), **known})


def time_of(text: str) -> datetime:
    """Return the time of the RFC 3339 *text*, which must be in UTC."""
    if not text.endswith("Z"):
        raise ValueError(f"not a time in UTC: {text!r}")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc)


def seconds(nanoseconds: int | None) -> float | None:
    """Return a duration in seconds."""
    return None if nanoseconds is None else nanoseconds / 1e9
