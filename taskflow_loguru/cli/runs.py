"""The runs of tasks, from their lines: status, times, retries and the reason of a failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from taskflow_loguru.formats import TaskLine

_UNFINISHED = ("pending", "running")


@dataclass(slots=True)
class Run:
    """One execution of a task, from RUNNING to its end.

    Attributes:
        task_id: The id in the lines: a text line has its first 8 characters.
        func_name: The task's function.
        status: "pending", "running", or the final status.
        started: The time of its start; None if the log does not have it.
        ended: The time of its end. None: it is still running, or its process died.
        duration: The duration in seconds: that of the final line (in JSON lines: the last attempt), else from RUNNING
            to the end (in text lines: all attempts and the delays between them, in whole seconds).
        retries: The number of retries.
        error: The exception, if the final line has it.
        stacktrace: Its traceback, if the final line has it.
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
        """The reason of its failure: the exception, or the last message before it, as a text line has no exception."""
        return self.error or (self.last.message if self.last else "")

    @property
    def last_seen(self) -> datetime | None:
        """The time of its last line."""
        return self.ended or (self.last and self.last.time) or self.started


class Runs:
    """The state of any number of tasks, from their lines. Memory is bounded by the runs without an end.

    Attributes:
        open: The runs without an end, by task id.
        now: The time of the latest line. A separator in a text line has no time: this is used instead.
    """

    def __init__(self) -> None:
        self.open: dict[str, Run] = {}
        self.now: datetime | None = None

    def add(self, line: TaskLine) -> Run | None:
        """Add a line, in the order of time; return the run that it ends, if any.

        If a task starts although its last run has no end, that run was interrupted: its process died or was shut
        down, and the task was queued again. The host logs no status in this case.
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
                    return None  # the same line in two files, which can happen in watched mode
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
