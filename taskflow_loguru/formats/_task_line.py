"""The text line of the file-logging guide."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._escapes import escape, unescape
from ._line import TaskLine
from ._record import event_of, in_utc, rendered, traceback_of

if TYPE_CHECKING:
    from loguru import Record

_last_second: tuple[tuple[int, ...], str] = ((), "")

# At most 8 characters of id, each escaped to at most 6. Without the bound, a line of another program could take
# quadratic time.
_TEXT = re.compile(
    r"\[(?P<task_id>.{0,48}?)\] \[(?P<func_name>.*?)\] "
    r"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (?P<message>.*)|(?P<retry>--- Retry (?P<attempt>\d+) ---))",
    re.ASCII,
)
_LIFECYCLE = re.compile(r"-- (PENDING|RUNNING|SUCCESS|FAILED|INTERRUPTED|CANCELLED|REJECTED)")


def task_line(record: Record) -> str:
    """The line of the file-logging guide: ``[task id] [function] time message``.

    - The id is cut to its first 8 characters; the time is the event's, in UTC, to the second.
    - A retry separator (``--- Retry 1 ---``) has no time.
    - Control characters (C0, DEL, C1, U+2028, U+2029) and lone surrogates are escaped as Python writes
      them, so that no text makes a second line. A backslash stays as it is.
    - A record of no task, from a logger that shares the file, has ``-`` for the id and its function's name;
      an exception's traceback follows the message, in the same line.
    """
    event = event_of(record)
    message = record["message"]
    if record["exception"] is not None:
        message = f"{message}\n{traceback_of(record)}"
    if event.get("event") != "retry":
        message = f"{_second_of(event['timestamp'])} {message}"
    task_id = str(event.get("task_id", "-"))[:8]
    func_name = event.get("func_name", record["function"])
    return rendered(record, escape(f"[{task_id}] [{func_name}] {message}"))


def parse_task_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`task_line`; return None for any other line."""
    match = _TEXT.fullmatch(line)
    if match is None:
        return None
    task_id, func_name = unescape(match["task_id"]), unescape(match["func_name"])
    try:
        if match["retry"]:
            return TaskLine(None, None, "retry", task_id, func_name, int(match["attempt"]), match["retry"])
        time = datetime.fromisoformat(match["time"]).replace(tzinfo=timezone.utc)
    except ValueError:  # no such day, or more digits than Python reads
        return None
    lifecycle = _LIFECYCLE.fullmatch(match["message"])
    event, status = ("lifecycle", lifecycle[1].lower()) if lifecycle else ("log", None)
    if (task_id, func_name) == ("-", "taskflow_loguru"):
        event = "loss"
    return TaskLine(time, None, event, task_id, func_name, None, unescape(match["message"]), status)


def _second_of(time: datetime) -> str:
    global _last_second
    if time.tzinfo is not timezone.utc:
        time = in_utc(time)
    second = (time.year, time.month, time.day, time.hour, time.minute, time.second)
    known = _last_second  # read once: another thread may put another second there
    if known[0] != second:
        known = second, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*second)
        _last_second = known
    return known[1]
