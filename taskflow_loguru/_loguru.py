"""The only module that knows the inside of loguru: a logger of our own, and records made from events.

loguru has no public call for a logger with its own handlers (its issue 932), and its ``log()`` spends most of its time
on finding out what an event already tells: time, place, function. So its own parts are put together by hand: ``Core``,
``Logger``, the record's types, and ``Handler.emit``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from itertools import repeat
from multiprocessing import current_process
from threading import current_thread
from typing import TYPE_CHECKING, Any, cast

import loguru

from ._versions import misfit

try:
    from loguru import _datetime
    from loguru._logger import Core, Logger, context, start_time
    from loguru._recattrs import RecordFile, RecordLevel, RecordProcess, RecordThread
except ImportError as error:
    raise misfit("loguru", error) from error

if TYPE_CHECKING:
    from loguru import Logger as PublicLogger
    from loguru import Message, Record, Writable
    from loguru import RecordFile as PublicRecordFile

RENDERED = "{rendered}"
"""The format of a handler for records that are rendered already; loguru adds the newline."""

NO_FILE = cast("PublicRecordFile", RecordFile("", ""))
"""The ``file`` of a record that no line of code has logged."""


class _NoLock:
    """A lock that locks nothing. Its methods are written in C and ignore what they get, so that they take next to no
    time, and no signal handler can run in them."""

    __enter__ = __exit__ = "".format


class IndependentLogger:
    """A loguru logger with handlers of its own: no ``remove()`` or ``configure()`` of an app reaches it.

    Args:
        brief: Make records of the event's own facts alone, without the time to look up process and thread: for a format
            and a filter that are known not to ask for them.
        render: A function of the record whose result the record has as ``rendered``: for a handler with the format
            :data:`RENDERED`. loguru prepares such a format once, and a format function's template for each record.

    Attributes:
        logger: The loguru logger.
    """

    def __init__(self, *, brief: bool = False, render: Callable[[Record], str] | None = None) -> None:
        self._brief = brief
        self._render = render
        self._core = Core()
        self._levels = {
            level.name: RecordLevel(level.name, level.no, level.icon) for level in self._core.levels.values()
        }
        logger = Logger(
            core=self._core,
            exception=None,
            depth=0,
            record=False,
            lazy=False,
            colors=False,
            raw=False,
            capture=True,
            patchers=[],
            extra={},
        )
        self.logger = cast("PublicLogger", logger)

    def add(self, sink: Writable | Callable[[Message], None], **options: Any) -> None:
        """Add a handler, as ``logger.add`` does, that takes no lock around its sink, which has to do that itself.

        loguru's own lock refuses a signal handler that logs while the same handler writes, and stays locked for good if
        one raises between two of its lines.
        """
        number = self.logger.add(sink, level=0, **options)
        handler = self._core.handlers[number]
        if not hasattr(handler, "_protected_lock"):  # to set another attribute would leave loguru's lock in place
            raise AttributeError("its Handler has no attribute '_protected_lock'")
        handler._protected_lock = repeat(_NoLock()).__next__

    def emit(self, level: str, message: str, extra: dict[str, Any]) -> Any:
        """Hand a record to the handlers and return it: ``bind(**extra).log(level, message)``, from known facts.

        The record's time is ``extra["timestamp"]``, its function ``extra["func_name"]``.

        Raises:
            Exception: Any exception of a handler that was added with ``catch=False``.
        """
        record: Any = {
            "exception": None,
            "extra": extra,
            "function": extra["func_name"],
            "level": self._levels[level],
            "message": message,
            "rendered": "",  # added later, it would take a larger dictionary
        }
        if not self._brief:
            record.update(_circumstances(extra))
        if self._render is not None:
            record["rendered"] = self._render(record)
        for handler in self._core.handlers.values():
            handler.emit(record, level, False, False, None)
        return record


def logger_name(logger: PublicLogger) -> str | int:
    """What tells a logger and all that were bound from it from others; one name in all processes for the app's.

    Raises:
        TypeError: ``logger`` is no loguru logger.
    """
    if not isinstance(logger, Logger):
        raise TypeError(f"logger must be a loguru logger, not {logger!r}")
    core = logger._core
    return "loguru.logger" if core is loguru.logger._core else id(core)


def _circumstances(extra: dict[str, Any]) -> dict[str, Any]:
    event_time: datetime = extra["timestamp"]
    time = _datetime.datetime.combine(event_time, event_time.timetz())
    process, thread = current_process(), current_thread()
    return {
        "elapsed": time - start_time,
        "extra": {**context.get(), **extra},
        "file": NO_FILE,
        "line": 0,
        "module": extra["func_name"],
        "name": extra["func_name"],
        "process": RecordProcess(process.ident, process.name),
        "thread": RecordThread(thread.ident, thread.name),
        "time": time,
    }


def _check() -> None:
    """Make one record, as a trial of all private names at once: better here than at the first event of a task."""
    lines: list[str] = []
    try:
        own = IndependentLogger()
        own.add(lines.append, format="{message}", catch=False)
        own.emit("INFO", "a trial", {"func_name": "taskflow_loguru", "timestamp": datetime.now(timezone.utc)})
        logger_name(loguru.logger)
    except Exception as error:
        raise misfit("loguru", error) from error


_check()
