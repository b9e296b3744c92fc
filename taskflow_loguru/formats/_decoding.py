"""Decode the fields of a JSON line and check their types: with msgspec if installed, else the standard library."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from ._line import TaskLine
from ._parsing import DECODER, types_of

try:
    import msgspec
except ImportError:
    msgspec = None  # type: ignore[assignment]

_HINTS: dict[str, Any] = {"v": int, **get_type_hints(TaskLine), "time": str}
_REQUIRED = ("v", "time", "message")
_DICTS = {field.name for field in fields(TaskLine) if field.default_factory is not MISSING}

if msgspec is not None:
    # Not orjson: it reads a large integer as a float, and leaves the types to be checked in Python.
    _fields: list[Any] = [
        (name, hint) if name in _REQUIRED else (name, hint, {} if name in _DICTS else None)
        for name, hint in _HINTS.items()
    ]
    _struct_decoder = msgspec.json.Decoder(msgspec.defstruct("_Fields", _fields, kw_only=True))

    def decode(line: str) -> tuple[Any, ...] | None:
        """Return ``v`` and the fields of :class:`TaskLine` in its order; None if one is missing or has another type."""
        try:
            return msgspec.structs.astuple(_struct_decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None

else:
    _TYPES = [types_of(hint) for hint in _HINTS.values()]
    _FLOATS = [index for index, types in enumerate(_TYPES) if float in types]

    def decode(line: str) -> tuple[Any, ...] | None:
        """Return ``v`` and the fields of :class:`TaskLine` in its order; None if one is missing or has another type."""
        try:
            found = DECODER.decode(line)
        except (ValueError, RecursionError):
            return None
        if type(found) is not dict:
            return None
        values = [found.get(name, {} if name in _DICTS else None) for name in _HINTS]
        if any(type(value) not in types for value, types in zip(values, _TYPES, strict=True)):
            return None
        try:
            for index in _FLOATS:
                values[index] = values[index] and float(values[index])
        except OverflowError:
            return None
        return tuple(values)
