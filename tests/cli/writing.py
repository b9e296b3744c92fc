"""Logs of a real FileLogger, as input of the command."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from taskflow_loguru import FileLogger, task_line
from tests.conftest import NOON, lifecycle_event, log_event


def after(seconds: float) -> datetime:
    """Return the time that many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def _finish(event: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits, without an event loop, which would be slow for hundreds of lines."""
    with suppress(StopIteration):
        event.send(None)
        raise AssertionError("it waits")


class LogWriter:
    """A writer of task events through a real FileLogger; times are in seconds after noon."""

    def __init__(self, path: Path, *, format: Callable[[Any], str] = task_line, **options: Any) -> None:
        options.setdefault("log_lifecycle", True)
        self._logger = FileLogger(path, format=format, **options)

    def log(self, at: float, message: str, *, task_id: str = "abc12345-6789", **more: Any) -> None:
        _finish(self._logger.on_log(log_event(message, task_id=task_id, timestamp=after(at), **more)))

    def status(self, at: float, status: str, *, task_id: str = "abc12345-6789", **more: Any) -> None:
        _finish(self._logger.on_lifecycle(lifecycle_event(status, task_id=task_id, timestamp=after(at), **more)))

    def run(self, begin: float, end: float, status: str = "success", **more: Any) -> None:
        """Write a complete run of a task, without messages."""
        names = {name: more.pop(name) for name in ("task_id", "func_name") if name in more}
        self.status(begin, "running", **names)
        self.status(end, status, duration=end - begin, **names, **more)

    def close(self) -> None:
        _finish(self._logger.close())
