"""The text line with more details: level, attempt, milliseconds, duration and the reason of a failure."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .._arguments import checked_flag
from .._escapes import as_text, escape, unescape
from ._bound import Layout, bounded, size, text_cost
from ._facts import Facts, error_type
from ._json import plain
from ._line import TaskLine
from ._logfmt import pairs_of, split_pairs, with_pairs
from ._parsing import DECODER
from ._record import duration_of, event_of, message_of, millisecond_of
from ._task_line import SHORT_ID, has_time_in_name
from ._words import STATUSES

if TYPE_CHECKING:
    from loguru import Record

# Every part is bounded or starts with a fixed text. Without this, a line of another program could take quadratic time.
_HEADER = re.compile(
    r"\] (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ([^ ]{1,64}) attempt=(\d{1,20}|-) ",
    re.ASCII,
)
_LIFECYCLE = re.compile(
    r"-- (?P<status>[A-Z_]+)(?: after (?P<duration>-?\d+\.\d+) s)?(?:: (?P<error>.*))?",
)
_RETRY = re.compile(r"--- Retry \d+ ---", re.ASCII)


def detailed_text(record: Record, *, tags: bool = True, data: bool = True, max_bytes: int | None = None) -> str:
    """Return a text line with level, attempt and milliseconds; a final status with its duration and its error.

    ::

        [abc12345] [send_email] 2026-01-01T12:00:00.004Z INFO attempt=0 Connecting to SMTP server order=42  user=bob
        [abc12345] [send_email] 2026-01-01T12:00:01.204Z INFO attempt=1 --- Retry 1 ---  user=bob
        [abc12345] [send_email] 2026-01-01T12:00:02.404Z ERROR attempt=1 -- FAILED after 1.20 s: OSError: refused

    - Every line has a time, separators too: that of the event, in UTC, with milliseconds.
    - The level has loguru's name. ``attempt`` is 0 for the first run; ``-`` for a record without a task.
    - The duration is that of the last attempt. The error is its class and its text.
    - The keyword arguments of ``task_log()`` follow the message as in logfmt, then, after two spaces, the task's tags.
      A message that ends like such a pair is in quotes.
    - Id, name and escapes are those of :func:`task_line`.

    Args:
        record: The loguru record of an event.
        tags: Whether to show the task's tags.
        data: Whether to show the keyword arguments of ``task_log()``.
        max_bytes: The maximum length of a line in bytes, newline included; None: no maximum. A message or error that
            is too long is cut between characters, and shows how many are missing.

    Raises:
        TypeError, ValueError: ``tags`` or ``data`` is not True or False, or ``max_bytes`` is not an int, or has no room
            for ids and times.
    """
    event = event_of(record)
    task_id = event["task_id"]
    facts = {
        "time": millisecond_of(event["timestamp"]),
        "level": record["level"].name.replace(" ", "_"),
        "task_id": "-" if task_id is None else str(task_id)[:SHORT_ID],
        "func_name": event["func_name"],
        "attempt": event.get("attempt", "-"),
        "message": message_of(record),
    }
    if event["event"] == "lifecycle":
        error = event.get("error")
        _add_outcome(facts, duration_of(event), error_type(error, event.get("stacktrace")), error)
    if (data is True or checked_flag("data", data)) and (values := event.get("data")):
        facts["data"] = plain(values)
    if (tags is True or checked_flag("tags", tags)) and (values := event.get("tags")):
        facts["tags"] = plain(values)
    return _line_of(facts) if max_bytes is None else bounded(facts, _LAYOUT, max_bytes)


def text_of(line: TaskLine) -> str:
    """Return a parsed line of any format as the line of :func:`detailed_line`."""
    facts: Facts = {
        "task_id": line.task_id or "-",
        "func_name": line.func_name or "-",
        "time": millisecond_of(line.time) if line.time else "-",
        "level": (line.level or "-").upper(),
        "attempt": "-" if line.attempt is None else line.attempt,
        "message": line.message,
    }
    finite = line.duration is not None and math.isfinite(line.duration)
    _add_outcome(facts, line.duration if finite else None, line.error_type, line.error)
    facts.update((name, values) for name, values in (("data", line.data), ("tags", line.tags)) if values)
    return _line_of(facts)


def _add_outcome(facts: Facts, duration: float | None, kind: str | None, error: object) -> None:
    if duration is not None:
        facts["duration"] = f" after {duration:.{2 if duration >= 1 else 3}f} s"
    text = "" if error is None else as_text(error)
    if kind and not text.startswith(f"{kind.rpartition('.')[2]}: "):  # a worker process puts the class into the text
        text = f"{kind}: {text}" if text else kind
    if text:
        facts["error"] = text


def _line_of(facts: Facts) -> str:
    task_id, level = facts["task_id"][:SHORT_ID], facts["level"]
    header = f"[{task_id}] [{facts['func_name']}] {facts['time']} {level} attempt={facts['attempt']} "
    text = facts["message"]
    if "duration" in facts or "error" in facts:
        header, text = f"{header}{text}{facts.get('duration', '')}", facts.get("error", "")
        header += ": " if text else ""
    if "data" in facts or "tags" in facts or "=" in text or text[:1] == '"':
        return escape(header) + with_pairs(text, facts.get("data", {}), facts.get("tags", {}))
    return escape(header + text)


def _cost(name: str, value: Any) -> int:
    return size(pairs_of(value)) if isinstance(value, dict) else text_cost(name, value)


_LAYOUT = Layout(_line_of, _cost)


def parse_detailed_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`detailed_line`; return None for any other line."""
    task_id, bracket, _ = line.partition("] [")
    header = _HEADER.search(line, len(task_id) + 3) if bracket and task_id[:1] == "[" and len(task_id) <= 49 else None
    if header is None:
        return None
    moment, level, attempt = header.groups()
    func_name = line[len(task_id) + 3 : header.start()]
    if has_time_in_name(func_name):
        return None
    try:
        time = datetime.fromisoformat(f"{moment}+00:00")
    except ValueError:  # the date does not exist
        return None
    task_id, func_name, level = unescape(task_id[1:]), unescape(func_name), unescape(level).lower()
    number = None if attempt == "-" else int(attempt)
    text, data, tags = split_pairs(line[header.end() :])
    parsed = TaskLine(time, level, "log", task_id, func_name, number, text, tags=tags, data=data)
    if text[:2] == "--" and number is not None:
        lifecycle = _LIFECYCLE.fullmatch(text)
        if lifecycle and (status := lifecycle["status"].lower()) in STATUSES:
            duration, error = lifecycle.group("duration", "error")
            parsed.event, parsed.status, parsed.message = "lifecycle", status, f"-- {status.upper()}"
            parsed.duration = None if duration is None or math.isinf(float(duration)) else float(duration)
            parsed.error = None if error is None else _unquoted(error)
            return parsed
        parsed.event = "retry" if _RETRY.fullmatch(text) else "log"
    if task_id == "-" and func_name == "taskflow_loguru":
        parsed.event = "loss"
    elif number is None:
        parsed.event = None
    parsed.message = _unquoted(text)
    return parsed


def _unquoted(text: str) -> str:
    if text[:1] == '"':
        try:
            value = DECODER.decode(text)
        except ValueError:
            pass
        else:
            return str(value)
    return unescape(text)
