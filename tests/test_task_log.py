"""``task_log()`` of this package: the true times of a worker process's messages, and no other difference."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastapi_taskflow
import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import InMemoryLogger, LogEvent
from loguru import logger

from taskflow_loguru import FileLogger, LoguruLogger, StdoutLogger, TaskManager, capture, json_line, task_log
from taskflow_loguru._task_log import SentMessage
from tests import worker_tasks
from tests.hosting import app_with, lines_of

if TYPE_CHECKING:
    from loguru import Message, Record

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
WORDS = ["by task_log", "by the host's task_log", "by loguru"]

FUNCTIONS = pytest.mark.parametrize(
    "function",
    [worker_tasks.log_with_times, worker_tasks.log_with_times_async, worker_tasks.log_with_times_and_fail],
)


@pytest.fixture(autouse=True)
def _loguru_as_it_was() -> Iterator[None]:
    logger.remove()
    yield
    logger.remove()


class Run:
    """A task that has ended in a worker process, with its events and its entry in the dashboard."""

    def __init__(self, function: Callable[..., Any], *observers: Any, **options: Any) -> None:
        self.memory = InMemoryLogger(min_level="debug")
        manager = TaskManager(loggers=[*observers, self.memory], max_process_workers=1, **options)
        manager.task(executor="process")(function)
        with TestClient(app_with(manager, function)) as client:
            task_id = client.post(f"/run/{function.__name__}").json()
            self.task = client.get(f"/tasks/{task_id}").json()
            self.listed = client.get("/tasks").json()

    @property
    def events(self) -> dict[str, LogEvent]:
        return {event.message: event for event in self.memory.log_events if event.message != "times"}

    def true_times(self) -> dict[str, tuple[datetime, datetime]]:
        """Return two times for each message: the worker logged it between them."""
        times = [event.extra for event in self.memory.log_events if event.message == "times"]
        return {extra["of"]: (extra["before"], extra["after"]) for extra in times}

    def check(self, times: dict[str, datetime]) -> None:
        """Assert that each message has its own time, and a message of the host's task_log the time of its event."""
        for word, (before, after) in self.true_times().items():
            replayed = self.events[word].timestamp
            assert replayed > after
            if word == "by the host's task_log":
                assert times[word] == replayed
            else:
                assert before <= times[word] <= after, word


@FUNCTIONS
def test_a_json_file_has_the_true_times(tmp_path: Path, function: Callable[..., Any]) -> None:
    run = Run(function, FileLogger(tmp_path / "tasks.jsonl", format=json_line))
    lines = [json.loads(line) for line in lines_of(tmp_path / "tasks.jsonl")]
    assert [line["message"] for line in lines if line["message"] != "times"] == WORDS
    run.check({line["message"]: datetime.fromisoformat(line["time"].replace("Z", "+00:00")) for line in lines})


def test_a_text_file_has_the_true_times(tmp_path: Path) -> None:
    line_format = "{extra[timestamp]:%Y-%m-%dT%H:%M:%S.%f%z} {message}"
    run = Run(worker_tasks.log_with_times, FileLogger(tmp_path / "tasks.log", format=line_format))
    by_word = {line.split(" ", 1)[1]: line.split(" ", 1)[0] for line in lines_of(tmp_path / "tasks.log")}
    run.check({word: datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%f%z") for word, time in by_word.items()})


@FUNCTIONS
def test_loguru_sinks_see_the_true_times(function: Callable[..., Any]) -> None:
    records: list[Record] = []

    def keep(message: Message) -> None:
        records.append(message.record)

    other = copy.deepcopy(logger)  # records captured in the worker come from the app's logger, and do not go back to it
    other.add(keep)
    run = Run(function, LoguruLogger(other))
    assert all(record["time"] == record["extra"]["timestamp"] for record in records)
    run.check({record["message"]: record["time"] for record in records})


def test_a_record_of_loguru_has_its_time_in_the_zone_of_the_app() -> None:
    lines: list[str] = []
    logger.add(lines.append, format="{time:YYYY-MM-DDTHH:mm:ss.SSSSSSZZ} {message}")
    run = Run(worker_tasks.log_with_times, LoguruLogger())
    (line,) = [line for line in lines if "by the host's" in line]
    event = run.events["by the host's task_log"]
    assert line.split(" ", 1)[0] == event.timestamp.astimezone().strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def test_the_dashboard_and_the_stores_see_the_text_alone(tmp_path: Path) -> None:
    run = Run(worker_tasks.log_with_times, snapshot_db=str(tmp_path / "tasks.db"))
    texts = [line.split(" ", 1)[1] for line in run.task["logs"]]
    assert [text for text in texts if text != "times"] == WORDS
    with TestClient(app_with(TaskManager(snapshot_db=str(tmp_path / "tasks.db")), worker_tasks.compute)) as client:
        (stored,) = client.get("/tasks").json()
    assert stored["logs"] == run.task["logs"] == run.listed[0]["logs"]


def test_other_observers_see_a_text_with_level_and_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host_file = fastapi_taskflow.FileLogger(str(tmp_path / "host.log"), min_level="debug")
    run = Run(worker_tasks.log_values_without_text, host_file, StdoutLogger(log_lifecycle=False))
    texts = ["42", "<Unprintable that raises RuntimeError>", "data"]
    assert [event.message for event in run.memory.log_events] == texts
    assert [json.loads(json.dumps(event.message)) for event in run.memory.log_events] == texts
    assert (run.memory.log_events[-1].level, run.memory.log_events[-1].extra) == ("warning", {"order": 42})
    assert [line.split("] ", 2)[2] for line in lines_of(tmp_path / "host.log")] == texts
    assert [line.split(" ", 3)[3] for line in capsys.readouterr().out.splitlines()] == texts


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_sent_message_keeps_its_facts_through_pickle_and_copy(protocol: int) -> None:
    message = SentMessage("hello", NOON, "loguru.logger")
    for again in (pickle.loads(pickle.dumps(message, protocol)), copy.copy(message), copy.deepcopy(message)):
        assert (again, again.time, again.source) == ("hello", NOON, "loguru.logger")
    assert type(str(message)) is type(f"{message}") is type(message.strip()) is str


def test_in_the_app_itself_the_message_is_the_callers() -> None:
    """If the time of the event is right, the message is not wrapped."""
    memory = InMemoryLogger()
    manager = TaskManager(loggers=[memory])

    def log_hello() -> None:
        task_log("hello")

    manager.task()(log_hello)
    with TestClient(app_with(manager, log_hello)) as client:
        client.post("/run/log_hello")
    (event,) = memory.log_events
    assert type(event.message) is str


def test_outside_of_a_task_it_logs_where_the_host_logs(caplog: pytest.LogCaptureFixture) -> None:
    capture()
    with caplog.at_level(logging.DEBUG):
        task_log("nobody's", level="warning", order=42)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.message) == ("fastapi_taskflow.task", "WARNING", "nobody's")
