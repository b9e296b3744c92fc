"""Ids of tasks: whole, or their beginning."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..formats._task_line import SHORT_ID

_PLAIN = re.compile(r"[\w-]+", re.ASCII)


def matches(wanted: str, task_id: str | None) -> bool:
    """Return whether a line with *task_id* may belong to the task *wanted*, an id or its beginning."""
    if not task_id:
        return False
    if not task_id.startswith(wanted):
        wanted, task_id = wanted.lower(), task_id.lower()
    # A text line has only the beginning of the id.
    return task_id.startswith(wanted) or (len(task_id) == SHORT_ID and wanted.startswith(task_id))


def needles_of(task_ids: Iterable[str]) -> list[bytes] | None:
    """Return bytes of which each line of one of these tasks has some; None if they are not known."""
    needles = {one[:SHORT_ID] for task_id in task_ids for one in (task_id, task_id.lower())}
    # Other characters may be escaped in the line.
    return [needle.encode() for needle in needles] if all(map(_PLAIN.fullmatch, needles)) else None


class TaskIds:
    """The ids of tasks, as they are in text and JSON lines: whole, or their first 8 characters."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._short: set[str] = set()

    def add(self, task_id: str) -> None:
        self._ids.add(task_id)
        self._short.add(task_id[:SHORT_ID])

    def __contains__(self, task_id: str) -> bool:
        if len(task_id) <= SHORT_ID:
            return task_id in self._short
        return task_id in self._ids or task_id[:SHORT_ID] in self._ids
