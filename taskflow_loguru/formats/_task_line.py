"""The text line of the file-logging guide, as we write it and as fastapi-taskflow's own FileLogger does."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from .._escapes import escape, unescape
from ._bound import Layout, bounded, text_cost
from ._facts import Facts
from ._line import TaskLine
from ._record import event_of, message_of, second_of
from ._words import STATUSES as _STATUSES

if TYPE_CHECKING:
    from loguru import Record


SHORT_ID = 8
"""The number of characters of an id in a text line."""


class Message(Protocol):
    """A message of a task, as the host's LogEvent."""

    task_id: str
    func_name: str


def task_text(record: Record, *, max_bytes: int | None = None) -> str:
    """Return the line of the file-logging guide: ``[task id] [function] time message``.

    - The id is cut to its first 8 characters; the time is that of the event, in UTC, in whole seconds.
    - A retry separator (``--- Retry 1 ---``) has no time.
    - Control characters (C0, DEL, C1, U+2028, U+2029) and lone surrogates become Python escapes, so that no text
      starts a second line. A backslash is not escaped.
    - A record without a task, from a logger that shares the file, has ``-`` for the id, and the name of its function.
      The traceback of an exception follows the message, in the same line.

    Args:
        record: The loguru record of an event.
        max_bytes: The maximum length of a line in bytes, newline included; None: no maximum. A message that is too
            long is cut between characters, and shows how many are missing.

    Raises:
        TypeError, ValueError: ``max_bytes`` is not an int, or has no room for id, name and time.
    """
    event = event_of(record)
    message = message_of(record)
    time = "" if event["event"] == "retry" else second_of(event["timestamp"]) + " "
    task_id, func_name = event["task_id"], event["func_name"]
    task_id = "-" if task_id is None else str(task_id)[:SHORT_ID]
    if max_bytes is None:
        return escape(f"[{task_id}] [{func_name}] {time}{message}")
    facts = {"time": time, "task_id": task_id, "func_name": func_name, "message": message}
    return bounded(facts, _LAYOUT, max_bytes)


def task_message_text(event: Message, message: str, time: datetime) -> str:
    """Return the line of :func:`task_line` for a message that a task has logged at *time*, without its newline."""
    return escape(f"[{str(event.task_id)[:SHORT_ID]}] [{event.func_name}] {second_of(time)} {message}")


def _line_of(facts: Facts) -> str:
    return escape(f"[{facts['task_id'][:SHORT_ID]}] [{facts['func_name']}] {facts['time']}{facts['message']}")


_LAYOUT = Layout(_line_of, text_cost)

# The id has at most 8 characters, each escaped to at most 6. Without the bound, a line of another program could take
# quadratic time.
_TIMED = re.compile(r"\[(.{0,48}?)\] \[(.*?)\] (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (.*)", re.ASCII)
_RETRY = re.compile(r"\[(.{0,48}?)\] \[(.*)\] (--- Retry (\d{1,9}) ---)", re.ASCII)
_TIME_IN_NAME = re.compile(r"\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
# An id is the start of a UUID. A message that starts with half a time is the torn end of a line with a time.
_HOST = re.compile(
    r"\[([0-9a-f]{8})\] \[([^\]]+)\] (?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z |(?!\d{4}-\d\d))(.*)", re.ASCII
)
STATUSES = {f"-- {status.upper()}": status for status in _STATUSES}
"""The statuses, by the message of their lines."""


def parse_task_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`task_line`; return None for any other line."""
    # Nearly all lines have neither a bracket in a name nor an escape. For them, the regular expression would take twice
    # as long.
    task_id, _, rest = line.partition("] [")
    func_name, _, rest = rest.partition("] ")
    time = second_from(rest[:19])
    if time is not None and rest[19:20] == " " and task_id[:1] == "[" and len(task_id) <= 49 and "\\" not in line:
        return _timed(task_id[1:], func_name, time, rest[20:])
    if time is not None and rest[19:20] in (".", "Z"):
        return None  # another format's time; the regular expressions would search the whole message for one of this
    if (match := _TIMED.fullmatch(line)) and not has_time_in_name(match[2]):
        time = second_from(match[3])
        return None if time is None else _timed(unescape(match[1]), unescape(match[2]), time, unescape(match[4]))
    if (match := _RETRY.fullmatch(line)) and not has_time_in_name(match[2]):
        return TaskLine(None, None, "retry", unescape(match[1]), unescape(match[2]), int(match[4]), match[3])
    return None


def parse_host_line(line: str) -> TaskLine | None:
    """Parse a line of the host's FileLogger that has no time, or one with a ``Z``; return None for any other line.

    Its status lines are those of :func:`task_line`. It writes a message of several lines unchanged: from the second
    one on, they cannot be recognised as lines of a task.
    """
    match = _HOST.fullmatch(line)
    if match is None:
        return None
    task_id, func_name, second, message = match.groups()
    time = second_from(second) if second else None
    if second and time is None:
        return None
    status = STATUSES.get(message)
    return TaskLine(time, None, "log" if status is None else "lifecycle", task_id, func_name, None, message, status)


def has_time_in_name(func_name: str) -> bool:
    """Return whether *func_name* reaches beyond the time of its line.

    Then the line is of another text format, and its message looks like a line.
    """
    return "] " in func_name and _TIME_IN_NAME.search(func_name) is not None


def _timed(task_id: str, func_name: str, time: datetime, message: str) -> TaskLine:
    status = STATUSES.get(message)
    event = "log" if status is None else "lifecycle"
    if task_id == "-" and func_name == "taskflow_loguru":
        event = "loss"
    return TaskLine(time, None, event, task_id, func_name, None, message, status)


@lru_cache(maxsize=1024)  # a busy second has thousands of lines
def second_from(text: str) -> datetime | None:
    """Return the time of a text such as ``2026-01-01T12:00:00``, in UTC; None for any other text."""
    if _SECOND.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:  # the date does not exist
        return None
