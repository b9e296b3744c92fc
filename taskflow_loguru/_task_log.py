"""task_log(), and the messages that carry more than their text to the observers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import fastapi_taskflow

from ._escapes import raising
from ._host import is_in_worker


class SentMessage(str):
    """A message with facts that the host's event has no field for; to everybody else it is its text.

    The host copies the message itself into the event, also from a worker process, and its text alone into the
    dashboard and the stores.

    Attributes:
        time: When it was logged; None if the event's own time says so.
        source: The loguru logger that it was captured from, as :func:`~taskflow_loguru._loguru.logger_name` names it;
            None if it came by ``task_log()``.
    """

    __slots__ = ("source", "time")
    time: datetime | None
    source: str | int | None

    def __new__(cls, text: str, time: datetime | None = None, source: str | int | None = None) -> SentMessage:
        message = super().__new__(cls, text)
        message.time = time
        message.source = source
        return message

    def __reduce__(self) -> tuple[Any, ...]:  # str's own would forget the attributes
        return SentMessage, (str(self), self.time, self.source)


def task_log(message: str, *, level: str = "info", **extra: Any) -> None:
    """Log from within a task: ``fastapi_taskflow.task_log``, with the true time in worker processes too.

    The message is in the dashboard, in the task's history and in every observer's output. The host collects what a
    task with ``executor="process"`` logs, and hands it on with the time at which the task ended. What is logged by this
    function there takes its own time along: the observers of this package show it, everything else sees the
    message as before.

    Outside of a task the message goes to the standard library's logger ``fastapi_taskflow.task``.

    Args:
        message: The message.
        level: "debug", "info", "warning" or "error".
        extra: The event's data.
    """
    if is_in_worker():
        message = SentMessage(_text(message), datetime.now(timezone.utc))
    fastapi_taskflow.task_log(message, level=level, **extra)


def _text(message: object) -> str:
    """Return *message* as the dashboard shows it. It cannot fail here, where it would fail the task."""
    try:
        return f"{message}"
    except Exception as error:
        return raising(message, error)
