"""A bound on the length of a line: the longest values are cut until it fits, and show how much is missing."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from .._escapes import escape
from ._facts import Facts
from ._json import to_json

_WHOLE = "x" * 63 + " "
"""An id or a function's name that is never cut, nor is a shorter one; it needs quotes in logfmt."""

_LEAST_BYTES = 48
"""The minimum number of bytes of any other value: room for the note of how much is missing."""

_NAMES = ("host", "service", "environment", "project")
_NEVER_CUT = {"v", "time", "trace_id", "span_id", "trace_flags", "pid", *_NAMES}
_IDS = ("task_id", "func_name")

_LONG = "x" * 1_000
_CUT = ("message", "logger", "module", "status", "error", "stacktrace", "error_type")
_LARGEST: Facts = {
    "v": 1,
    "time": "2026-01-01T12:00:00.000000Z",
    "level": "critical",
    "event": "lifecycle",
    "task_id": "\u2028" * 8 + "x" * 16,  # a text line shows 8 characters, of at most 6 bytes each
    "func_name": _WHOLE,
    **dict.fromkeys(_CUT, _LONG),
    **dict.fromkeys(("attempt", "line", "retries_used", "pid"), 2**64),
    "duration": -1.2345678901234567e-300,
    "trace_id": "f" * 32,
    "span_id": "f" * 16,
    "trace_flags": "01",
    "tags": {_LONG: _LONG},
    "data": {_LONG: _LONG},
}
"""An event that has every fact, each so long that it is cut."""
_PROJECT = re.compile(r"[\w.:-]+", re.ASCII)


class Layout(NamedTuple):
    """The functions of a format that return the line of some facts, and the bytes that a fact takes in the line."""

    line_of: Callable[[Facts], str]
    cost: Callable[[str, Any], int]


def check_name(name: str, value: Any) -> None:
    """Raise a TypeError or a ValueError that names the argument, unless it is a text for a field."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str or None, not {value!r}")
    if not value:
        raise ValueError(f"{name} must be a text of at least one character, or None, not {value!r}")
    if name == "project" and not _PROJECT.fullmatch(value):
        raise ValueError(f"project must be the id of a Google Cloud project, not {value!r}")


def size(line: str) -> int:
    """Return the length of *line* in bytes of UTF-8."""
    return len(line) if line.isascii() else len(line.encode())


def json_cost(_: str, value: Any) -> int:
    """Return the bytes that a value takes in a JSON line."""
    return size(to_json(value))


def text_cost(_: str, value: Any) -> int:
    """Return the bytes that a value takes in a text line."""
    return size(escape(str(value)))


JSON = Layout(to_json, json_cost)
"""The layout of :func:`json_line`."""


def bounded(facts: Facts, layout: Layout, max_bytes: int) -> str:
    """Return the line of *facts*, of at most *max_bytes* with its newline.

    All values get an equal share of the bytes: a value that is shorter than its share stays whole, and leaves the rest
    to the longer ones. Times and ids are never cut.

    Raises:
        TypeError, ValueError: *max_bytes* is not an int, or has no room for ids and times.
    """
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int):
        raise TypeError(f"max_bytes must be an int or None, not {max_bytes!r}")
    least = _least_bytes(layout, tuple([(name, facts[name]) for name in _NAMES if name in facts]))
    if max_bytes < least:
        raise ValueError(f"max_bytes must be at least {least}, to have room for ids and times, not {max_bytes}")
    return _cut_to(facts, layout, max_bytes)


@lru_cache
def _least_bytes(layout: Layout, names: tuple[tuple[str, str], ...]) -> int:
    return size(_cut_to({**_LARGEST, **dict(names)}, layout, 0)) + 1


def _cut_to(facts: Facts, layout: Layout, max_bytes: int) -> str:
    # The start of a text is enough to find out that it is too long. Escaping all of a huge text would be wasted.
    enough = max(max_bytes, len(_WHOLE) + 1)
    starts = {name: value[:enough] if isinstance(value, str) else value for name, value in facts.items()}
    line = layout.line_of(starts)
    if size(line) < max_bytes:
        return line
    costs = {name: layout.cost(name, value) for name, value in starts.items() if name not in _NEVER_CUT}
    room = max_bytes - 1 - size(line) + sum(costs.values())
    while True:
        share = _fair_share(costs.values(), room)
        shorter = dict(facts)
        for name in costs:
            limit = max(share, layout.cost(name, _WHOLE) if name in _IDS else _LEAST_BYTES)
            if costs[name] > limit:
                cost = partial(layout.cost, name)
                shorter[name] = _cut(facts[name], limit, cost, keep_end=name == "stacktrace")
        line = layout.line_of(shorter)
        # The values that must keep more than their share take it from the others.
        excess = size(line) - max_bytes + 1
        if excess <= 0 or share <= 0:
            return line
        room -= excess


def _fair_share(costs: Iterable[int], room: int) -> int:
    """Return the most that each value may take so that all together take no more than *room*."""
    ascending = sorted(costs)
    for index, cost in enumerate(ascending):
        share = room // (len(ascending) - index)
        if cost > share:
            return share
        room -= cost
    return max(ascending, default=0)


def _cut(value: Any, limit: int, cost: Callable[[Any], int], *, keep_end: bool = False) -> Any:
    if isinstance(value, Mapping):
        return _cut_mapping(value, limit, cost)
    return _cut_text(value if isinstance(value, str) else to_json(value), limit, cost, keep_end=keep_end)


def _cut_text(text: str, limit: int, cost: Callable[[Any], int], *, keep_end: bool) -> str:
    def cut_to(count: int) -> str:
        missing = len(text) - count
        if keep_end:  # a traceback's end names the exception and where it was raised
            return f"({missing} characters cut) ...{text[missing:]}"
        return f"{text[:count]}... ({missing} characters cut)"

    counts = range(1, min(len(text), limit))
    return cut_to(bisect_right(counts, limit, key=lambda count: cost(cut_to(count))))


def _cut_mapping(mapping: Mapping[str, Any], limit: int, cost: Callable[[Any], int]) -> dict[str, Any]:
    costs = {name: cost({name: value}) for name, value in mapping.items()}
    share = _fair_share(costs.values(), limit - _LEAST_BYTES)
    kept: dict[str, Any] = {}
    for name, value in mapping.items():
        if costs[name] <= share:
            kept[name] = value
        elif share - cost({name: ""}) >= _LEAST_BYTES:
            kept[name] = _cut(value, share, lambda part, name=name: cost({name: part}))  # type: ignore[misc]
    if len(kept) < len(mapping):
        kept["..."] = f"{len(mapping) - len(kept)} values cut"
    return kept
