"""Translation of the host's events to loguru records: levels, retry separators, lifecycle lines."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fastapi_taskflow import LifecycleEvent, LogEvent, TaskObserver

from ._arguments import as_call, check_function, checked_flag
from ._escapes import as_text
from ._loguru import LEVELS, record_of
from ._retries import Retries
from ._signals import is_from_signal_handler
from ._stderr import report
from ._task_log import Origin, SentMessage
from .formats._record import UTC, in_utc
from .formats._words import LEVEL_ALIASES, STATUSES, STOPPED, level_named

if TYPE_CHECKING:
    from loguru import FilterFunction, Record
    from loguru import RecordLevel as Level

MinLevel: TypeAlias = Literal["debug", "info", "warning", "error", "DEBUG", "INFO", "WARNING", "ERROR"]
"""The type of ``min_level``; at run time any mix of upper and lower case is allowed, such as "Warning"."""

DEBUG, INFO, WARNING, ERROR = (LEVELS[word] for word in ("debug", "info", "warning", "error"))

_THRESHOLDS = {"debug": 0, "info": INFO.no, "warning": WARNING.no, "error": ERROR.no}
_BY_WORD = {**LEVELS, **{alias: LEVELS[word] for alias, word in LEVEL_ALIASES.items()}}
_MOST_UNKNOWN_LEVELS = 100


class LoguruObserver(TaskObserver):
    """Turn each event into a record, and pass it to :meth:`emit`.

    - A log line has its own level: one of loguru's, or another logger's word for it, such as "warn", "fatal" or
      "exception". An unknown level counts as info, and one message on ``sys.stderr`` reports it. A lifecycle line has
      the level of its status: ERROR for failed, WARNING for interrupted, SUCCESS for success, INFO for all others.
    - The first line of a retry is preceded by a separator, at INFO, or at DEBUG if that line is below INFO. The host
      sends no separator: it follows from the event's attempt. A retry in which nothing was logged gets its separator
      before the next line of the task, and at the latest when the task ends. ``min_level`` decides on the line that
      follows, not on the separator.
    - A filter decides on each record, separators and lifecycle lines included. If it rejects all lines of a retry, the
      task's end brings no separator. If it raises, the record is shown, and one message on ``sys.stderr`` reports it.

    A record's ``extra`` binds ``task_id``, ``func_name``, ``attempt``, ``event`` ("log", "retry" or
    "lifecycle"), ``status``, ``timestamp`` (UTC), ``tags``, ``data`` (the keyword arguments of ``task_log``),
    ``retries_used``, ``duration`` (seconds), ``error`` and ``stacktrace``; None if the event has no such value. That of
    a captured record also binds ``logger``, ``module`` and ``line``: where the app logged it.

    Args:
        log_lifecycle: Whether to also make a record of each status of a task.
        min_level: "debug", "info", "warning" or "error", in upper or lower case: the lowest level that is shown;
            "debug" shows all.
        filter: A function of the record that returns whether to show it, as ``loguru.logger.add`` takes it; None: show
            every record.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    def __init__(self, *, log_lifecycle: bool, min_level: MinLevel, filter: FilterFunction | None = None) -> None:
        checked_flag("log_lifecycle", log_lifecycle)
        if not isinstance(min_level, str):
            raise TypeError(f"min_level must be one of {', '.join(map(repr, _THRESHOLDS))}, not {min_level!r}")
        if min_level.lower() not in _THRESHOLDS:
            raise ValueError(f"min_level must be one of {', '.join(map(repr, _THRESHOLDS))}, not {min_level!r}")
        if filter is not None:
            check_function("filter", filter, "the record")
        super().__init__(min_level=min_level.lower())
        self._log_lifecycle = log_lifecycle
        self._min_level_word = min_level.lower()
        self._threshold = _THRESHOLDS[min_level.lower()]
        self._filter = filter
        self._filter_failed = False
        self._unknown_levels: set[str] = set()
        self._retries = Retries()

    def __repr__(self) -> str:
        return as_call(self, self._arguments())

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments that the repr shows, by the names of their parameters."""
        return {
            "log_lifecycle": self._log_lifecycle,
            "min_level": self._min_level_word,
            "filter": self._filter,
        }

    def emit(self, record: Record) -> None:
        """Write a record. Must not raise."""
        raise NotImplementedError

    def record_of(self, level: Level, message: str, extra: dict[str, Any]) -> Record | None:
        """Return the record of an event, for the filter and for :meth:`emit`; None if nothing would show it."""
        return record_of(level, message, extra)

    def is_shown_already(self, message: SentMessage) -> bool:
        """Return whether this observer's output has got *message* in another way, and only lacks its separator."""
        return False

    async def on_log(self, event: LogEvent) -> None:
        """Show a log event, if its level is shown."""
        try:
            level = _BY_WORD[event.level]
        except (KeyError, TypeError):
            level = self._level_of(event.level)
        if level.no < self._threshold:
            return
        message, time, origin = event.message, event.timestamp, None
        if type(message) is not str:
            if isinstance(message, SentMessage):
                time, origin = message.time or time, message.origin
                if self.is_shown_already(message):
                    self._separate(level, extra_of(event, "log", time))
                    return
            message = as_text(message)
        self.show_message(event, level, message, time, origin)

    def show_message(self, event: LogEvent, level: Level, message: str, time: datetime, origin: Origin | None) -> None:
        """Show a log event, whose level is shown, with its message's text, time and line of code."""
        extra = extra_of(event, "log", time, event.extra)
        if origin is not None:
            extra["logger"], extra["module"], extra["line"] = origin
        self._show(level, message, extra)

    async def on_lifecycle(self, event: LifecycleEvent) -> None:
        """Show a status transition, if lifecycle lines and its level are shown."""
        if not (self._log_lifecycle or event.attempt or self._retries.are_known):
            return
        word = event.status.value
        status = STATUSES.get(word)
        level = INFO if status is None else LEVELS[status.level]
        is_final = status is not None and status.is_final
        if level.no >= self._threshold:
            extra = extra_of(event, "lifecycle", event.timestamp)
            if self._log_lifecycle:
                extra.update(
                    status=word,
                    retries_used=event.retries_used,
                    duration=event.duration,
                    error=event.error,
                    stacktrace=event.stacktrace,
                )
                self._show(level, f"-- {word.upper()}", extra)
            if event.attempt and is_final:
                self._separate(level, extra, silent_only=True)
        if is_final or not event.attempt:
            self._retries.end(event.task_id, is_stopped=word in STOPPED)

    def _level_of(self, level: object) -> Level:
        word = as_text(level)
        name = level_named(word)
        if name is not None:
            return LEVELS[name]
        if word not in self._unknown_levels and len(self._unknown_levels) < _MOST_UNKNOWN_LEVELS:
            self._unknown_levels.add(word)
            report(f"unknown level {word!r}: it counts as info; the levels are {', '.join(map(repr, LEVELS))}")
        return INFO

    def _show(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Emit the separators that precede an event, and its record, unless the filter rejects it."""
        record = self.record_of(level, message, extra)
        if record is None or (self._filter is not None and not self._passes(record)):
            if extra["event"] == "log":
                self._retries.reject(extra["task_id"], extra["attempt"])
            return
        if extra["attempt"] or self._retries.are_known:
            self._separate(level, extra)
        self.emit(record)

    def _passes(self, record: Record) -> bool:
        """Return the filter's decision on a record."""
        assert self._filter is not None
        try:
            return bool(self._filter(record))
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            if not self._filter_failed:
                self._filter_failed = True
                report(f"the filter raised an exception; such records are shown: {traceback.format_exc()}")
            return True

    def _separate(self, level: Level, extra: dict[str, Any], *, silent_only: bool = False) -> None:
        """Emit the separators of the retries up to this one that have none yet, before a line of *level*."""
        task_id = extra["task_id"]
        for number in self._retries.new(task_id, extra["attempt"], silent_only=silent_only):
            of_task = {name: extra[name] for name in ("task_id", "func_name", "timestamp", "tags")}
            of_retry = {**of_task, "event": "retry", "attempt": number, "data": {}}
            record = self.record_of(INFO if level.no >= INFO.no else DEBUG, f"--- Retry {number} ---", of_retry)
            if record is not None and (self._filter is None or self._passes(record)):
                self.emit(record)


def extra_of(
    event: LogEvent | LifecycleEvent, kind: str, time: datetime, data: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the bound values of an event's record, without those that would be None."""
    return {
        "task_id": event.task_id,
        "func_name": event.func_name,
        "attempt": event.attempt,
        "event": kind,
        "timestamp": time if time.tzinfo is UTC else in_utc(time),
        "tags": event.tags or {},
        "data": data or {},
    }
