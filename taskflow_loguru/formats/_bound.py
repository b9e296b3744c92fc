"""A bound on the length of a line: the longest values are cut until it fits, and show how much is missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._escapes import escape
from ._facts import Facts
from ._json import to_json

Cost = Callable[[Any], int]
"""The number of bytes that a value takes in a line."""

KEPT_BYTES = 66
"""The number of bytes up to which an id or a function's name is never cut: 64, and two for its quotes in JSON."""

_LEAST_BYTES = 48
"""The minimum number of bytes of any other value: room for the note of how much is missing."""

_NEVER_CUT = ("time", "trace_id", "span_id", "trace_flags")
_IDS = ("task_id", "func_name")


def size(line: str) -> int:
    """Return the length of *line* in bytes of UTF-8."""
    return len(line) if line.isascii() else len(line.encode())


def json_cost(value: Any) -> int:
    """Return the bytes that *value* takes in a JSON line."""
    return size(to_json(value))


def text_cost(value: Any) -> int:
    """Return the bytes that *value* takes in a text line."""
    return size(escape(str(value)))


def bounded(facts: Facts, line_of: Callable[[Facts], str], max_bytes: int | None, cost: Cost) -> str:
    """Return the line of *facts*, of at most *max_bytes* with its newline; None sets no bound.

    All values get an equal share of the bytes: a value that is shorter than its share stays whole, and leaves the rest
    to the longer ones. Times and ids are never cut.
    """
    if max_bytes is None:
        return line_of(facts)
    # The start of a text is enough to find out that it is too long. Escaping all of a huge text would be wasted.
    enough = max(max_bytes, KEPT_BYTES + 1)
    starts = {name: value[:enough] if isinstance(value, str) else value for name, value in facts.items()}
    line = line_of(starts)
    if size(line) < max_bytes:
        return line
    costs = {name: cost(value) for name, value in starts.items() if name not in _NEVER_CUT}
    room = max_bytes - 1 - size(line) + sum(costs.values())
    while True:
        share = _fair_share(costs.values(), room)
        shorter = dict(facts)
        for name in costs:
            limit = max(share, KEPT_BYTES if name in _IDS else _LEAST_BYTES)
            if costs[name] > limit:
                shorter[name] = _cut(facts[name], limit, cost, keep_end=name == "stacktrace")
        line = line_of(shorter)
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


def _cut(value: Any, limit: int, cost: Cost, *, keep_end: bool = False) -> Any:
    if isinstance(value, Mapping):
        return _cut_mapping(value, limit)
    return _cut_text(value if isinstance(value, str) else to_json(value), limit, cost, keep_end=keep_end)


def _cut_text(text: str, limit: int, cost: Cost, *, keep_end: bool) -> str:
    def cut_to(count: int) -> str:
        missing = len(text) - count
        if keep_end:  # a traceback's end names the exception and where it was raised
            return f"({missing} characters cut) ...{text[missing:]}"
        return f"{text[:count]}... ({missing} characters cut)"

    counts = range(1, min(len(text), limit))
    return cut_to(bisect_right(counts, limit, key=lambda count: cost(cut_to(count))))


def _cut_mapping(mapping: Mapping[str, Any], limit: int) -> dict[str, Any]:
    costs = {name: json_cost(name) + json_cost(value) + 2 for name, value in mapping.items()}
    share = _fair_share(costs.values(), limit - _LEAST_BYTES)
    kept: dict[str, Any] = {}
    for name, value in mapping.items():
        room = share - json_cost(name) - 2
        if costs[name] <= share:
            kept[name] = value
        elif room >= _LEAST_BYTES:
            kept[name] = _cut(value, room, json_cost)
    if len(kept) < len(mapping):
        kept["..."] = f"{len(mapping) - len(kept)} values cut"
    return kept
