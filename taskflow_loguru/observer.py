"""Translation of the host's events to loguru records: levels, retry separators, lifecycle lines."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fastapi_taskflow import LifecycleEvent, LogEvent, TaskObserver

from ._arguments import as_call, check_function, checked_flag
from ._escapes import as_text
from ._retries import Retries
from ._signals import is_from_signal_handler
from ._stderr import report
from ._task_log import SentMessage
from .formats._record import UTC, in_utc

if TYPE_CHECKING:
    from loguru import FilterFunction, Record

MinLevel: TypeAlias = Literal["debug", "info", "warning", "error", "DEBUG", "INFO", "WARNING", "ERROR"]
"""The type of ``min_level``; at run time any mix of upper and lower case is allowed, such as "Warning"."""

_FINAL = frozenset({"success", "failed", "interrupted", "cancelled", "rejected"})
_STOPPED = frozenset({"interrupted", "cancelled"})


@dataclass(frozen=True, slots=True)
class Level:
    """One of loguru's levels."""

    name: str
    no: int


DEBUG, INFO, SUCCESS = Level("DEBUG", 10), Level("INFO", 20), Level("SUCCESS", 25)
WARNING, ERROR = Level("WARNING", 30), Level("ERROR", 40)

_LEVELS = {"debug": DEBUG, "info": INFO, "warning": WARNING, "error": ERROR}
_WORDS = {level.no: word for word, level in _LEVELS.items()}
_MORE_LEVELS = {**_LEVELS, "critical": ERROR}
_STATUS_LEVELS = {"success": SUCCESS, "failed": ERROR, "interrupted": WARNING}


