"""Sharing with the app's own loguru logger: what it logs in a task goes to the task, and the task's log to it."""

from __future__ import annotations

import pickle
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import fastapi_taskflow
import loguru
from fastapi_taskflow import LogEvent, get_task_context

from ._escapes import as_text
from ._host import is_in_observer, is_in_worker
from ._loguru import NO_FILE, logger_name
from ._task_log import SentMessage
from .observer import ERROR, INFO, WARNING, Level, LoguruObserver, MinLevel, extra_of, level_of

if TYPE_CHECKING:
    from fastapi_taskflow.task_logging import TaskContext
    from loguru import FilterFunction, Logger, Message, Record

# The task whose event is being made or shown. A flag would not do: a task that is started meanwhile inherits it, and
# what that task logs is its own.
_captured_for: ContextVar[TaskContext | None] = ContextVar("taskflow_loguru_captured_for", default=None)


def capture(logger: Logger = loguru.logger, *, level: str | int = "DEBUG") -> int:
    """Make whatever ``logger`` logs while a managed task runs a ``task_log()`` of that task.

    It is then in the dashboard, in the history and in every observer's output, under the right attempt,
    whichever function of the task's logs it, in async, thread and process tasks. For the latter call it where
    the worker does too: at the top of the module that defines the task.

    - The levels map by number: below 20 debug, below 30 info, below 40 warning, else error.
    - The bound and contextualized ``extra`` become the keyword arguments of ``task_log()``; "message" and
      "level", which are its own, get an underscore at their end.
    - An exception's traceback follows the message. Lone surrogates are escaped.
    - If it is called twice, it captures twice.
    - Records outside of a task are left alone; the logger's other sinks see every record as before. What an
      observer's ``on_log`` logs is not captured: that would be an event again.
    - The logger's own sinks see a record at once. What ``task_log()`` says reaches them by a :class:`LoguruLogger`, and
      only when the event loop gets to it: see there for the order.

    Args:
        logger: The loguru logger, ``loguru.logger`` by default.
        level: The least level that is captured: the name of one of the logger's levels, in any case, or a number.

    Returns:
        The handler's id: ``logger.remove(id)`` undoes it.

    Raises:
        TypeError, ValueError: ``logger`` is no loguru logger, or ``level`` none of its levels.
    """
    # Not a closure: a logger that is sent to another process is pickled with its handlers.
    sink = partial(_log_in_task, source=logger_name(logger))
    return logger.add(
        sink,
        level=_checked_level(logger, level),
        format=_message_and_traceback,
        filter=_is_from_task,
        colorize=False,
        backtrace=False,
        diagnose=False,
    )


class LoguruLogger(LoguruObserver):
    """Makes every task event a record of the app's logger: ``TaskManager(loggers=[LoguruLogger()])``.

    The level is loguru's (a SUCCESS status at SUCCESS, FAILED at ERROR), ``name`` and ``function`` are the task
    function's, and ``extra`` binds what the formats see, so that ``{extra[task_id]}``, ``serialize=True`` and
    ``filter=`` work in any sink. A record's time is the event's. ``logger.disable("taskflow_loguru")`` silences it.

    With :func:`capture` on the same logger nothing echoes: what came from the logger does not go back to it. But the
    order is not that of the task: the sinks see a record of the app at once, and an event when the event loop gets to
    it. If an async task says 1 and 3 by ``task_log()``, and 2 and 4 by the logger, they see 2, 4, 1, 3. The times are
    right, and a FileLogger has all four in order.

    Args:
        logger: The loguru logger, ``loguru.logger`` by default.
        log_lifecycle: Whether status transitions are records too.
        min_level: "debug", "info", "warning" or "error", in any case: the least level that is shown.
        filter: A function of the record that returns whether to log it; None: log every record. The filters of the
            logger's sinks come after it.

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

    async def on_log(self, event: LogEvent) -> None:
        """Make a record of what a task logged; if the logger has had it already, only of its separator."""
        if not (isinstance(event.message, SentMessage) and event.message.source == self._name):
            await super().on_log(event)
            return
        level = level_of(event.level)
        if level.no >= self._threshold:
            time = event.message.time or event.timestamp
            extra = extra_of(event.task_id, event.func_name, "log", time, event.attempt, event.tags)
            self._separate(level, extra)

    def emit(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Log the event."""
        # A task that another one has started is shown in that one's context: its status is no line of its parent's.
        token = _captured_for.set(get_task_context())
        try:
            self._logger.bind(**extra).patch(self._complete).log(level.name, message)
        except _RefusedError:
            pass
        finally:
            _captured_for.reset(token)

    def _complete(self, record: Record) -> None:
        function = record["extra"]["func_name"]
        record["name"] = record["module"] = record["function"] = function
        record["line"] = 0
        record["file"] = NO_FILE
        time = record["extra"]["timestamp"].astimezone()  # local, as the times of the app's own records are
        record["time"] = type(record["time"]).combine(time, time.timetz())  # loguru's type, which formats them
        if self.handler_filter is not None and not self.handler_filter(record):
            raise _RefusedError


class _RefusedError(Exception):
    """Ends the making of a record that the filter refuses: a patcher has no other way to say so."""


def _log_in_task(message: Message, *, source: str | int) -> None:
    record = message.record
    extra = {_keyword(key): value for key, value in record["extra"].items()}
    time = None
    if is_in_worker():
        time = datetime.fromtimestamp(record["time"].timestamp(), timezone.utc)  # not loguru's own type: it is pickled
        extra = {key: _picklable(value) for key, value in extra.items()}
    text = message.removesuffix("\n") if record["exception"] else str(message)
    # A lone surrogate in one task's log would fail the host's request for the list of all tasks.
    text = text.encode("utf-8", "backslashreplace").decode()
    token = _captured_for.set(get_task_context())
    try:
        message_of_task = SentMessage(text, time, source)
        fastapi_taskflow.task_log(message_of_task, level=_host_level(record["level"].no), **extra)
    finally:
        _captured_for.reset(token)


def _is_from_task(record: Record) -> bool:
    task = get_task_context()
    return task is not None and task is not _captured_for.get() and not is_in_observer()


def _message_and_traceback(record: Record) -> str:
    return "{message}\n{exception}" if record["exception"] else "{message}"


def _host_level(number: int) -> str:
    if number < INFO.no:
        return "debug"
    if number < WARNING.no:
        return "info"
    return "warning" if number < ERROR.no else "error"


def _keyword(key: object) -> str:
    return f"{key}_" if key in ("message", "level") else str(key)


def _picklable(value: Any) -> Any:
    # A worker process sends its log with the result: a value that cannot be pickled would fail the task, and one that
    # cannot be unpickled would break the whole pool. A copy is sent, which the task cannot change later.
    try:
        return pickle.loads(pickle.dumps(value))
    except Exception:
        return as_text(value)


def _checked_level(logger: Logger, level: str | int) -> str | int:
    """Return *level* as ``logger.add`` takes it."""
    if isinstance(level, bool) or not isinstance(level, (str, int)):
        raise TypeError(f"level must be the name of a level or an int of at least 0, not {level!r}")
    if isinstance(level, int):
        if level < 0:
            raise ValueError(f"level must be the name of a level or an int of at least 0, not {level}")
        return level
    for name in (level, level.upper()):
        with suppress(ValueError):
            return logger.level(name).name
    raise ValueError(f"level must be the name of one of the logger's levels, such as 'DEBUG', not {level!r}")
