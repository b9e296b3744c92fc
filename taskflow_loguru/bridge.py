"""Exchange with the app's own loguru logger: its records in a task go to the task, and the task's log goes to it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import loguru
from fastapi_taskflow import LifecycleEvent, get_task_context

from ._arguments import checked_level
from ._capturing import captured_for, current_task, last_extra, log_in_task
from ._escapes import without_surrogates
from ._host import is_in_worker
from ._loguru import NO_FILE, NOTHING, add_handler, emit, logger_name, record_by
from ._task_log import Origin, SentMessage
from .observer import LoguruObserver, MinLevel

if TYPE_CHECKING:
    from loguru import FilterFunction, Logger, Message, Record
    from loguru import RecordLevel as Level


def capture(logger: Logger = loguru.logger, *, level: str | int = "DEBUG") -> int:
    """Turn each record of ``logger`` in a managed task into a ``task_log()`` of that task.

    The record then appears in the dashboard, in the history and in every observer's output, under the right attempt. It
    may come from any function that the task calls, in async, thread and process tasks. For process tasks, call
    ``capture`` at the top of the module that defines the task, so that the worker process calls it too.

    - The levels map by number: below 20 debug, below 30 info, below 40 warning, else error.
    - The bound and contextualized ``extra`` become the keyword arguments of ``task_log()``; "message" and
      "level", which are its own parameters, get an underscore at the end.
    - An exception's traceback follows the message. Lone surrogates are escaped.
    - Two calls capture each record once.
    - Records outside of a task are not captured; the logger's other sinks get every record as before. Records from an
      observer's ``on_log`` are not captured: that would be an endless loop.
    - A record belongs to a task if its code runs in the task's context (:mod:`contextvars`). ``await``,
      ``asyncio.create_task``, ``asyncio.to_thread`` and ``anyio.to_thread`` pass the context on.
      ``loop.run_in_executor``, ``threading.Thread`` and a pool's ``submit`` do not: run the function by
      ``contextvars.copy_context().run`` there, as in ``pool.submit(copy_context().run, function)``. Other processes
      that a task starts are not captured.
    - The logger's own sinks get a record at once. The messages of ``task_log()`` reach them through a
      :class:`LoguruLogger`, and only when the event loop processes them: see there for the order.

    Args:
        logger: The loguru logger, ``loguru.logger`` by default.
        level: The lowest level that is captured: the name of one of the logger's levels, in upper or lower case, or a
            number.

    Returns:
        The handler's id: ``logger.remove(id)`` undoes it.

    Raises:
        TypeError, ValueError: ``logger`` is not a loguru logger, or ``level`` is not one of its levels.
    """
    # Not a closure: a logger that is sent to another process is pickled with its handlers.
    sink = partial(_log_in_task, source=logger_name(logger))
    return add_handler(
        logger,
        sink,
        level=checked_level(level, partial(_level_name, logger), "the logger's levels, such as 'DEBUG'"),
        format=_message_and_traceback,
        filter=_is_from_task,
        catch=True,
    )


class LoguruLogger(LoguruObserver):
    """Log every task event to the app's logger: ``TaskManager(loggers=[LoguruLogger()])``.

    The level is loguru's (a SUCCESS status at SUCCESS, FAILED at ERROR), ``name`` and ``function`` are the task
    function's, and ``extra`` binds the fields of the formats, so that ``{extra[task_id]}``, ``serialize=True`` and
    ``filter=`` work in any sink. A record's time is the event's. ``logger.disable("taskflow_loguru")`` silences it.

    With :func:`capture` on the same logger there is no echo: a record that came from the logger does not go back to it.
    But the sinks do not get the records in the order of the task: a record of the app arrives at once, an event only
    when the event loop processes it. If an async task logs 1 and 3 with ``task_log()``, and 2 and 4 with the logger,
    the sinks get 2, 4, 1, 3. The times are right, and a FileLogger has all four in order.

    Args:
        logger: The loguru logger, ``loguru.logger`` by default.
        log_lifecycle: Whether to also log each status of a task.
        min_level: "debug", "info", "warning" or "error", in upper or lower case: the lowest level that is logged.
        filter: A function of the record that returns whether to log it; None: log every record. The filters of the
            logger's sinks follow it.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    def __init__(
        self,
        logger: Logger = loguru.logger,
        *,
        log_lifecycle: bool = True,
        min_level: MinLevel = "debug",
        filter: FilterFunction | None = None,
    ) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level, filter=filter)
        self._logger = logger
        self._name = logger_name(logger)

    def _arguments(self) -> dict[str, Any]:
        return {"logger": self._logger, **super()._arguments()}

    def is_shown_already(self, message: SentMessage) -> bool:
        """Return whether the message came from this logger."""
        return message.source == self._name

    async def on_lifecycle(self, event: LifecycleEvent) -> None:
        """Log a status transition, if lifecycle records and its level are shown."""
        # A task that another task has started is logged in its parent's context, but its status is not a line of the
        # parent.
        token = captured_for.set(get_task_context())
        try:
            await super().on_lifecycle(event)
        finally:
            captured_for.reset(token)

    def record_of(self, level: Level, message: str, extra: dict[str, Any]) -> Record | None:
        """Return the logger's record of the event; None if it has no handler for it, or is disabled."""
        record = record_by(self._logger.bind(**{**NOTHING, **extra}), level, message)
        if record is not None:
            record["name"] = record["module"] = record["function"] = extra["func_name"]
            record["line"] = 0
            record["file"] = NO_FILE
            time = extra["timestamp"].astimezone()  # local time, as in the app's own records
            record["time"] = type(record["time"]).combine(time, time.timetz())  # loguru's own type, for format strings
        return record

    def emit(self, record: Record) -> None:
        """Pass the record to the logger's handlers."""
        emit(self._logger, record)


def _log_in_task(message: Message, *, source: str | int) -> None:
    record = message.record
    last_extra.set(record["extra"])
    time = None
    if is_in_worker():
        time = datetime.fromtimestamp(record["time"].timestamp(), timezone.utc)  # a plain datetime: it is pickled
    text = message.removesuffix("\n") if record["exception"] else str(message)
    origin = Origin(record["name"], record["module"], record["line"])
    sent = SentMessage(without_surrogates(text), time, source, origin)
    log_in_task(sent, record["level"].no, record["extra"])


def _is_from_task(record: Record) -> bool:
    return current_task() is not None and record["extra"] is not last_extra.get()


def _message_and_traceback(record: Record) -> str:
    return "{message}\n{exception}" if record["exception"] else "{message}"


def _level_name(logger: Logger, name: str) -> str | None:
    with suppress(ValueError):
        return logger.level(name).name
    return None
