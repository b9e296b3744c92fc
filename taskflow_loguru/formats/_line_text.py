"""A line of any format as text: the line that ``detailed_line`` writes, with tags and data behind it."""

from __future__ import annotations

from math import isfinite
from typing import Any

from .._escapes import escape
from ._detailed_line import _line_of
from ._line import TaskLine

SHORT_ID = 8
"""The number of characters of an id in a text line."""


def text_of(line: TaskLine) -> str:
    """Return *line* as one line of text, without control characters."""
    facts: dict[str, Any] = {
        "task_id": (line.task_id or "-")[:SHORT_ID],
        "func_name": line.func_name or "-",
        "time": f"{line.time.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z" if line.time else "-",
        "level": (line.level or "-").upper(),
        "attempt": "-" if line.attempt is None else line.attempt,
        "message": line.message,
    }
    if line.duration is not None and isfinite(line.duration):
        facts["duration"] = f" after {line.duration:.{2 if line.duration >= 1 else 3}f} s"
    if line.error_type and not (line.error or "").startswith(f"{line.error_type.rpartition('.')[2]}: "):
        facts["error"] = ": ".join(filter(None, (line.error_type, line.error)))
    elif line.error:
        facts["error"] = line.error
    facts.update((name, values) for name, values in (("data", line.data), ("tags", line.tags)) if values)
    return _line_of(facts)


def values_of(line: TaskLine, separator: str) -> str:
    """Return tags and data of a line as ``name=value``, each behind a *separator*."""
    return "".join(
        f"{separator}{escape(str(name))}={escape(str(value))}" for name, value in (line.tags | line.data).items()
    )
