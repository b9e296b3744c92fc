"""Sharing with the app's own loguru logger: what it logs in a task goes to the task, and the task's log to it."""

from __future__ import annotations

import asyncio
import pickle
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import loguru
from fastapi_taskflow import LogEvent, LoggerChain, get_task_context, task_log, task_logging
from fastapi_taskflow.executors import process_executor

from ._escapes import as_text
from ._loguru import NO_FILE, logger_name
from .observer import ERROR, INFO, WARNING, Level, LoguruObserver, level_of

if TYPE_CHECKING:
    from fastapi_taskflow.task_logging import TaskContext
    from loguru import Logger, Message, Record

# Whose event is being made or shown. Not just whether one is: a task that is started meanwhile inherits this,
# and what it logs is its own.
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
    - To call it twice captures twice.
    - Records outside of a task are left alone; the logger's other sinks see every record as before. What an
      observer's ``on_log`` logs is not captured: that would be an event again.

    Args:
        logger: The loguru logger, ``loguru.logger`` by default.
        level: The least level that is captured, as ``logger.add`` takes it; a name may be in any case.

    Returns:
        The handler's id: ``logger.remove(id)`` undoes it.

    Raises:
        TypeError, ValueError: ``logger`` is no loguru logger, or ``level`` none of its levels.
    """
    # Not a closure: a logger that is sent to another process is pickled with its handlers.
    sink = partial(_log_in_task, source=logger_name(logger))
    return logger.add(
        sink,
        level=level.upper() if isinstance(level, str) else level,
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
    ``filter=`` work in any sink. With :func:`capture` on the same logger nothing echoes: what came from the
    logger does not go back to it. ``logger.disable("taskflow_loguru")`` silences it.

    Args:
        logger: The loguru logger, ``loguru.logger`` by default.
        log_lifecycle: Whether status transitions are records too.
        min_level: "debug", "info", "warning" or "error", in any case: the least level that is shown.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
    """

    def __init__(self, logger: Logger = loguru.logger, *, log_lifecycle: bool = True, min_level: str = "debug") -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level)
        self._logger = logger
        self._name = logger_name(logger)

    async def on_log(self, event: LogEvent) -> None:
        """Make a record of what a task logged; of what the logger has had already, no more than its separator."""
        if not (isinstance(event.message, Captured) and event.message.source == self._name):
            await super().on_log(event)
            return
        level = level_of(event.level)
        if level.no >= self._threshold:
            self._separate(event, level)

    def emit(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Log the event."""
        # A task that another one has started is shown in that one's context: its status is no line of its parent's.
        token = _captured_for.set(get_task_context())
        try:
            self._logger.bind(**extra).patch(_name_task_function).log(level.name, message)
        finally:
            _captured_for.reset(token)


class Captured(str):
    """The message of a record that was captured, and which logger had it.

    Attributes:
        source: The name of the logger, as :func:`~taskflow_loguru._loguru.logger_name` gives it.
    """

    __slots__ = ("source",)
    source: str | int

    def __new__(cls, text: str, source: str | int) -> Captured:
        captured = super().__new__(cls, text)
        captured.source = source
        return captured

    def __reduce__(self) -> tuple[Any, ...]:  # a worker process sends it to the app's
        return Captured, (str(self), self.source)


def _log_in_task(message: Message, *, source: str | int) -> None:
    record = message.record
    extra = {_keyword(key): value for key, value in record["extra"].items()}
    if _is_in_worker():
        extra = {key: _picklable(value) for key, value in extra.items()}
    text = message.removesuffix("\n") if record["exception"] else str(message)
    # A lone surrogate in one task's log would fail the host's request for the list of all tasks.
    text = text.encode("utf-8", "backslashreplace").decode()
    token = _captured_for.set(get_task_context())
    try:
        task_log(Captured(text, source), level=_host_level(record["level"].no), **extra)
    finally:
        _captured_for.reset(token)


def _is_from_task(record: Record) -> bool:
    task = get_task_context()
    return task is not None and task is not _captured_for.get() and not _is_in_observer()


def _is_in_observer() -> bool:
    # The host runs on_log in the context of the task that logged: an observer that logs, too, would be captured,
    # and its record observed, and so on. What it logs from a thread or a task of its own is told by the context
    # that a captured event carries.
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    code = getattr(task.get_coro(), "cr_code", None) if task is not None else None
    return code is LoggerChain.on_log.__code__


def _is_in_worker() -> bool:
    # Nothing public tells; the process executor has its own function to collect the log of a task.
    return getattr(task_logging._log_sink.get(), "__module__", None) == process_executor.__name__


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
    # A worker process sends its log home with the result: what cannot leave would fail the task, and what cannot
    # arrive would break the whole pool. A copy goes, which nothing that the task does later can spoil.
    try:
        return pickle.loads(pickle.dumps(value))
    except Exception:
        return as_text(value)


def _name_task_function(record: Record) -> None:
    function = record["extra"]["func_name"]
    record["name"] = record["module"] = record["function"] = function
    record["line"] = 0
    record["file"] = NO_FILE
