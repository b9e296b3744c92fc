"""The writers for the tests of shippers: tasks with a retry, in four processes, as text and as JSON."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from taskflow_loguru import FileLogger, json_line
from tests.conftest import lifecycle_event, log_event

PROCESSES = 4
FUNCTIONS = ("send_email", "Report.render", "main.<locals>.<lambda>")
MESSAGES = (
    "Connecting to SMTP server",
    "two\nlines, a\ttab and an \x1b[31mescape\x1b[0m",
    '{"quoted": "\\""} \\d $HOME %d @@path',
    "[x] [y] 2026-01-01T12:00:00 z",
    "--- Retry 7 ---",
    "-- SUCCESS ",
    "  ",
    "größe: 20 €, 日本語, 🎉",
)

_barrier: Barrier


@dataclass(frozen=True)
class Files:
    """A text and a JSON file that all writers write to."""

    text: Path
    json: Path
    mode: Literal["rotate", "watched"] = "rotate"

    def loggers(self, *, rotates: bool = True) -> list[FileLogger]:
        """Return a logger for each file; a batch of tasks rotates each at most once."""
        options: dict[str, Any] = {"log_lifecycle": True, "mode": self.mode}
        limits = (28_000, 84_000) if rotates else (0, 0)
        if self.mode == "rotate":
            return [
                FileLogger(self.text, max_bytes=limits[0], backup_count=50, **options),
                FileLogger(self.json, max_bytes=limits[1], backup_count=50, format=json_line, **options),
            ]
        return [FileLogger(self.text, **options), FileLogger(self.json, format=json_line, **options)]


class Writers:
    """Four processes that write concurrently."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(PROCESSES, context, _share, (context.Barrier(PROCESSES),))
        self._next = 0

    def __enter__(self) -> Writers:
        return self

    def __exit__(self, *error: tuple[type[BaseException], BaseException, TracebackType]) -> None:
        self._executor.shutdown()

    def start(self, files: Files, tasks: int, *, rotates: bool = True) -> list[Future[None]]:
        """Start to write ``tasks`` tasks in each process; every id is unique."""
        first = self._next
        self._next += tasks
        numbers = range(first, first + tasks)
        return [self._executor.submit(_write, files, name, numbers, rotates) for name in range(PROCESSES)]

    def write(self, files: Files, tasks: int, *, rotates: bool = True) -> None:
        """Write ``tasks`` tasks in each process, and wait for the end."""
        for job in self.start(files, tasks, rotates=rotates):
            job.result()


async def write_task(loggers: list[FileLogger], task_id: str, number: int, time: datetime | None = None) -> None:
    """Log a task that is retried twice and logs nothing in its first retry: six lines, two of them separators."""
    func_name, message = FUNCTIONS[number % len(FUNCTIONS)], MESSAGES[number % len(MESSAGES)]
    failed = number % 2 == 0
    for logger in loggers:
        common: dict[str, Any] = {"task_id": task_id, "func_name": func_name}

        def now() -> datetime:
            return time or datetime.now(timezone.utc)

        await logger.on_lifecycle(lifecycle_event("running", timestamp=now(), **common))
        await logger.on_log(log_event(f"{number} {message}", timestamp=now(), **common))
        await logger.on_log(log_event(message, attempt=2, timestamp=now(), **common))
        await logger.on_lifecycle(
            lifecycle_event("failed" if failed else "success", attempt=2, timestamp=now(), **common)
        )


def _share(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _write(files: Files, name: int, numbers: range, rotates: bool) -> None:
    asyncio.run(_write_tasks(files, name, numbers, rotates))


async def _write_tasks(files: Files, name: int, numbers: range, rotates: bool) -> None:
    loggers = files.loggers(rotates=rotates)
    _barrier.wait(timeout=60)
    for number in numbers:
        await write_task(loggers, f"{name}{number:07}-0123-4567", number)
    for logger in loggers:
        await logger.close()
