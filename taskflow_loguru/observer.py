"""From the host's events to loguru records: levels, retry separators, lifecycle lines."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timezone
from typing import Any, NamedTuple

from fastapi_taskflow import LifecycleEvent, LogEvent, TaskObserver

from ._escapes import as_text
from .formats._record import in_utc

MAX_REMEMBERED_TASKS = 10_000
"""How many tasks that are being retried are remembered at most, for those that never report an end."""

MAX_REMEMBERED_STOPPED_TASKS = 32
"""How many that were interrupted or cancelled in a retry: the host lets a thread run on, and what it logs is of it."""

_FINAL = frozenset({"success", "failed", "interrupted", "cancelled", "rejected"})
_STOPPED = frozenset({"interrupted", "cancelled"})


class Level(NamedTuple):
    """One of loguru's levels."""

    name: str
    no: int


DEBUG, INFO, SUCCESS = Level("DEBUG", 10), Level("INFO", 20), Level("SUCCESS", 25)
WARNING, ERROR = Level("WARNING", 30), Level("ERROR", 40)

_LEVELS = {"debug": DEBUG, "info": INFO, "warning": WARNING, "error": ERROR}
_MORE_LEVELS = {**_LEVELS, "critical": ERROR}
_STATUS_LEVELS = {"success": SUCCESS, "failed": ERROR, "interrupted": WARNING}


class LoguruObserver(TaskObserver):
    """Turns each event that it is shown into a record, and hands it to :meth:`emit`.

    - A log line has its own level: an unknown one counts as info, "critical" as error. A lifecycle line has
      that of its status: failed is an error, interrupted a warning, any other informs.
    - The first line of a retry is preceded by a separator, at that line's level. The host sends none: it
      follows from the event's attempt. What is remembered for it is dropped at a task's final status.

    A record's ``extra`` binds ``task_id``, ``func_name``, ``attempt``, ``event`` ("log", "retry" or
    "lifecycle"), ``status``, ``timestamp`` (UTC), ``tags``, ``data`` (the keyword arguments of ``task_log``),
    ``retries_used``, ``duration`` (seconds), ``error`` and ``stacktrace``; None where an event has no such thing.

    Args:
        log_lifecycle: Whether status transitions are records too.
        min_level: "debug", "info", "warning" or "error", in any case: the least level that is shown.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
    """

    def __init__(self, *, log_lifecycle: bool, min_level: str) -> None:
        if not isinstance(log_lifecycle, bool):
            raise TypeError(f"log_lifecycle must be True or False, not {log_lifecycle!r}")
        if not isinstance(min_level, str):
            raise TypeError(f"min_level must be one of {', '.join(map(repr, _LEVELS))}, not {min_level!r}")
        if min_level.lower() not in _LEVELS:
            raise ValueError(f"min_level must be one of {', '.join(map(repr, _LEVELS))}, not {min_level!r}")
        super().__init__(min_level=min_level.lower())
        self._log_lifecycle = log_lifecycle
        self._threshold = _LEVELS[min_level.lower()].no
        self._hidden = tuple(word for word, level in _LEVELS.items() if level.no < self._threshold)
        self._retries = _Retries()

    def emit(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Make a record. Must not raise."""
        raise NotImplementedError

    async def on_log(self, event: LogEvent) -> None:
        """Make a record of what a task logged, if its level is shown."""
        if event.level in self._hidden:
            return
        level = level_of(event.level)
        if level.no >= self._threshold:
            if event.attempt or self._retries.are_known:
                self._separate(event, level)
            extra = extra_of(
                event.task_id, event.func_name, "log", event.timestamp, event.attempt, event.tags, event.extra
            )
            self.emit(level, as_text(event.message), extra)

    async def on_lifecycle(self, event: LifecycleEvent) -> None:
        """Make a record of a status transition, if they are shown and its level is."""
        if not (self._log_lifecycle or self._retries.are_known):
            return
        status = event.status.value
        level = _STATUS_LEVELS.get(status, INFO)
        if self._log_lifecycle and level.no >= self._threshold:
            self._separate(event, level)
            extra = extra_of(event.task_id, event.func_name, "lifecycle", event.timestamp, event.attempt, event.tags)
            extra.update(
                status=status,
                retries_used=event.retries_used,
                duration=event.duration,
                error=event.error,
                stacktrace=event.stacktrace,
            )
            self.emit(level, f"-- {status.upper()}", extra)
        if status in _FINAL:
            self._retries.end(event.task_id, is_stopped=status in _STOPPED)
        elif not event.attempt:
            self._retries.end(event.task_id, is_stopped=False)

    def _separate(self, event: LogEvent | LifecycleEvent, level: Level) -> None:
        """Emit the separators of the retries up to this one that have none yet."""
        for number in self._retries.new(event.task_id, event.attempt):
            extra = extra_of(event.task_id, event.func_name, "retry", event.timestamp, number, event.tags)
            self.emit(level, f"--- Retry {number} ---", extra)


class _Retries:
    """Which retries of which tasks have had their separator."""

    def __init__(self) -> None:
        self.are_known = False
        self._last: OrderedDict[str, int] = OrderedDict()
        self._stopped: OrderedDict[str, int] = OrderedDict()

    def new(self, task_id: str, attempt: int) -> range:
        """The retries up to ``attempt`` that have had none; from now on they have."""
        if not attempt:  # a task that was queued again under its old id, perhaps
            self.end(task_id, is_stopped=False)
            return range(0)
        if task_id in self._stopped:
            known, most = self._stopped, MAX_REMEMBERED_STOPPED_TASKS
        else:
            known, most = self._last, MAX_REMEMBERED_TASKS
        last = known.get(task_id, 0)
        _remember(known, task_id, max(last, attempt), most)
        self.are_known = True
        return range(last + 1, attempt + 1)

    def end(self, task_id: str, *, is_stopped: bool) -> None:
        """Forget the task; soon, where it was stopped."""
        last = self._last.pop(task_id, None)
        if not is_stopped:
            self._stopped.pop(task_id, None)
        elif last is not None:
            _remember(self._stopped, task_id, last, MAX_REMEMBERED_STOPPED_TASKS)
        self.are_known = bool(self._last or self._stopped)


def _remember(known: OrderedDict[str, int], task_id: str, attempt: int, most: int) -> None:
    known[task_id] = attempt
    known.move_to_end(task_id)
    if len(known) > most:
        known.popitem(last=False)


def extra_of(
    task_id: str,
    func_name: str,
    event: str,
    timestamp: datetime,
    attempt: int = 0,
    tags: dict[str, str] | None = None,
    data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a record binds; what a lifecycle event tells more is still None."""
    return {
        "task_id": task_id,
        "func_name": func_name,
        "attempt": attempt,
        "event": event,
        "status": None,
        "timestamp": timestamp if timestamp.tzinfo is timezone.utc else in_utc(timestamp),
        "tags": tags or {},
        "data": data or {},
        "retries_used": None,
        "duration": None,
        "error": None,
        "stacktrace": None,
    }


def level_of(word: object) -> Level:
    """The level that a log line's word for it means."""
    try:
        return _LEVELS[word]  # type: ignore[index]
    except (KeyError, TypeError):
        return _MORE_LEVELS.get(as_text(word).lower(), INFO)
