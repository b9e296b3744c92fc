"""The lines that fastapi-taskflow's own FileLogger writes."""

from __future__ import annotations

import re

from ._line import TaskLine
from ._task_line import STATUSES, second_from

# An id is the start of a UUID. A message that starts with half a time is the torn end of a line with a time.
_LINE = re.compile(
    r"\[([0-9a-f]{8})\] \[([^\]]+)\] (?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z |(?!\d{4}-\d\d))(.*)", re.ASCII
)


def parse_host_line(line: str) -> TaskLine | None:
    """Parse a line of the host's FileLogger that has no time, or one with a ``Z``; return None for any other line.

    Its status lines are those of :func:`task_line`. It writes a message of several lines unchanged: from the second
    one on, they cannot be recognised as lines of a task.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    task_id, func_name, second, message = match.groups()
    time = second_from(second) if second else None
    if second and time is None:
        return None
    status = STATUSES.get(message)
    return TaskLine(time, None, "log" if status is None else "lifecycle", task_id, func_name, None, message, status)
