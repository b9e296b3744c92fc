"""``task_log()``, and messages with additional facts for the observers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, NamedTuple

import fastapi_taskflow

from ._escapes import placeholder
from ._host import is_in_worker


class Origin(NamedTuple):
    """The line of code that logged a captured record.

    Attributes:
        logger: The name of the standard library's logger, or the name of the module that used loguru.
        module: The module's file, without its suffix.
        line: The number of the line.
    """

    logger: str | None
    module: str
    line: int


class SentMessage(str):
    """A message with facts for which the host's event has no field; a plain string for all other code.

    The host copies the message itself into the event, also from a worker process. The dashboard and the stores get only
    its text.

    Attributes:
        time: When it was logged; None if the event's own time is right.
        source: The loguru logger whose sinks already have it, by :func:`~taskflow_loguru._loguru.logger_name`; None if
            none has it.
        origin: The line of code of a captured record; None for a message of ``task_log()``.
    """

    __slots__ = ("origin", "source", "time")
    time: datetime | None
    source: str | int | None
    origin: Origin | None

    def __new__(
        cls,
        text: str,
        time: datetime | None = None,
        source: str | int | None = None,
        origin: Origin | None = None,
    ) -> SentMessage:
        message = super().__new__(cls, text)
        message.time = time
        message.source = source
        message.origin = origin
        return message

    def __reduce__(self) -> tuple[Any, ...]:  # str's own would lose the attributes
        return SentMessage, (str(self), self.time, self.source, self.origin)


def task_log(message: str, *, level: str = "info", **extra: Any) -> None:
    """Log from within a task: ``fastapi_taskflow.task_log``, with the true time in worker processes too.

    The message appears in the dashboard, in the task's history and in every observer's output. The host collects the
    messages of a task with ``executor="process"``, and passes them on with the time at which the task ended. Messages
    of this function carry their own time: the observers of this package show it. Nothing else changes.

    Outside of a task the message goes to the standard library's logger ``fastapi_taskflow.task``.

    Args:
        message: The message.
        level: "debug", "info", "warning" or "error", as for the host. The observers of this package also know
            loguru's "trace", "success" and "critical", and "warn", "err", "exception" and "fatal".
        extra: The event's data.
    """
    if is_in_worker():
        message = SentMessage(_text(message), datetime.now(timezone.utc))
    fastapi_taskflow.task_log(message, level=level, **extra)


def _text(message: object) -> str:
    """Return the text of *message*, as the dashboard shows it. An error here would fail the task."""
    try:
        return f"{message}"
    except Exception as error:
        return placeholder(message, error)
