"""A memory of the retries that have had their separator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

MAX_REMEMBERED_TASKS = 10_000
"""The maximum number of tasks with retries that are remembered; some tasks never report an end."""

MAX_REMEMBERED_STOPPED_TASKS = 32
"""The maximum number of tasks remembered after they were interrupted or cancelled: their threads may still log."""

V = TypeVar("V")


class Retries:
    """The retries that have had their separator, in bounded memory.

    Attributes:
        are_known: Whether any task is remembered. If none is, a first attempt does not have to be looked up.
    """

    def __init__(self) -> None:
        self.are_known = False
        self._last: OrderedDict[str, int] = OrderedDict()
        self._stopped: OrderedDict[str, int] = OrderedDict()
        self._rejected: OrderedDict[str, frozenset[int]] = OrderedDict()

    def new(self, task_id: str, attempt: int, *, silent_only: bool) -> Iterator[int]:
        """Return the retries up to *attempt* that have had no separator, and remember them.

        *silent_only* leaves out the retries of which the filter has rejected a line.
        """
        if not attempt:  # perhaps a task that was queued again under its old id
            self.end(task_id, is_stopped=False)
            return iter(())
        if task_id in self._stopped:
            known, most = self._stopped, MAX_REMEMBERED_STOPPED_TASKS
        else:
            known, most = self._last, MAX_REMEMBERED_TASKS
        last = known.get(task_id, 0)
        _remember(known, task_id, max(last, attempt), most)
        self.are_known = True
        rejected = self._rejected.get(task_id, ()) if silent_only else ()
        return (number for number in range(last + 1, attempt + 1) if number not in rejected)

    def reject(self, task_id: str, attempt: int) -> None:
        """Remember that the filter rejected a line of this retry."""
        if attempt and task_id not in self._stopped:
            rejected = self._rejected.get(task_id, frozenset())
            _remember(self._rejected, task_id, rejected | {attempt}, MAX_REMEMBERED_TASKS)
            self.are_known = True

    def end(self, task_id: str, *, is_stopped: bool) -> None:
        """Forget the task; a stopped task is forgotten only when there are too many."""
        last = self._last.pop(task_id, None)
        self._rejected.pop(task_id, None)
        if not is_stopped:
            self._stopped.pop(task_id, None)
        elif last is not None:
            _remember(self._stopped, task_id, last, MAX_REMEMBERED_STOPPED_TASKS)
        self.are_known = bool(self._last or self._stopped or self._rejected)


def _remember(known: OrderedDict[str, V], task_id: str, value: V, most: int) -> None:
    known[task_id] = value
    known.move_to_end(task_id)
    if len(known) > most:
        known.popitem(last=False)
