"""A real app of the host, for tests that run real tasks: its routes, and an observer to wait for events."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastapi_taskflow
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from fastapi_taskflow import InMemoryLogger, LifecycleEvent, LogEvent, TaskAdmin, TaskObserver

from taskflow_loguru import TaskManager

if TYPE_CHECKING:
    from loguru import Message, Record

WAIT_SECONDS = 30
"""The time limit of a test for an expected event, in seconds."""


def app_with(manager: fastapi_taskflow.TaskManager, *functions: Callable[..., Any]) -> FastAPI:
    """Return an app with the dashboard's API under /tasks, and a route for each function that runs it as a task.

    ``POST /run/<function>`` answers with the task's id once the task has ended, ``POST /start/<function>``
    at once.
    """
    app = FastAPI()
    TaskAdmin(app, manager)
    by_name = {function.__name__: function for function in functions}

    @app.post("/run/{name}")
    async def run(name: str, tasks: Any = Depends(manager.get_tasks)) -> str:
        return str(tasks.add_task(by_name[name]))

    @app.post("/start/{name}")
    async def start(name: str, tasks: Any = Depends(manager.get_tasks)) -> str:
        return str(tasks.add_task(by_name[name], eager=True))

    return app


class Run:
    """A task that has ended, and its traces."""

    def __init__(self, function: Callable[..., Any], *observers: TaskObserver, **config: Any) -> None:
        self.memory = InMemoryLogger(min_level="debug")
        manager = TaskManager(loggers=[*observers, self.memory])
        manager.task(**config)(function)
        with TestClient(app_with(manager, function)) as client:
            self.task_id = client.post(f"/run/{function.__name__}").json()
            self.task = client.get(f"/tasks/{self.task_id}").json()

    @property
    def events(self) -> list[LogEvent]:
        return self.memory.log_events

    @property
    def messages(self) -> list[str]:
        return [event.message for event in self.events]


class Records(list["Record"]):
    """A sink of the app that keeps its records: ``logger.add(records)``."""

    def write(self, message: Message) -> None:
        self.append(message.record)

    @property
    def messages(self) -> list[str]:
        return [record["message"] for record in self]


class Watch(TaskObserver):
    """The last of ``loggers=[...]``: when it has an event, all observers before it have the event too."""

    def __init__(self) -> None:
        super().__init__(min_level="debug")
        self._seen: Counter[str] = Counter()
        self._changed = threading.Condition()

    async def on_log(self, event: LogEvent) -> None:
        self._note(event.message)

    async def on_lifecycle(self, event: LifecycleEvent) -> None:
        self._note(event.status.value)

    def wait_for(self, word: str, *, times: int = 1) -> None:
        """Wait until tasks have logged ``word`` as their message, or reported it as their status."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._seen[word] >= times, WAIT_SECONDS), f"{word!r} never came"

    def _note(self, word: str) -> None:
        with self._changed:
            self._seen[word] += 1
            self._changed.notify_all()


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait for an effect of another program that cannot be waited for as an event."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {WAIT_SECONDS} s"
        time.sleep(0.02)


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file. Each must end with a newline, and only a newline ends a line."""
    text = path.read_bytes().decode()
    assert text == "" or text.endswith("\n")
    return text.split("\n")[:-1]


def masked(path: Path, **task_ids: str) -> list[str]:
    """Return the lines of a file with "time" for each time, and with the given name for the header of each task."""
    lines = [re.sub(r"(?<=\] )\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?= )", "time", line) for line in lines_of(path)]
    for name, task_id in task_ids.items():
        lines = [line.replace(f"[{task_id[:8]}]", f"[{name}]", 1) for line in lines]
    return lines
