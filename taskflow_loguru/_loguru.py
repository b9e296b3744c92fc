"""The only module that uses private names of loguru: a logger of our own, and records made from events.

loguru has no public call for a logger with its own handlers (its issue 932). Its ``log()`` spends most of its time on
facts that an event already has: time, place, function. So this module combines loguru's own parts: ``Core``,
``Logger``, the record's types, and ``Handler.emit``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import repeat
from multiprocessing import current_process
from threading import current_thread
from typing import TYPE_CHECKING, Any, cast

import loguru

from ._versions import incompatible

try:
    from loguru import _datetime
    from loguru._logger import Core, Logger, context, start_time
    from loguru._recattrs import RecordFile, RecordLevel, RecordProcess, RecordThread
except ImportError as error:
    raise incompatible("loguru", error) from error

if TYPE_CHECKING:
    from types import FrameType

    from loguru import Logger as PublicLogger
    from loguru import Message, Record, Writable
    from loguru import RecordFile as PublicRecordFile

RENDERED = "{rendered}"
"""The format of a handler for records that are already rendered; loguru adds the newline."""

_LOG = Logger._log.__code__

NO_FILE = cast("PublicRecordFile", RecordFile("", ""))
"""The ``file`` of a record that comes from an event and not from a line of code."""


class _NoLock:
    """A lock that locks nothing.

    Its methods are written in C and ignore their arguments: they take almost no time, and no signal handler can run in
    them.
    """

    __enter__ = __exit__ = "".format


class IndependentLogger:
    """A loguru logger with its own handlers, which the app's ``remove()`` and ``configure()`` do not reach.

    Args:
        minimal: Make records of only the event's own facts, which saves looking up process and thread. For a format and
            a filter that use no others.
        render: A function of the record; the record gets its result as ``rendered``, for a handler with the format
            :data:`RENDERED`. loguru parses such a format once, but the template of a format function for each record.

    Attributes:
        logger: The loguru logger.
    """

    def __init__(self, *, minimal: bool = False, render: Callable[[Record], str] | None = None) -> None:
        self._minimal = minimal
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
        """Add a handler, as ``logger.add`` does, but without its lock: the sink must be thread-safe.

        loguru's own lock raises an error if a signal handler logs while the same handler writes. It stays locked for
        good if a signal handler raises between two of its lines.
        """
        number = self.logger.add(sink, level=0, **options)
        handler = self._core.handlers[number]
        if not hasattr(handler, "_protected_lock"):  # to set another attribute would leave loguru's lock in place
            raise AttributeError("its Handler has no attribute '_protected_lock'")
        handler._protected_lock = repeat(_NoLock()).__next__

    def emit(self, level: str, message: str, extra: dict[str, Any]) -> Any:
        """Pass a record to the handlers and return it: ``bind(**extra).log(level, message)``, from known facts.

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
            "rendered": "",  # a key that is added later would need a larger dictionary
        }
        if not self._minimal:
            record.update(_context_fields(extra))
        if self._render is not None:
            record["rendered"] = self._render(record)
        for handler in self._core.handlers.values():
            handler.emit(record, level, False, False, None)
        return record


def logger_name(logger: PublicLogger) -> str | int:
    """Return an identifier shared by all loggers of one core; for ``loguru.logger`` it is the same in all processes.

    Raises:
        TypeError: ``logger`` is not a loguru logger.
    """
    if not isinstance(logger, Logger):
        raise TypeError(f"logger must be a loguru logger, not {logger!r}")
    core = logger._core
    return "loguru.logger" if core is loguru.logger._core else id(core)


def logger_in_use() -> PublicLogger | None:
    """Return the loguru logger that is making the record in whose handler or patcher this code runs, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _LOG:
            return cast("PublicLogger", frame.f_locals["self"])
        frame = frame.f_back
    return None


def configured_extra(logger: PublicLogger) -> dict[Any, Any]:
    """Return the values that ``logger.configure(extra=...)`` binds to every record."""
    return cast("dict[Any, Any]", cast("Logger", logger)._core.extra)


class NotedValues(dict[str, Any]):
    """Contextualized values that note which logger copies them into a record.

    Attributes:
        maker: The logger's :func:`logger_name`; None before the first record.
    """

    maker: str | int | None = None

    def keys(self) -> Any:
        """Return the keys. loguru's ``{**values}`` calls it, since ``__iter__`` is overridden."""
        logger = logger_in_use()
        if logger is not None:
            self.maker = logger_name(logger)
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


@contextmanager
def noting_maker() -> Iterator[NotedValues]:
    """Note which loguru logger makes a record in the block. Its records are the same as without."""
    values = NotedValues(context.get())
    token = context.set(values)
    try:
        yield values
    finally:
        context.reset(token)


def _context_fields(extra: dict[str, Any]) -> dict[str, Any]:
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
    """Make one record, so that a missing private name fails the import and not the first event of a task."""
    lines: list[str] = []
    try:
        own = IndependentLogger()
        own.add(lines.append, format="{message}", catch=False)
        own.emit("INFO", "a trial", {"func_name": "taskflow_loguru", "timestamp": datetime.now(timezone.utc)})
        with noting_maker() as noted:
            own.logger.info("a trial")
        if noted.maker != logger_name(own.logger):
            raise AttributeError("its Logger._log does not copy the contextualized values")
        configured_extra(own.logger)
    except Exception as error:
        raise incompatible("loguru", error) from error


_check()
