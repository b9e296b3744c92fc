"""One run of a task: status, times, retries and the reason of a failure."""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.formats._words import COMPLETED
from taskflow_loguru.reader import parse
from taskflow_loguru.reader._events import Ending

LONGEST = 100 * 365 * 86400.0
"""The longest duration in seconds that is believed: a longer or a negative one counts as unknown."""

MAX_RETRIES = 1_000_000
"""A larger number of retries is not believed."""

_CLASS = re.compile(r"([A-Za-z_][\w.]*)(?:: |$)")
_CLASS_ALONE = re.compile(r"(?:[\w.]*\.)?[A-Z]\w*")


class Run:
    """One execution of a task, from RUNNING to its end.

    Attributes:
        task_id: The id in the lines: a text line has its first 8 characters.
        func_name: The task's function.
        status: "pending", "running", or the final status.
        started: The time of its start; None if the log does not have it.
        ended: The time of its end. None: it is still running, or its process died.
        duration: The duration of the last attempt in seconds, from the final line. The lines of ``task_line`` do not
            have it: for them it is the total.
        is_exact: Whether the duration comes from the final line. The total of text lines is in whole seconds.
        retries: The number of retries.
        error: The text of the exception, if the final line has it.
        error_type: The class of the exception, if the final line has it.
        stacktrace: Its traceback, if the final line has it.
        last: The last line that the task itself logged, as it is in the file or parsed.
        lines: The number of lines that were counted for this run, and not yet for its function.
        prefix: The start of its text lines, up to the hour; no line starts with the default.
        tail: Its latest lines as they are in the file, if they are kept.
        known_end: The last end of the same task that was known at its start.
    """

    # The defaults stand in the class: creating a run is a tenth of the time that a report takes.
    ended: datetime | None = None
    duration: float | None = None
    is_exact = True
    retries = 0
    error: str | None = None
    error_type: str | None = None
    stacktrace: str | None = None
    last: TaskLine | str | None = None
    lines = 0
    prefix = "\n"
    tail: deque[str] | None = None
    known_end: datetime | None = None

    def __init__(self, task_id: str, func_name: str, status: str, started: datetime | None = None) -> None:
        self.task_id = task_id
        self.func_name = func_name
        self.status = status
        self.started = started

    @property
    def total(self) -> float | None:
        """The seconds from its start to its end: all attempts, and the delays between them."""
        if self.started is None or self.ended is None:
            return None
        return max(0.0, (self.ended - self.started).total_seconds())

    @property
    def reason(self) -> str:
        """The reason of its failure: the exception, or the last message before it: ``task_line`` has no exception."""
        if self.error is None and self.error_type is None:
            last = self.last_line
            return last.message if last else ""
        name, text = (self.error_type or "").rpartition(".")[2], self.error or ""
        has_name = not name or text == name or text.startswith((f"{name}: ", f"{self.error_type}: "))
        return text if has_name else f"{self.error_type}: {text}" if text else self.error_type or ""

    @property
    def last_line(self) -> TaskLine | None:
        """The last line that the task itself logged."""
        return parse(self.last) if isinstance(self.last, str) else self.last

    @property
    def last_seen(self) -> datetime | None:
        """The time of its last line."""
        last = None if self.ended else self.last_line
        return self.ended or (last and last.time) or self.started

    def end(self, status: str, time: datetime | None, line: Ending | None) -> None:
        """Set the facts of its final status line; None for a line without any."""
        self.status, self.ended = status, time
        if line is not None:
            duration, retries = line.duration, line.retries_used
            if duration is not None and 0 <= duration <= LONGEST:
                self.duration = duration
            if retries is not None and self.retries < retries < MAX_RETRIES:
                self.retries = retries
            self.error, self.stacktrace = line.error, line.stacktrace
            self.error_type = line.error_type or (line.error and _class_of(line.error))
        if self.duration is None and status in COMPLETED:
            self.duration, self.is_exact = self.total, False


def _class_of(error: str) -> str | None:
    """Return the class at the start of an error, as ``detailed_line`` writes it."""
    match = _CLASS.match(error)
    is_class = match and (match[0] != error or _CLASS_ALONE.fullmatch(error))
    return match[1] if match and is_class else None
