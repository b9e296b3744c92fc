"""Which retries of which tasks have had their separator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

MAX_REMEMBERED_TASKS = 10_000
"""How many tasks that are being retried are remembered at most, for those that never report an end."""

MAX_REMEMBERED_STOPPED_TASKS = 32
"""How many tasks that were interrupted or cancelled in a retry are remembered: their threads may still log."""

V = TypeVar("V")


class Retries:
    """Remembers which retries have had their separator, with bounded memory.

    Attributes:
        are_known: Whether any task is remembered; as long as none is, a first attempt need not be looked up.
    """

    def __init__(self) -> None:
        self.are_known = False
        self._last: OrderedDict[str, int] = OrderedDict()
        self._stopped: OrderedDict[str, int] = OrderedDict()
        self._refused: OrderedDict[str, frozenset[int]] = OrderedDict()

    def new(self, task_id: str, attempt: int, *, silent_only: bool) -> Iterator[int]:
        """Return the retries up to *attempt* that have had no separator; from now on they have.

        With *silent_only* those that the filter has refused a line of are left out.
        """
        if not attempt:  # a task that was queued again under its old id, perhaps
            self.end(task_id, is_stopped=False)
            return iter(())
        if task_id in self._stopped:
            known, most = self._stopped, MAX_REMEMBERED_STOPPED_TASKS
        else:
            known, most = self._last, MAX_REMEMBERED_TASKS
        last = known.get(task_id, 0)
        _remember(known, task_id, max(last, attempt), most)
        self.are_known = True
        refused = self._refused.get(task_id, ()) if silent_only else ()
        return (number for number in range(last + 1, attempt + 1) if number not in refused)

    def refuse(self, task_id: str, attempt: int) -> None:
        """Remember that the filter refused a line of this retry."""
        if attempt and task_id not in self._stopped:
            refused = self._refused.get(task_id, frozenset())
            _remember(self._refused, task_id, refused | {attempt}, MAX_REMEMBERED_TASKS)
            self.are_known = True

    def end(self, task_id: str, *, is_stopped: bool) -> None:
        """Forget the task; a stopped one only when others need its place."""
        last = self._last.pop(task_id, None)
        self._refused.pop(task_id, None)
        if not is_stopped:
            self._stopped.pop(task_id, None)
        elif last is not None:
            _remember(self._stopped, task_id, last, MAX_REMEMBERED_STOPPED_TASKS)
        self.are_known = bool(self._last or self._stopped or self._refused)


def _remember(known: OrderedDict[str, V], task_id: str, value: V, most: int) -> None:
    known[task_id] = value
    known.move_to_end(task_id)
    if len(known) > most:
        known.popitem(last=False)
