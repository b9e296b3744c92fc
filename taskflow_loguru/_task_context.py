"""``task_context``: the task's id in every record of the app's own loguru logger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi_taskflow import get_task_context

from ._loguru import configured_extra, logger_in_use

if TYPE_CHECKING:
    from fastapi_taskflow.task_logging import TaskContext
    from loguru import Record

_NAMES = ("task_id", "func_name", "attempt", "tags")


def task_context(record: Record) -> None:
    """Bind the task's ids to each record that is logged in a task: ``logger.configure(patcher=task_context)``.

    The ``extra`` of the record gets ``task_id``, ``func_name``, ``attempt`` (0 for the first) and ``tags`` (a
    dictionary), so that the app's own sinks can be joined with the task log. Outside of a task nothing is bound.

    - A logger has one patcher. A patcher of the app can call ``task_context(record)``, or
      ``logger.patch(task_context)`` returns a logger that has both.
    - It ranks as ``logger.contextualize()``: it replaces a default of ``logger.configure(extra=...)``, and leaves a
      value that the app has bound to one of the names.
    - :func:`capture` does not make data of these values: the task has them already.

    Args:
        record: The record of a loguru logger, as its patcher gets it.
    """
    task = get_task_context()
    if task is None:
        return
    extra = record["extra"]
    for name in _NAMES:
        if name not in extra or _is_default(name, extra[name]):
            extra[name] = getattr(task, name)


def _is_default(name: str, value: object) -> bool:
    logger = logger_in_use()
    defaults = {} if logger is None else configured_extra(logger)
    return name in defaults and defaults[name] is value


def without_context(extra: Mapping[Any, Any], task: TaskContext | None) -> Mapping[Any, Any]:
    """Return *extra* without the values that :func:`task_context` has bound."""
    if extra.keys().isdisjoint(_NAMES):
        return extra
    return {
        name: value for name, value in extra.items() if name not in _NAMES or value is not getattr(task, name, None)
    }
