"""The text line of the file-logging guide."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._escapes import escape, unescape
from ._bound import bounded, text_cost
from ._facts import Facts
from ._line import TaskLine
from ._options import check_options
from ._record import event_of, rendered, second_of, traceback_of

if TYPE_CHECKING:
    from loguru import Record

# At most 8 characters of id, each escaped to at most 6. Without the bound, a line of another program could take
# quadratic time.
_TEXT = re.compile(
    r"\[(?P<task_id>.{0,48}?)\] \[(?P<func_name>.*?)\] "
    r"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (?P<message>.*)|(?P<retry>--- Retry (?P<attempt>\d+) ---))",
    re.ASCII,
)
_LIFECYCLE = re.compile(r"-- (PENDING|RUNNING|SUCCESS|FAILED|INTERRUPTED|CANCELLED|REJECTED)")


def task_line(record: Record, *, max_bytes: int | None = None) -> str:
    """The line of the file-logging guide: ``[task id] [function] time message``.

    - The id is cut to its first 8 characters; the time is the event's, in UTC, to the second.
    - A retry separator (``--- Retry 1 ---``) has no time.
    - Control characters (C0, DEL, C1, U+2028, U+2029) and lone surrogates are escaped as Python writes
      them, so that no text makes a second line. A backslash stays as it is.
    - A record of no task, from a logger that shares the file, has ``-`` for the id and its function's name;
      an exception's traceback follows the message, in the same line.

    Args:
        max_bytes: The most bytes that a line has, with its newline; None sets no bound. A longer message is cut
            between characters, and says how many are missing.

    Raises:
        TypeError, ValueError: If ``max_bytes`` is no int, or less than id, name and time need.
    """
    if max_bytes is not None:
        check_options(_line_of, text_cost, max_bytes)
    return rendered(record, task_text(record, max_bytes=max_bytes))


def task_text(record: Record, *, max_bytes: int | None = None) -> str:
    """Return the line of :func:`task_line` for *record*, without its newline."""
    event = event_of(record)
    message = record["message"]
    if record["exception"] is not None:
        message = f"{message}\n{traceback_of(record)}"
    time = "" if event.get("event") == "retry" else second_of(event["timestamp"]) + " "
    task_id = str(event.get("task_id", "-"))[:8]
    func_name = event.get("func_name", record["function"])
    if max_bytes is None:
        return escape(f"[{task_id}] [{func_name}] {time}{message}")
    facts = {"time": time, "task_id": task_id, "func_name": func_name, "message": message}
    return bounded(facts, _line_of, max_bytes, text_cost)


def _line_of(facts: Facts) -> str:
    return escape(f"[{facts['task_id'][:8]}] [{facts['func_name']}] {facts['time']}{facts['message']}")


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
