"""JSON encoding of any value, in one line: by orjson if it is installed, else by the standard library."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, TypeVar

from .._escapes import as_text, escape_in_json, placeholder, without_surrogates

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode

try:
    import orjson
except ImportError:

    def _dumps(value: Any) -> str:
        document = _encode(value)
        document.encode()  # raises for a lone surrogate, as orjson does
        return document

else:
    # orjson rejects types that it would write in its own way. They are converted below, as without orjson.
    _REFUSED = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS

    def _dumps(value: Any) -> str:
        return orjson.dumps(value, option=_REFUSED).decode()


MAX_DEPTH = 64
"""The maximum depth of nested values in a JSON line."""

MAX_ITEMS = 100_000
"""The maximum number of items in all containers of one value together."""

_CUT = "..."
_SCALARS = frozenset({str, int, float, bool, type(None)})

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Return any *value* as RFC 8259 JSON without line breaks or control characters.

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
    """Return *value* converted to the types of JSON; a dictionary that has only these types is returned unchanged."""
    if type(value) is dict and _is_flat(value):
        return value
    # Some levels belong to the line: to_json() must not cut values that this function left whole, when it converts the
    # line once more.
    return _plain(value, (0, 0, 0), iter(range(MAX_ITEMS)))


def to_text(value: object) -> str:
    """Return *value* as text without lone surrogates: strict readers reject their JSON escapes."""
    return without_surrogates(as_text(value))


def _is_flat(value: dict[Any, Any]) -> bool:
    # A list: the task continues in its thread, and may change the object that it has logged.
    for key, item in list(value.items()):
        kind = type(item)
        # The encoders spell a key such as None in two ways. Large integers become hexadecimal.
        if type(key) is not str or kind not in _SCALARS or (kind is int and not -(2**63) <= item < 2**63):
            return False
    return True


def _plain(value: Any, parents: tuple[int, ...], room: Iterator[int]) -> Any:
    """Convert *value*; *room* has one element for each item that still fits."""
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
        return to_text(placeholder(value, error))


def _plain_object(value: Any, parents: tuple[int, ...], room: Iterator[int]) -> Any:
    if isinstance(value, Mapping):
        # A copy: the task continues in its thread, and may change the object that it has logged.
        items = _fitting(list(value.items()), room, (_CUT, _CUT))
        return _with_own_keys((to_text(key), _plain(item, parents, room)) for key, item in items)
    if isinstance(value, (list, tuple)):
        return [_plain(item, parents, room) for item in _fitting(value, room, _CUT)]
    if isinstance(value, Set):
        # A set has no order: sorted by the text of its items, it is the same in every process.
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


def _with_own_keys(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dictionary of all *items*: a key that another item has already, as 1 and "1" are, gets a number."""
    made: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    for key, item in items:
        name = key
        while name in made:
            numbers[key] = numbers.get(key, 1) + 1
            name = f"{key}_{numbers[key]}"
        made[name] = item
    return made


def _fitting(items: Iterable[T], room: Iterator[int], mark: T) -> Iterator[T]:
    """Yield *items* as far as there is room, and *mark* in place of the rest."""
    for item in items:
        if next(room, None) is None:
            yield mark
            return
        yield item


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _whole(value: int) -> int | str:
    # Python can be configured to reject decimal integers of more than 640 digits. Hexadecimal has no such limit.
    return value if value.bit_length() < 2_000 else hex(value)
