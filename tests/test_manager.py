from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fastapi_taskflow
import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import QueueConfig, TaskObserver

from taskflow_loguru import FileLogger, StdoutLogger, TaskManager, task_log
from tests.conftest import lifecycle_event, log_event
from tests.hosting import app_with, lines_of, masked


def send_email() -> None:
    task_log("Connecting {to} <red>SMTP</red> server\n")
    task_log("Slow", level="warning")
    raise ConnectionError("refused")


def run(manager: fastapi_taskflow.TaskManager) -> str:
    manager.task(retries=1)(send_email)
    with TestClient(app_with(manager, send_email)) as client:
        return str(client.post("/run/send_email").json())


async def show_events_to(manager: TaskManager) -> None:
    observer = manager.logger
    assert observer is not None
    for number in range(100):
        task: dict[str, Any] = {"task_id": f"{number:08}", "attempt": number % 3}
        await observer.on_lifecycle(lifecycle_event("running", task_id=f"{number:08}"))
        await observer.on_log(log_event(f"Grüße {number}\n", level="warning", **task))
        await observer.on_log(log_event("quiet", level="debug", **task))
        await observer.on_lifecycle(lifecycle_event("failed", error="boom", **task))
    await observer.close()


def test_log_file_writes_the_tasks_log(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "tasks.log"
    task_id = run(TaskManager(log_file=path, log_lifecycle=True))
    assert masked(path, id=task_id) == [
        "[id] [send_email] time -- RUNNING",
        "[id] [send_email] time Connecting {to} <red>SMTP</red> server\\n",
        "[id] [send_email] time Slow",
        "[id] [send_email] --- Retry 1 ---",
        "[id] [send_email] time Connecting {to} <red>SMTP</red> server\\n",
        "[id] [send_email] time Slow",
        "[id] [send_email] time -- FAILED",
    ]


def test_log_file_and_a_file_logger_in_loggers_write_the_same_bytes(tmp_path: Path) -> None:
    ours, same = tmp_path / "ours.log", tmp_path / "same.log"
    run(TaskManager(log_file=ours, loggers=[FileLogger(same)]))
    assert len(lines_of(ours)) == 5
    assert ours.read_bytes() == same.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_bytes": 1000},
        {"max_bytes": 1000, "backup_count": 2},
        {"max_bytes": 0},
        {"max_bytes": 1000, "backup_count": 0},
        {"max_bytes": 1000, "mode": "watched"},
    ],
)
@pytest.mark.parametrize("log_lifecycle", [True, False])
async def test_each_parameter_of_log_file_is_that_of_the_file_logger(
    tmp_path: Path, options: dict[str, Any], log_lifecycle: bool
) -> None:
    folders = [tmp_path / "log_file", tmp_path / "loggers"]
    short = TaskManager(
        log_file=folders[0] / "tasks.log",
        log_lifecycle=log_lifecycle,
        **{f"log_file_{name}": value for name, value in options.items()},
    )
    logger = FileLogger(folders[1] / "tasks.log", log_lifecycle=log_lifecycle, **options)
    for manager in (short, TaskManager(loggers=[logger])):
        await show_events_to(manager)
    first, second = ({name: (folder / name).read_bytes() for name in os.listdir(folder)} for folder in folders)
    assert first == second
    rotates = options.get("max_bytes") == 1000 and options.get("backup_count") != 0 and "mode" not in options
    assert len(first) == (1 + options.get("backup_count", 5) if rotates else 1)


@pytest.mark.parametrize("kind", ["the same", "relative", "a link"])
def test_a_log_file_that_a_file_logger_writes_already_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tasks.log"
    (tmp_path / "link.log").symlink_to(path)
    log_file = {"the same": str(path), "relative": "tasks.log", "a link": "link.log"}[kind]
    run(TaskManager(log_file=log_file, log_lifecycle=True, loggers=[FileLogger(path)]))
    assert len(lines_of(path)) == 5


