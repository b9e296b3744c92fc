"""Any value as one line of JSON: encoded by orjson if it is installed, by the standard library otherwise."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, TypeVar

from .._escapes import as_text, escape_in_json, raising, without_surrogates

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode

try:
    import orjson
except ImportError:

    def _dumps(value: Any) -> str:
        document = _encode(value)
        document.encode()  # raises for a lone surrogate, as orjson does
        return document

else:
    # What orjson would write in its own way is refused, and converted below as without it.
    _REFUSED = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS

    def _dumps(value: Any) -> str:
        return orjson.dumps(value, option=_REFUSED).decode()


MAX_DEPTH = 64
"""How deep values nest at most in a JSON line."""

MAX_ITEMS = 100_000
"""How many items the containers of one value have at most, together."""

_CUT = "..."
_SCALARS = frozenset({str, int, float, bool, type(None)})

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Return *value* as RFC 8259 JSON without line breaks or control characters, whatever it holds.

    Dates and times become ISO 8601 text, sets and tuples arrays, bytes text, enum members their value, data
    classes objects; NaN and the infinities null; anything else its ``str()``. A value that contains itself, nests
    deeper than :data:`MAX_DEPTH` or has more than :data:`MAX_ITEMS` items is cut off there with "...". Lone surrogates
    are escaped as Python writes them. The values are equal with both encoders; the spelling of a number may differ.
    """
    try:
        document = _dumps(value)
    except (TypeError, ValueError, RecursionError):
        value = _plain(value, (), iter(range(3 * MAX_ITEMS)))
        try:
            document = _dumps(value)
        except (TypeError, ValueError):  # orjson has no integers of more than 64 bits
            document = _encode(value)
    return escape_in_json(document)


def plain(value: Any) -> Any:
    """Return *value* made of the types that JSON has; as it is, if it is a dictionary of nothing but those."""
    # The encoders spell a key such as None in two ways.
    if type(value) is dict and all(map(_is_scalar, list(value.values()))) and set(map(type, list(value))) <= {str}:
        return value
    # Some levels are the line's own: to_json() must not cut what this has not, only because it needs another pass.
    return _plain(value, (0, 0, 0), iter(range(MAX_ITEMS)))


def to_text(value: object) -> str:
    """Return *value* as text without lone surrogates: strict readers refuse a JSON escape of one."""
    return without_surrogates(as_text(value))


def _is_scalar(value: object) -> bool:
    # A large integer is written in hexadecimal.
    return type(value) in _SCALARS and (type(value) is not int or -(2**63) <= value < 2**63)


def _plain(value: Any, parents: tuple[int, ...], room: Iterator[int]) -> Any:
    """Convert *value*; *room* has an element for each item that still fits."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else to_text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return _whole(value)
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
        # A copy: the task goes on in its thread, and may change what it has logged meanwhile.
        items = _fitting(list(value.items()), room, (_CUT, _CUT))
        return {to_text(key): _plain(item, parents, room) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_plain(item, parents, room) for item in _fitting(value, room, _CUT)]
    if isinstance(value, Set):
        # A set has no order: the text of its items gives it one that is the same everywhere.
        return sorted((_plain(item, parents, room) for item in _fitting(list(value), room, _CUT)), key=_encode)
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
    """Yield the first of *items*, as many as there is room for, and *mark* in place of the rest."""
    for item in items:
        if next(room, None) is None:
            yield mark
            return
        yield item


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _whole(value: int) -> int | str:
    # Python may be told to refuse to write out or to read integers of more than 640 digits, hexadecimal excepted.
    return value if value.bit_length() < 2_000 else hex(value)
