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
from .formats._words import LEVELS as NUMBERS

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
    from loguru import RecordLevel as Level

_LOG = Logger._log.__code__

NO_FILE = cast("PublicRecordFile", RecordFile("", ""))
"""The ``file`` of a record that comes from an event and not from a line of code."""

LEVELS = {
    word: cast("Level", RecordLevel(word.upper(), number, Core().levels[word.upper()].icon))
    for word, number in NUMBERS.items()
}
"""loguru's own levels, by their names in lower case. LOGURU_INFO_NO and its siblings do not change their numbers."""

NOTHING = dict.fromkeys(("status", "retries_used", "duration", "error", "stacktrace"))
"""The bound values that only the record of a status has."""

_OPTIONS = {
    "level": 0,
    "filter": None,
    "colorize": False,
    "serialize": False,
    "backtrace": False,
    "diagnose": False,
    "enqueue": False,
    "context": None,
    "catch": False,
}
"""The options of ``logger.add`` whose defaults loguru takes from the environment, except ``format``."""


class _NoLock:
    """A lock that locks nothing.

    ``str.format`` stands in for both methods: it is nearly free, and no signal handler can run inside.
    """

    __enter__ = __exit__ = "".format


class IndependentLogger:
    """A loguru logger with its own handlers, which the app's ``remove()`` and ``configure()`` do not reach.

    Attributes:
        logger: The loguru logger.
    """

    def __init__(self) -> None:
        self._core = Core()
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
        """Add a handler as :func:`add_handler` does, but without its lock: the sink must be thread-safe.

        loguru's own lock raises an error if a signal handler logs while the same handler writes. It stays locked for
        good if a signal handler raises between two of its lines.
        """
        number = add_handler(self.logger, sink, **options)
        handler = self._core.handlers[number]
        if not hasattr(handler, "_protected_lock"):  # to set another attribute would leave loguru's lock in place
            raise AttributeError("its Handler has no attribute '_protected_lock'")
        handler._protected_lock = repeat(_NoLock()).__next__


def line_writer(sink: Writable | Callable[[Message], None]) -> Callable[[Level, str], None]:
    """Return a function that passes a finished line to *sink*, through a loguru handler of its own.

    The handler does not format the line again, as with ``opt(raw=True)``. An exception of the sink passes through.
    """
    own = IndependentLogger()
    own.add(sink, format="{message}")
    (handler,) = own._core.handlers.values()
    emit = handler.emit

    def write(level: Level, line: str) -> None:
        emit({"exception": None, "level": level, "message": line + "\n"}, level.name, False, True, None)

    return write


def add_handler(logger: PublicLogger, sink: Writable | Callable[[Message], None], **options: Any) -> int:
    """Call ``logger.add``, and let none of loguru's environment variables change an option."""
    return logger.add(sink, **{**_OPTIONS, **options})


def emit(logger: PublicLogger, record: Record) -> None:
    """Pass *record* to the handlers of *logger*.

    Raises:
        Exception: Any exception of a handler that was added with ``catch=False``.
    """
    for handler in cast("Any", logger)._core.handlers.values():
        handler.emit(record, record["level"].name, False, False, None)


def bare_record(level: Level, message: str, extra: dict[str, Any]) -> Record:
    """Return a record with only what the formats of this package use."""
    record: Any = {"exception": None, "extra": extra, "level": level, "message": message}
    return record  # type: ignore[no-any-return]


def record_of(level: Level, message: str, extra: dict[str, Any]) -> Record:
    """Return the record of ``bind(**extra).log(level, message)``, made from known facts.

    Its time is ``extra["timestamp"]``, its function ``extra["func_name"]``.
    """
    event_time: datetime = extra["timestamp"]
    time = _datetime.datetime.combine(event_time, event_time.timetz())
    process, thread = current_process(), current_thread()
    record: Any = {
        "elapsed": time - start_time,
        "exception": None,
        "extra": {**context.get(), **NOTHING, **extra},
        "file": NO_FILE,
        "function": extra["func_name"],
        "level": level,
        "line": 0,
        "message": message,
        "module": extra["func_name"],
        "name": extra["func_name"],
        "process": RecordProcess(process.ident, process.name),
        "thread": RecordThread(thread.ident, thread.name),
        "time": time,
    }
    return cast("Record", record)


class _TakenError(Exception):
    """A patcher has taken the record. It can keep it from the handlers only by raising."""


def record_by(logger: PublicLogger, level: Level, message: str) -> Record | None:
    """Return the record that ``logger.log`` would pass to its handlers; None if none of them would get it."""
    taken: list[Record] = []

    def take(record: Record) -> None:
        taken.append(record)
        raise _TakenError

    try:
        logger.patch(take).log(level.name, message)
    except _TakenError:
        return taken[0]
    return None


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


def _check() -> None:
    """Make one record, so that a missing private name fails the import and not the first event of a task."""
    lines: list[str] = []
    try:
        own = IndependentLogger()
        own.add(lines.append, format="{message}")
        extra = {"func_name": "taskflow_loguru", "timestamp": datetime.now(timezone.utc)}
        record = record_of(LEVELS["info"], "a trial", extra)
        emit(own.logger, record)
        line_writer(lines.append)(LEVELS["info"], "a trial")
        with noting_maker() as noted:
            own.logger.info("a trial")
        if noted.maker != logger_name(own.logger):
            raise AttributeError("its Logger._log does not copy the contextualized values")
        configured_extra(own.logger)
    except Exception as error:
        raise incompatible("loguru", error) from error


_check()