def test_a_log_file_beside_other_observers_is_one_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_file, logger_file = tmp_path / "tasks.log", tmp_path / "warnings.log"
    loggers: list[TaskObserver] = [FileLogger(logger_file, min_level="warning"), StdoutLogger()]
    task_id = run(TaskManager(log_file=str(log_file), log_lifecycle=True, loggers=loggers))
    assert len(loggers) == 2
    assert capsys.readouterr().out == log_file.read_text()
    assert masked(logger_file, id=task_id) == [
        "[id] [send_email] time Slow",
        "[id] [send_email] --- Retry 1 ---",
        "[id] [send_email] time Slow",
    ]


def test_the_hosts_own_task_manager_takes_our_file_logger_just_as_well(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    manager = fastapi_taskflow.TaskManager(loggers=[FileLogger(path, log_lifecycle=True)])
    task_id = run(manager)
    assert masked(path, id=task_id)[3:] == [
        "[id] [send_email] --- Retry 1 ---",
        "[id] [send_email] time Connecting {to} <red>SMTP</red> server\\n",
        "[id] [send_email] time Slow",
        "[id] [send_email] time -- FAILED",
    ]


@pytest.mark.parametrize(("ours", "of_the_host"), [("tasks.log", "link/tasks.log"), ("link/tasks.log", "tasks.log")])
async def test_a_log_file_of_the_host_on_our_path_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ours: str, of_the_host: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    file_logger = FileLogger(ours)
    manager = fastapi_taskflow.TaskManager(loggers=[file_logger], log_file=str(tmp_path / of_the_host))
    another = fastapi_taskflow.TaskManager(loggers=[file_logger])
    for each in (manager, another):
        await each.startup()
    for each in (manager, another):
        await each.shutdown()
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{str(tmp_path / ours)!r}: fastapi_taskflow's own FileLogger writes this file too" in err
    assert "import TaskManager from taskflow_loguru" in err


def test_other_files_of_the_hosts_file_logger_are_not_warned_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, host = FileLogger(tmp_path / "ours.log"), fastapi_taskflow.FileLogger(str(tmp_path / "host.log"))
    with TestClient(app_with(fastapi_taskflow.TaskManager(loggers=[ours, host]))):
        pass
    assert capsys.readouterr().err == ""


def test_without_a_log_file_it_is_the_hosts_task_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    manager = TaskManager()
    assert isinstance(manager, fastapi_taskflow.TaskManager)
    run(manager)
    assert manager.logger is None
    assert os.listdir(tmp_path) == []


def test_every_other_option_goes_to_the_host_unchanged(tmp_path: Path) -> None:
    queues = {"mail": QueueConfig(concurrency=3, max_size=7)}
    manager = TaskManager(
        snapshot_db=str(tmp_path / "tasks.db"), queues=queues, max_size=5, retry_replaces_original=False
    )
    with TestClient(app_with(manager)) as client:
        stats = client.get("/tasks/queues").json()
    assert [(queue["name"], queue["concurrency"], queue["max_size"]) for queue in stats] == [
        ("default", None, 5),
        ("mail", 3, 7),
    ]
    assert manager.retry_replaces_original is False
    assert (tmp_path / "tasks.db").exists()


def test_an_unwritable_log_file_raises_an_oserror_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=str(tmp_path / "file")):
        TaskManager(log_file=tmp_path / "file" / "tasks.log")


@pytest.mark.parametrize("log_file", [5, "", "a\0b", b"tasks.log"])
def test_a_wrong_log_file_is_named_beside_another_file_logger_too(tmp_path: Path, log_file: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^log_file must be "):
        TaskManager(loggers=[FileLogger(tmp_path / "other.log")], log_file=log_file)


def test_a_log_file_of_the_hosts_file_logger_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    manager = TaskManager(loggers=[fastapi_taskflow.FileLogger(str(path))], log_file=path)
    run(manager)
    assert lines_of(path).count(lines_of(path)[0]) == 2  # one of each attempt
