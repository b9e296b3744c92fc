"""What the lines of a task mean: its runs, with their status, times, retries and the reason of a failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from taskflow_loguru.formats import TaskLine

_UNFINISHED = ("pending", "running")


@dataclass(slots=True)
class Run:
    """One execution of a task, from RUNNING to its end.

    Attributes:
        task_id: As the lines give it: a text line has the first 8 characters.
        func_name: The task's function.
        status: "pending", "running", or the final status.
        started: When it began; None if the log does not hold that.
        ended: When it ended. None: it still runs, or its process died.
        duration: Seconds. What the final line says (in JSON lines: the last attempt), else from RUNNING to the end
            (in text lines: all attempts and the delays between them, in whole seconds).
        retries: How many retries there were.
        error: The exception, if the line says it.
        stacktrace: Its traceback, if the line has it.
        last: The last line that the task itself logged.
    """

    task_id: str
    func_name: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    duration: float | None = None
    retries: int = 0
    error: str | None = None
    stacktrace: str | None = None
    last: TaskLine | None = None

    @property
    def reason(self) -> str:
        """Why it failed: its exception or, since a text line has none, the last message before."""
        return self.error or (self.last.message if self.last else "")

    @property
    def last_seen(self) -> datetime | None:
        """The time of its last line."""
        return self.ended or (self.last and self.last.time) or self.started


class Runs:
    """Follows the lines of any number of tasks. It takes the memory of the runs that have no end yet.

    Attributes:
        open: The runs without an end, by task id.
        now: The time of the latest line. A separator in a text line has none: it happened at that time.
    """

    def __init__(self) -> None:
        self.open: dict[str, Run] = {}
        self.now: datetime | None = None

    def add(self, line: TaskLine) -> Run | None:
        """Account for *line*, which must come in the order of time; return the run that it ends, if any.

        A task that begins to run although its last run has no end was interrupted: its process died, or was
        shut down, and the task was queued again. The host logs no status for that.
        """
        if line.time is not None:
            self.now = line.time
        if line.event == "log":
            run = self.open.get(line.task_id)  # type: ignore[arg-type]  # an unknown key like any other
            if run is not None:
                run.last = line
            return None
        if line.event == "lifecycle" and line.status and line.task_id:
            return self._change_status(line, line.task_id, line.status)
        if line.event == "retry":
            run = self.open.get(line.task_id or "")
            if run is not None:
                run.retries = max(run.retries, line.attempt or 0)
        return None

    def _change_status(self, line: TaskLine, task_id: str, status: str) -> Run | None:
        run = self.open.get(task_id)
        if status in _UNFINISHED:
            if run is None or run.status == "running":
                if run is not None and status == "running" and run.started == line.time and run.last is None:
                    return None  # the same line in two files, which watched mode can leave
                self.open[task_id] = new = Run(task_id, line.func_name or "?", status)
                new.started = line.time if status == "running" else None
                return run and _interrupted(run)
            if status == "running":
                run.status, run.started = status, line.time
            return None
        if run is None:
            run = Run(task_id, line.func_name or "?", status)
        else:
            del self.open[task_id]
        run.status, run.ended = status, line.time
        run.duration, run.error, run.stacktrace = line.duration, line.error, line.stacktrace
        if run.duration is None and run.started and line.time and status in ("success", "failed"):
            run.duration = max(0.0, (line.time - run.started).total_seconds())
        run.retries = max(run.retries, line.retries_used or 0)
        return run


def _interrupted(run: Run) -> Run:
    run.ended = run.last_seen
    run.status = "interrupted"
    return run