class LoguruObserver(TaskObserver):
    """Turn each event into a record, and pass it to :meth:`emit`.

    - A log line has its own level: an unknown level counts as info, "critical" as error. A lifecycle line has the level
      of its status: ERROR for failed, WARNING for interrupted, SUCCESS for success, INFO for all others.
    - The first line of a retry is preceded by a separator, at that line's level. The host sends no separator: it
      follows from the event's attempt. A retry in which nothing was logged gets its separator before the next line of
      the task, and at the latest when the task ends, at the level of that status.
    - A filter decides on each record, separators and lifecycle lines included. If it rejects all lines of a retry, the
      task's end brings no separator. If it raises, the record is shown, and one message on ``sys.stderr`` reports it.

    A record's ``extra`` binds ``task_id``, ``func_name``, ``attempt``, ``event`` ("log", "retry" or
    "lifecycle"), ``status``, ``timestamp`` (UTC), ``tags``, ``data`` (the keyword arguments of ``task_log``),
    ``retries_used``, ``duration`` (seconds), ``error`` and ``stacktrace``; None if the event has no such value. That of
    a captured record also binds ``logger``, ``module`` and ``line``: where the app logged it.

    Args:
        log_lifecycle: Whether to also make a record of each status of a task.
        min_level: "debug", "info", "warning" or "error", in upper or lower case: the lowest level that is shown.
        filter: A function of the record that returns whether to show it, as ``loguru.logger.add`` takes it; None: show
            every record. A subclass gives :attr:`handler_filter` to its loguru handler.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    def __init__(self, *, log_lifecycle: bool, min_level: MinLevel, filter: FilterFunction | None = None) -> None:
        checked_flag("log_lifecycle", log_lifecycle)
        if not isinstance(min_level, str):
            raise TypeError(f"min_level must be one of {', '.join(map(repr, _LEVELS))}, not {min_level!r}")
        if min_level.lower() not in _LEVELS:
            raise ValueError(f"min_level must be one of {', '.join(map(repr, _LEVELS))}, not {min_level!r}")
        if filter is not None:
            check_function("filter", filter, "the record")
        super().__init__(min_level=min_level.lower())
        self._log_lifecycle = log_lifecycle
        self._filter = filter
        self._filter_failed = False
        self.handler_filter = None if filter is None else self._passes
        self._threshold = _LEVELS[min_level.lower()].no
        self._retries = Retries()

    def __repr__(self) -> str:
        return as_call(self, self._arguments())

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments that the repr shows, by the names of their parameters."""
        return {
            "log_lifecycle": self._log_lifecycle,
            "min_level": _WORDS[self._threshold],
            "filter": self._filter,
        }

    def emit(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Make a record. Must not raise."""
        raise NotImplementedError

    async def on_log(self, event: LogEvent) -> None:
        """Make a record of a log event, if its level is shown."""
        try:
            level = _LEVELS[event.level]
        except (KeyError, TypeError):
            level = level_of(event.level)
        if level.no < self._threshold:
            return
        message, time, origin = event.message, event.timestamp, None
        if type(message) is not str:
            if isinstance(message, SentMessage):
                time, origin = message.time or time, message.origin
            message = as_text(message)
        extra = extra_of(event.task_id, event.func_name, "log", time, event.attempt, event.tags, event.extra)
        if origin is not None:
            extra["logger"], extra["module"], extra["line"] = origin
        if self._filter is None and (event.attempt or self._retries.are_known):
            self._separate(level, extra)
        self.emit(level, message, extra)

    async def on_lifecycle(self, event: LifecycleEvent) -> None:
        """Make a record of a status transition, if lifecycle records and its level are shown."""
        if not (self._log_lifecycle or event.attempt or self._retries.are_known):
            return
        status = event.status.value
        level = _STATUS_LEVELS.get(status, INFO)
        if level.no >= self._threshold:
            extra = extra_of(event.task_id, event.func_name, "lifecycle", event.timestamp, event.attempt, event.tags)
            if self._log_lifecycle:
                extra.update(
                    status=status,
                    retries_used=event.retries_used,
                    duration=event.duration,
                    error=event.error,
                    stacktrace=event.stacktrace,
                )
                if self._filter is None:
                    self._separate(level, extra)
                self.emit(level, f"-- {status.upper()}", extra)
            if event.attempt and status in _FINAL:
                self._separate(level, extra, silent_only=True)
        if status in _FINAL:
            self._retries.end(event.task_id, is_stopped=status in _STOPPED)
        elif not event.attempt:
            self._retries.end(event.task_id, is_stopped=False)

    def _passes(self, record: Record) -> bool:
        """Return the filter's decision on a record; if it passes, first emit the separators that precede it.

        A separator comes before its line, and must be left out if the filter rejects the line. Only here the decision
        is known before the line is written.
        """
        assert self._filter is not None
        try:
            passes = bool(self._filter(record))
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            passes = True
            if not self._filter_failed:
                self._filter_failed = True
                report(f"the filter raised an exception; such records are shown:\n{traceback.format_exc()}")
        extra = record["extra"]
        if extra["event"] != "retry" and (extra["attempt"] or self._retries.are_known):
            if passes:
                self._separate(Level(record["level"].name, record["level"].no), extra)
            elif extra["event"] == "log":
                self._retries.reject(extra["task_id"], extra["attempt"])
        return passes

    def _separate(self, level: Level, extra: dict[str, Any], *, silent_only: bool = False) -> None:
        """Emit the separators of the retries up to this one that have none yet."""
        task_id = extra["task_id"]
        for number in self._retries.new(task_id, extra["attempt"], silent_only=silent_only):
            of_retry = extra_of(task_id, extra["func_name"], "retry", extra["timestamp"], number, extra["tags"])
            self.emit(level, f"--- Retry {number} ---", of_retry)


def extra_of(
    task_id: str,
    func_name: str,
    event: str,
    timestamp: datetime,
    attempt: int = 0,
    tags: dict[str, str] | None = None,
    data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the bound values of a record; those that only lifecycle events have are None."""
    return {
        "task_id": task_id,
        "func_name": func_name,
        "attempt": attempt,
        "event": event,
        "status": None,
        "timestamp": timestamp if timestamp.tzinfo is UTC else in_utc(timestamp),
        "tags": tags or {},
        "data": data or {},
        "retries_used": None,
        "duration": None,
        "error": None,
        "stacktrace": None,
    }


def level_of(word: object) -> Level:
    """Return the level for the host's name of it."""
    return _MORE_LEVELS.get(as_text(word).lower(), INFO)
