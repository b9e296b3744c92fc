"""Any value as one line of JSON: orjson where it is installed, the standard library otherwise, to the same byte."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, TypeVar

from .._escapes import as_text, escape_in_json, raising

try:
    import orjson
except ImportError:

    def _dumps(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def _as_python_writes_it(number: float) -> Any:
        return number

else:

    def _dumps(value: Any) -> str:
        return orjson.dumps(value).decode()

    def _as_python_writes_it(number: float) -> Any:
        # orjson writes a few numbers in its own way (1e16 for 1e+16), and has no large integers.
        return orjson.Fragment(repr(number))


MAX_DEPTH = 64
"""How deep values nest at most in a JSON line."""

MAX_ITEMS = 100_000
"""How many items the containers of a JSON line have at most, together."""

_CUT = "..."

T = TypeVar("T")


def to_json(value: dict[str, Any]) -> str:
    """``value`` as an RFC 8259 object without line breaks or control characters, whatever it holds.

    Dates and times become ISO 8601 text, sets and tuples arrays, bytes text, enum members their value, data
    classes objects; NaN and the infinities null; anything else its ``str()``. What contains itself, nests deeper
    than :data:`MAX_DEPTH` or has more than :data:`MAX_ITEMS` items is cut off there with "...". A lone surrogate
    is escaped as :func:`task_line` does it.
    """
    room = iter(range(MAX_ITEMS))
    return escape_in_json(_dumps({name: _plain(item, (), room) for name, item in value.items()}))


def to_text(value: object) -> str:
    """``value`` as text without lone surrogates: strict readers refuse a JSON escape of one."""
    return str.encode(as_text(value), "utf-8", "backslashreplace").decode()


def _plain(value: Any, parents: tuple[int, ...], room: Iterator[int]) -> Any:
    """``value`` made of nothing but what JSON has; ``room`` has an element for each item that still fits."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else to_text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else _large(value)
    if kind is float:
        return _number(value)
    if id(value) in parents or len(parents) >= MAX_DEPTH:
        return _CUT
    try:
        return _plain_object(value, (*parents, id(value)), room)
    except Exception as error:
        return to_text(raising(value, error))


def _plain_object(value: Any, parents: tuple[int, ...], room: Iterator[int]) -> Any:
    if isinstance(value, Mapping):
        # A copy: the task goes on in its thread, and may change meanwhile what it has logged.
        items = _fitting(list(value.items()), room, (_CUT, _CUT))
        return {to_text(key): _plain(item, parents, room) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_plain(item, parents, room) for item in _fitting(value, room, _CUT)]
    if isinstance(value, Set):
        # A set has no order: the text of its items gives it one that is the same everywhere.
        return sorted((_plain(item, parents, room) for item in _fitting(list(value), room, _CUT)), key=_dumps)
    if isinstance(value, enum.Enum):
        return _plain(value.value, parents, room)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return str(value, "utf-8", "backslashreplace")
    if isinstance(value, (dt.date, dt.time)):
        return to_text(value.isoformat())
    if isinstance(value, int):
        return _plain(int(value), parents, room)
    if isinstance(value, float):
        return _number(float(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        by_name = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _plain_object(by_name, parents, room)
    return to_text(value)


def _fitting(items: Iterable[T], room: Iterator[int], mark: T) -> Iterator[T]:
    """The first of ``items``, as many as there is room for, and ``mark`` in place of the rest."""
    for item in items:
        if next(room, None) is None:
            yield mark
            return
        yield item


def _number(value: float) -> Any:
    if not math.isfinite(value):
        return None
    return value if value == 0 or 1e-4 <= abs(value) < 1e16 else _as_python_writes_it(value)


def _large(value: int) -> Any:
    # Python may be told to refuse to write out or to read what has more than 640 digits, hexadecimal excepted.
    return _as_python_writes_it(value) if value.bit_length() < 2_000 else hex(value)
