"""The text line with more details: level, attempt, milliseconds, duration and the reason of a failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._escapes import escape, unescape
from ._bound import bounded, text_cost
from ._facts import Facts, error_type
from ._line import TaskLine
from ._options import check_options
from ._parsing import time_of
from ._record import duration_of, event_of, millisecond_of, rendered, traceback_of
from ._task_line import has_time_in_name

if TYPE_CHECKING:
    from loguru import Record

# Every part is bounded or ends at a fixed text. Without this, a line of another program could take quadratic time.
_LINE = re.compile(
    r"\[(?P<task_id>.{0,48}?)\] \[(?P<func_name>.*?)\] (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
    r"(?P<level>[^ ]{1,64}) attempt=(?P<attempt>\d{1,20}|-) (?P<message>.*)",
    re.ASCII,
)
_LIFECYCLE = re.compile(
    r"-- (?P<status>[A-Z_]+)(?: after (?P<duration>-?\d+\.\d+) s)?(?:: (?P<error>.*))?",
)
_STATUSES = frozenset({"PENDING", "RUNNING", "SUCCESS", "FAILED", "INTERRUPTED", "CANCELLED", "REJECTED"})
_RETRY = re.compile(r"--- Retry \d+ ---", re.ASCII)


def detailed_line(record: Record, *, max_bytes: int | None = None) -> str:
    """Render a text line with level, attempt and milliseconds; a final status with its duration and its error.

    ::

        [abc12345] [send_email] 2026-01-01T12:00:00.004Z INFO attempt=0 Connecting to SMTP server
        [abc12345] [send_email] 2026-01-01T12:00:01.204Z INFO attempt=1 --- Retry 1 ---
        [abc12345] [send_email] 2026-01-01T12:00:02.404Z ERROR attempt=1 -- FAILED after 1.20 s: OSError: refused

    - Every line has a time, separators too: that of the event, in UTC, with milliseconds.
    - The level has loguru's name. ``attempt`` is 0 for the first run; ``-`` for a record without a task.
    - The duration is that of the last attempt. The error is its class and its text.
    - Id, name and escapes are those of :func:`task_line`.

    Args:
        record: The loguru record of an event.
        max_bytes: The maximum length of a line in bytes, newline included; None: no maximum. A message or error that
            is too long is cut between characters, and shows how many are missing.

    Raises:
        TypeError, ValueError: ``max_bytes`` is not an int, or has no room for ids and times.
    """
    if max_bytes is not None:
        check_options(_line_of, text_cost, max_bytes)
    return rendered(record, detailed_text(record, max_bytes=max_bytes))


def detailed_text(record: Record, *, max_bytes: int | None = None) -> str:
    """Return the line of :func:`detailed_line` for *record*, without its newline."""
    event = event_of(record)
    message = record["message"]
    if record["exception"] is not None:
        message = f"{message}\n{traceback_of(record)}"
    task_id = event["task_id"]
    facts = {
        "time": millisecond_of(event["timestamp"]),
        "level": record["level"].name.replace(" ", "_"),
        "task_id": "-" if task_id is None else str(task_id)[:8],
        "func_name": event["func_name"],
        "attempt": event.get("attempt", "-"),
        "message": message,
    }
    if event["event"] == "lifecycle":
        duration, error = duration_of(event), event.get("error")
        if duration is not None:
            facts["duration"] = f" after {duration:.{2 if duration >= 1 else 3}f} s"
        if error is not None:
            kind = error_type(error, event.get("stacktrace"))
            has_kind = kind and str(error).startswith(f"{kind.rpartition('.')[2]}: ")  # of a worker process
            facts["error"] = error if has_kind else ": ".join(text for text in (kind, error) if text)
    return bounded(facts, _line_of, max_bytes, text_cost)


def _line_of(facts: Facts) -> str:
    error = f": {facts['error']}" if facts.get("error") else ""
    return escape(
        f"[{facts['task_id'][:8]}] [{facts['func_name']}] {facts['time']} {facts['level']} "
        f"attempt={facts['attempt']} {facts['message']}{facts.get('duration', '')}{error}"
    )


def parse_detailed_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`detailed_line`; return None for any other line."""
    match = _LINE.fullmatch(line)
    if match is None or has_time_in_name(match["func_name"]):
        return None
    task_id, func_name, moment, level, attempt, message = match.groups()
    task_id, func_name, level = unescape(task_id), unescape(func_name), unescape(level).lower()
    try:
        time = time_of(moment)
    except ValueError:  # the date does not exist
        return None
    number = None if attempt == "-" else int(attempt)
    if (lifecycle := _LIFECYCLE.fullmatch(message)) and lifecycle["status"] in _STATUSES and number is not None:
        status, duration, error = lifecycle.group("status", "duration", "error")
        return TaskLine(
            time,
            level,
            "lifecycle",
            task_id,
            func_name,
            number,
            f"-- {status}",
            status.lower(),
            duration=None if duration is None else float(duration),
            error=None if error is None else unescape(error),
        )
    event: str | None = "retry" if _RETRY.fullmatch(message) else "log"
    if (task_id, func_name) == ("-", "taskflow_loguru"):
        event = "loss"
    elif number is None:
        event = None
    return TaskLine(time, level, event, task_id, func_name, number, unescape(message))
