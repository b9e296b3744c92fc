"""A parsed line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class TaskLine:
    """One line of a log file. A field that the line does not have is None, or empty.

    Not frozen: creating a frozen object takes five times as long, which would be most of the time per line.

    Attributes:
        time: The time of the event, in UTC: to the second in a text line, to the microsecond in a JSON line.
        level: The name of the level, in lower case. JSON only.
        event: "log", "retry" or "lifecycle"; "loss" if lines are missing; None in a JSON line without a task. A text
            line with the text of a status line ("-- SUCCESS") is read as one, even if the task logged it.
        task_id: The task's id; its first 8 characters in a text line.
        func_name: The task's function.
        attempt: The attempt, 0 for the first. In text lines only separators have it.
        message: The logged message; ``-- STATUS`` in a lifecycle line, ``--- Retry N ---`` in a separator.
        status: The new status, in lower case, of a lifecycle line.
        duration: The duration of the attempt, in seconds. JSON only, like all further fields.
        retries_used: The number of retries.
        error: The exception of a failed task.
        stacktrace: Its traceback.
        tags: The task's tags.
        data: The keyword arguments of ``task_log()``.
        trace_id: The OpenTelemetry trace, in hexadecimal.
        span_id: The OpenTelemetry span, in hexadecimal.
        trace_flags: The span's flags, in hexadecimal.
        error_type: The class of the exception.
        host: The name of the host that wrote the line.
        pid: The id of the process that wrote it.
        module: The module of the code that logged a captured record.
        line: The line of that code in its file.
        logger: The name of the logger of a captured record.
    """

    time: datetime | None
    level: str | None
    event: str | None
    task_id: str | None
    func_name: str | None
    attempt: int | None
    message: str
    status: str | None = None
    duration: float | None = None
    retries_used: int | None = None
    error: str | None = None
    stacktrace: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: str | None = None
    error_type: str | None = None
    host: str | None = None
    pid: int | None = None
    module: str | None = None
    line: int | None = None
    logger: str | None = None
