"""Checks of the formats' keyword arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from ._bound import KEPT_BYTES, Cost, bounded, size
from ._facts import Facts

_PROJECT = re.compile(r"[\w.:-]+", re.ASCII)

_LONG = "x" * 1_000
_LARGEST: Facts = {
    "time": "2026-01-01T12:00:00.000000Z",
    "level": "critical",
    "event": "lifecycle",
    "task_id": "\u2028" * 8 + "x" * (KEPT_BYTES - 50),  # a text line shows 8 characters, of at most 6 bytes each
    "func_name": "x" * KEPT_BYTES,
    "attempt": 2**64,
    "message": _LONG,
    "status": _LONG,
    "duration": -1.2345678901234567e-300,
    "retries_used": 2**64,
    "error": _LONG,
    "stacktrace": _LONG,
    "error_type": _LONG,
    "trace_id": "f" * 32,
    "span_id": "f" * 16,
    "trace_flags": "01",
    "tags": {_LONG: _LONG},
    "data": {_LONG: _LONG},
}
"""An event that has every fact, each so long that it is cut."""


def check_options(line_of: Callable[..., str], cost: Cost, max_bytes: Any, **names: Any) -> None:
    """Raise a TypeError or a ValueError that names the first invalid argument of a format."""
    for name, value in names.items():
        if value is not None:
            _check_name(name, value)
    if max_bytes is None:
        return
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int):
        raise TypeError(f"max_bytes must be an int or None, not {max_bytes!r}")
    least = _least_bytes(line_of, cost, tuple(names.items()))
    if max_bytes < least:
        raise ValueError(f"max_bytes must be at least {least}, to have room for ids and times, not {max_bytes}")


def _check_name(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str or None, not {value!r}")
    if not value:
        raise ValueError(f"{name} must be a text of at least one character, or None, not {value!r}")
    if name == "project" and not _PROJECT.fullmatch(value):
        raise ValueError(f"project must be the id of a Google Cloud project, not {value!r}")


@lru_cache
def _least_bytes(line_of: Callable[..., str], cost: Cost, names: tuple[tuple[str, Any], ...]) -> int:
    return size(bounded(_LARGEST, partial(line_of, **dict(names)), 0, cost)) + 1
