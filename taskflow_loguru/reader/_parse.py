"""A line as it was before it was written."""

from __future__ import annotations

from ..formats import TaskLine
from ..formats._detailed_line import parse_detailed_line
from ..formats._formats import parse_system_line
from ..formats._json_line import parse_json_line
from ..formats._task_line import parse_task_line


def parse(line: str) -> TaskLine | None:
    """Parse a line of any format of :mod:`taskflow_loguru.formats`.

    The escapes of a text line are undone. Backslashes are not doubled in it, so that a message which itself
    holds such a sequence (a backslash and an n) comes back with the character that it stands for.

    Returns:
        The line, or None for a line of no such format, or of a later version of the JSON line.

    Raises:
        TypeError: ``line`` is no str.
    """
    if not isinstance(line, str):
        raise TypeError(f"line must be a str, not {line!r}")
    line = line.removesuffix("\n")
    if line.startswith("{"):
        return parse_json_line(line) or parse_system_line(line)
    return parse_task_line(line) or parse_detailed_line(line)
