"""The part that ``capture()`` and ``capture_logging()`` share: a record of the app becomes a message of its task."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import fastapi_taskflow
from fastapi_taskflow import get_task_context

from ._escapes import as_text
from ._host import is_in_observer, is_in_worker
from ._task_context import without_context
from .observer import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from fastapi_taskflow.task_logging import TaskContext

    from ._task_log import SentMessage

captured_for: ContextVar[TaskContext | None] = ContextVar("taskflow_loguru_captured_for", default=None)
"""The task whose event is being made or shown. A flag is not enough: a task that is started at that moment inherits it,
and the records of the new task must be captured."""

last_extra: ContextVar[Mapping[Any, Any] | None] = ContextVar("taskflow_loguru_last_extra", default=None)
"""The ``extra`` of the last loguru record that became a task's. loguru hands it on to the standard library's record
when a sink is a ``logging.Handler``: so one record is not captured once by each library."""

_RESERVED = frozenset({"message", "level"})


def current_task() -> TaskContext | None:
    """Return the task that gets the records of this code; None outside of a task, and in an observer."""
    task = get_task_context()
    if task is None or task is captured_for.get() or is_in_observer():
        return None
    return task


def log_in_task(message: SentMessage, number: int, extra: Mapping[Any, Any]) -> None:
    """Log *message* in the current task, with the level *number* and the values *extra* of the record."""
    task = get_task_context()
    data = _as_keywords(without_context(extra, task))
    if is_in_worker():
        data = {key: _picklable(value) for key, value in data.items()}
    token = captured_for.set(task)
    try:
        fastapi_taskflow.task_log(message, level=_host_level(number), **data)
    finally:
        captured_for.reset(token)


def _host_level(number: int) -> str:
    if number < INFO.no:
        return "debug"
    if number < WARNING.no:
        return "info"
    return "warning" if number < ERROR.no else "error"


def _as_keywords(extra: Mapping[Any, Any]) -> dict[str, Any]:
    """Return *extra* as keyword arguments of ``task_log()``. A name that is taken gets an underscore at the end."""
    keywords: dict[str, Any] = {}
    for key, value in extra.items():
        name = as_text(key)
        while name in _RESERVED or name in keywords:
            name += "_"
        keywords[name] = value
    return keywords


def _picklable(value: Any) -> Any:
    # A worker process sends its log with the result. A value that cannot be pickled would fail the task, and one that
    # cannot be unpickled would break the whole pool. The copy cannot be changed by the task later.
    try:
        return pickle.loads(pickle.dumps(value))
    except Exception:
        return as_text(value)
