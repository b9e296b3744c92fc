"""From the facts in a line to a :class:`TaskLine`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints

from ._line import TaskLine


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def finite(text: str) -> float:
    """Return the number in *text*; raise a ValueError if it is infinite."""
    if math.isinf(number := float(text)):
        raise ValueError(f"{text} is out of range")
    return number


def _types_of(hint: Any) -> tuple[type, ...]:
    types = (dict,) if get_origin(hint) is dict else get_args(hint) or (hint,)
    return (*types, int) if float in types else types


_TYPES = {name: _types_of(hint) for name, hint in get_type_hints(TaskLine).items() if name != "time"}
DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=finite)

try:
    import msgspec
except ImportError:
    _decode: Callable[[str], Any] = DECODER.decode
    _DecodingError: type[Exception] = ValueError
else:
    _decode, _DecodingError = msgspec.json.decode, msgspec.MsgspecError

_ALWAYS_SET = ("level", "event", "task_id", "func_name", "attempt")


def parse_fields(line: str, facts_of: Callable[[dict[str, Any]], dict[str, Any]]) -> TaskLine | None:
    """Parse a JSON line whose fields *facts_of* turns into facts; return None for any other line."""
    try:
        fields = _decode(line)
        return task_line_of(facts_of(fields)) if type(fields) is dict else None
    except _DecodingError:
        return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def task_line_of(facts: dict[str, Any]) -> TaskLine:
    """Return the line with these facts; others are ignored.

    Raises:
        ValueError, LookupError, TypeError: A fact is missing or has the wrong type.
    """
    known: dict[str, Any] = dict.fromkeys(_ALWAYS_SET)
    for name, types in _TYPES.items():
        if name in facts:
            known[name] = value = facts[name]
            if type(value) not in types:
                raise TypeError(f"{name} is {value!r}")
    if known.get("duration") is not None:
        known["duration"] = float(known["duration"])
    return TaskLine(time=time_of(facts["time"]), **known)


def time_of(text: str) -> datetime:
    """Return the time of the RFC 3339 *text*, which must be in UTC."""
    if not text.endswith("Z"):
        raise ValueError(f"not a time in UTC: {text!r}")
    return datetime.fromisoformat(f"{text[:-1]}+00:00")
