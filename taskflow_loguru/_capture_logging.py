"""``capture_logging()``: the standard library's ``logging`` records of a task become the task's."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from ._arguments import checked_level
from ._capturing import captured_for, current_task
from ._logging_record import TaskMessage
from ._loguru import noting_maker
from ._stderr import report

if TYPE_CHECKING:
    from types import TracebackType


def capture_logging(name: str | None = None, *, level: str | int = "INFO") -> LoggingCapture:
    """Turn the standard library's ``logging`` records in a managed task into a ``task_log()`` of that task.

    The record then appears in the dashboard, in the history and in every observer's output, under the right attempt. It
    may come from any library that the task calls, in async, thread and process tasks. For process tasks, call
    ``capture_logging`` at the top of the module that defines the task, so that the worker process calls it too.

    - It gets what a handler of the logger *name* would get: the records of that logger and of those below it, as far as
      they propagate. But it is no handler: it stays when ``logging.config.dictConfig``, ``basicConfig(force=True)`` or
      the app replaces the handlers, and ``basicConfig()`` works after it.
    - In a task, *level* takes the place of the level of the logger *name*. A record that this logger's own level would
      have rejected goes to the task alone, and the app's handlers stay as quiet as they were. A level that has been set
      for a logger below it counts, and so does ``logging.disable()``.
    - The levels map by number: below 20 debug, below 30 info, below 40 warning, else error.
    - The record's ``extra`` become the keyword arguments of ``task_log()``; "level" gets an underscore at the end. The
      names of the logger and the module and the line number are kept too.
    - A traceback follows the message. If the arguments do not fit the message, both arrive as they are.
    - With :func:`capture` and loguru's InterceptHandler or PropagateHandler each record is captured once.
    - Records outside of a task are not captured, nor are those of a thread or pool that the task starts without its
      context: see :func:`capture`.
    - A logger that ``logging.config`` has disabled logs nothing. One message on ``sys.stderr`` reports it.

    Args:
        name: The logger's name, such as "httpx"; None: the root logger, and so all loggers.
        level: The lowest level that is captured: a name that :mod:`logging` knows, in upper or lower case, or a number.

    Returns:
        The capture: its ``close()`` ends it. It is also a context manager, which ends it with the block.

    Raises:
        TypeError, ValueError: ``name`` is not a str, or ``level`` is not a level.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be the name of a logger or None, not {name!r}")
    return LoggingCapture(name, checked_level(level, _level_number, "logging's levels, such as 'INFO'"))


class LoggingCapture:
    """A capture of one logger and those below it, until it is closed."""

    def __init__(self, name: str | None, level: int) -> None:
        global _captures
        self._logger = logging.getLogger(name)
        self._level = level
        with _changing:
            _install()
            _captures = (*_captures, self)

    def __repr__(self) -> str:
        state = "open" if self in _captures else "closed"
        return f"<{type(self).__name__} of {self._logger!r} from level {self._level}, {state}>"

    def __enter__(self) -> LoggingCapture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the capture. Other captures of the same logger continue; a second call does nothing."""
        global _captures
        with _changing:
            _captures = tuple(capture for capture in _captures if capture is not self)

    def takes(self, logger: logging.Logger, level: int) -> bool:
        """Return whether a record of *logger* is captured, which its own level has let pass."""
        return level >= self._level and self._path_from(logger) is not None

    def wants(self, logger: logging.Logger, level: int) -> bool:
        """Return whether a record of *logger* should be made for the task."""
        if level < self._level or level <= logger.manager.disable:
            return False
        path = self._path_from(logger)
        return path is not None and level >= next((below.level for below in path if below.level), level)

    def _path_from(self, logger: logging.Logger) -> list[logging.Logger] | None:
        """Return *logger* and those between it and the captured one; None if its records do not get there."""
        path = []
        current: logging.Logger | None = logger
        while current is not self._logger:
            if current is None or not current.propagate:
                return None
            path.append(current)
            current = current.parent
        return path


_captures: tuple[LoggingCapture, ...] = ()
_changing = Lock()
_is_installed = _is_disabled_reported = False
_is_enabled_for, _call_handlers = logging.Logger.isEnabledFor, logging.Logger.callHandlers


def _install() -> None:
    """Replace two methods of ``logging.Logger``, for good: another library may wrap these methods later.

    A handler would be removed by the next configuration, would turn a later ``basicConfig()`` into a no-op, and would
    silence ``logging.lastResort``.
    """
    global _is_installed, _is_enabled_for, _call_handlers
    if not _is_installed:
        _is_installed = True
        _is_enabled_for, _call_handlers = logging.Logger.isEnabledFor, logging.Logger.callHandlers
        logging.Logger.isEnabledFor = is_enabled_for  # type: ignore[assignment,method-assign]
        logging.Logger.callHandlers = call_handlers  # type: ignore[assignment,method-assign]


def is_enabled_for(logger: logging.Logger, level: int) -> bool:
    """Return whether ``Logger.isEnabledFor`` is true, or a capture wants the record for the current task."""
    if _is_enabled_for(logger, level):
        return True
    if current_task() is None or not any(capture.wants(logger, level) for capture in _captures):
        return False
    if logger.disabled:
        _report_disabled(logger)
    return not logger.disabled


def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
    """Call ``Logger.callHandlers``, and capture the record.

    What the handlers log is not captured: it is the same record, sent on to loguru, or a consequence of it.
    """
    task = current_task()
    if task is None or not any(capture.takes(logger, record.levelno) for capture in _captures):
        _call_handlers(logger, record)
        return
    message = TaskMessage(record)
    if message.is_captured():
        _call_handlers(logger, record)
        return
    token = captured_for.set(task)
    with noting_maker() as noted:
        try:
            if message.source is not None or _is_enabled_for(logger, record.levelno):
                _call_handlers(logger, record)
        finally:
            captured_for.reset(token)
            message.log(noted.maker)


# loguru's InterceptHandler and logging's own report of an error skip the frames of logging's file, to find the caller.
# This function's frame is one of those.
call_handlers.__code__ = call_handlers.__code__.replace(co_filename=logging.__file__)


def _report_disabled(logger: logging.Logger) -> None:
    global _is_disabled_reported
    if not _is_disabled_reported:
        _is_disabled_reported = True
        report(
            f"the logger {logger.name!r} is disabled, so its records are not captured; logging.config disables the "
            "loggers that exist, unless disable_existing_loggers is False"
        )


def _level_number(name: str) -> int | None:
    number = logging.getLevelName(name)
    return number if isinstance(number, int) else None
