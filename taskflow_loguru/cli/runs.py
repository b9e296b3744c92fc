"""The runs of tasks, from their lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.formats._task_line import SHORT_ID
from taskflow_loguru.reader._events import Ending, span_end

from .run import MAX_RETRIES, Run

__all__ = ["Run", "Runs"]

MAX_OPEN = 100_000
"""The maximum number of runs without an end that are remembered."""

MAX_ENDS = 100_000
"""The number of latest ends that are remembered at least, so that a repeated line is recognised."""

TAIL = 20
"""The number of latest lines that a run keeps, if it keeps any."""

MAX_TAILS = 10_000
"""The maximum number of runs without an end that keep their latest lines."""

_UNFINISHED = ("pending", "running")
_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


class Runs:
    """The state of any number of tasks, from their lines; each run is in it once, however often its lines come.

    A shipper may deliver a line twice, a log may be read under two names, and a text and a JSON log may have the same
    tasks. A status line that is not later than the last one known of its task is a repetition.

    Memory is bounded: the oldest of more than ``MAX_OPEN`` runs without an end are forgotten, and an end is remembered
    for at least ``MAX_ENDS`` further ones.

    Args:
        keep_lines: Whether a run keeps its latest lines.

    Attributes:
        open: The runs without an end, by task id.
        forgotten: The number of runs without an end that were forgotten.
        on_forget: A function that is called with each of these.
    """

    def __init__(self, *, keep_lines: bool = False) -> None:
        self._keep_lines = keep_lines
        self.open: dict[str, Run] = {}
        self.forgotten = 0
        self.on_forget: Callable[[Run], None] | None = None
        self._ids: dict[str, str] = {}  # the ids of the open runs by their beginning, as text lines have it
        self._ends: dict[str, datetime] = {}
        self._older_ends: dict[str, datetime] = {}
        self._has_whole_ids: bool | None = None  # of the last status line
        self._is_mixed = False

    def add(self, line: TaskLine) -> Run | None:
        """Add a line, in the order of time; return the run that it ends, if any."""
        task_id = line.task_id
        if task_id is None:
            return None
        if line.event == "lifecycle" and line.status:
            return self.change(task_id, line.func_name or "?", line.status, line.time, line)
        if line.event == "retry":
            self.retry(task_id, line.attempt or 0)
        elif line.event == "log" and (run := self.open.get(task_id)):
            run.last = line
        return None

    def retry(self, task_id: str, attempt: int) -> bool:
        """Add a retry separator; return whether it is the first one of its number, of a task without a known run."""
        self._note_kind(task_id)
        run = self.open.get(task_id) or self._other(task_id)
        if run is not None:
            run.retries = max(run.retries, attempt if attempt < MAX_RETRIES else 0)
            return False
        begin = task_id[:SHORT_ID]
        for one in (task_id, f"{task_id}..." if begin == task_id else begin):
            if self._end(one) or self._end(f"{one} {attempt}"):
                return False
        self._remember(task_id, _EARLIEST, f" {attempt}")
        return True

    def change(
        self, task_id: str, func_name: str, status: str, time: datetime | None, line: Ending | None = None
    ) -> Run | None:
        """Add a status line, in the order of time; return the run that it ends, if any.

        If a task starts although its last run has no end, that run was interrupted: its process died or was shut
        down, and the task was queued again. The host logs no status in this case.
        """
        if (len(task_id) > SHORT_ID) is not self._has_whole_ids:
            self._note_kind(task_id)
        run = self.open.get(task_id)
        if run is None and self._is_mixed:
            run = self._other(task_id)
        if status in _UNFINISHED:
            return self._start(run, task_id, func_name, status, time)
        end = self._known_end(task_id) if run is None else run.known_end
        if end is not None and time is not None and time <= end:
            return None
        if run is None:
            run = Run(task_id, func_name, status)
        else:
            self._forget(run)
        run.end(status, time, line)
        if time is not None:
            self._remember(task_id, time)
        return run

    def _start(self, run: Run | None, task_id: str, func_name: str, status: str, time: datetime | None) -> Run | None:
        if run is not None:
            if run.status == "pending":
                if status == "running":
                    run.status, run.started = status, time
                return None
            if _is_start_of(run, time):
                return None
        end = self._known_end(task_id)
        if end is not None and time is not None and time <= end:
            return None
        if run is not None:
            self._forget(run)
            run.ended, run.status = run.last_seen, "interrupted"
        self.open[task_id] = new = Run(task_id, func_name, status, time if status == "running" else None)
        if end is not None:
            new.known_end = end
        if self._has_whole_ids and len(task_id) > SHORT_ID:
            self._ids[task_id[:SHORT_ID]] = task_id
        if self._keep_lines and len(self.open) <= MAX_TAILS:
            new.tail = deque(maxlen=TAIL)
        if len(self.open) > MAX_OPEN:
            oldest = next(iter(self.open.values()))
            self._forget(oldest)
            self.forgotten += 1
            if self.on_forget is not None:
                self.on_forget(oldest)
        return run

    def _forget(self, run: Run) -> None:
        del self.open[run.task_id]
        if self._ids:
            self._ids.pop(run.task_id[:SHORT_ID], None)

    def _note_kind(self, task_id: str) -> None:
        """Note whether lines have whole ids, short ones, or both."""
        is_whole = len(task_id) > SHORT_ID
        if self._has_whole_ids not in (None, is_whole):
            self._is_mixed = True
        self._has_whole_ids = is_whole

    def _other(self, task_id: str) -> Run | None:
        """Return the open run of a task that began with a line of another format."""
        return self.open.get(task_id[:SHORT_ID]) or self.open.get(self._ids.get(task_id, ""))

    def _known_end(self, task_id: str) -> datetime | None:
        """Return the last moment that the known end of a task may stand for; lines of another format count, too."""
        end = self._ends.get(task_id) or self._older_ends.get(task_id)
        if end is None and not self._is_mixed:
            return None
        is_short = len(task_id) <= SHORT_ID
        if end is None:
            end = self._end(f"{task_id}..." if is_short else task_id[:SHORT_ID])
            is_short = not is_short
        return span_end(end) if end is not None and is_short else end

    def _end(self, key: str) -> datetime | None:
        return self._ends.get(key) or self._older_ends.get(key)

    def _remember(self, task_id: str, time: datetime, more: str = "") -> None:
        ends = self._ends
        ends[task_id + more] = time
        if len(task_id) > SHORT_ID:
            ends[f"{task_id[:SHORT_ID]}...{more}"] = time
        if len(ends) >= 2 * MAX_ENDS:
            self._older_ends, self._ends = ends, {}


def _is_start_of(run: Run, time: datetime | None) -> bool:
    """Return whether the start of the same task at *time* is that of *run*, which has no end yet."""
    if time is None or run.started is None:
        return time is run.started and run.last is None
    return time <= (run.started if len(run.task_id) > SHORT_ID else span_end(run.started))
