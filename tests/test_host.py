"""Real tasks, run by the real host, and their lines in the file."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastapi_taskflow
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from fastapi_taskflow import get_task_context

import taskflow_loguru
from taskflow_loguru import FileLogger, RedisBackend, StdoutLogger, TaskManager, task_log
from tests.hosting import WAIT_SECONDS, Watch, app_with, lines_of, masked

STORED_TIME, TIME_OF_A_LINE = r"^(\d{4}-\d\d-\d\dT[\d:]{8})Z? ", r"\1 "
"""The time before each message in the host's store; later versions add a Z."""


def attempt() -> int:
    context = get_task_context()
    assert context is not None
    return context.attempt


def greet() -> None:
    task_log("Hello")


async def greet_async() -> None:
    task_log("Hello")


def fail() -> None:
    task_log("Trying")
    raise ConnectionError("refused")


def succeed_at_third() -> None:
    task_log(f"Attempt {attempt()}, first line")
    task_log(f"Attempt {attempt()}, second line")
    if attempt() < 2:
        raise ConnectionError("refused")


async def succeed_at_third_async() -> None:
    succeed_at_third()


def log_nothing_until_fourth() -> None:
    if attempt() < 3:
        raise ConnectionError("refused")
    task_log("At last")


def fail_silently() -> None:
    raise ConnectionError("refused")


async def wait_forever() -> None:
    task_log("Waiting")
    await asyncio.Event().wait()


async def wait_forever_from_the_first_retry() -> None:
    task_log("Trying")
    if attempt() == 0:
        raise ConnectionError("refused")
    await asyncio.Event().wait()


def run(path: Path, function: Callable[..., Any], **config: Any) -> list[str]:
    """Return the lines of one task in the file of a logger with lifecycle lines."""
    manager = TaskManager(loggers=[FileLogger(path, log_lifecycle=True)])
    manager.task(**config)(function)
    with TestClient(app_with(manager, function)) as client:
        task_id = client.post(f"/run/{function.__name__}").json()
    return masked(path, id=task_id)


# -- how a task ends ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [greet, greet_async])
def test_a_task_that_succeeds_is_running_then_a_success(tmp_path: Path, function: Callable[..., Any]) -> None:
    name = function.__name__
    assert run(tmp_path / "tasks.log", function) == [
        f"[id] [{name}] time -- RUNNING",
        f"[id] [{name}] time Hello",
        f"[id] [{name}] time -- SUCCESS",
    ]


def test_a_task_that_raises_has_failed(tmp_path: Path) -> None:
    assert run(tmp_path / "tasks.log", fail) == [
        "[id] [fail] time -- RUNNING",
        "[id] [fail] time Trying",
        "[id] [fail] time -- FAILED",
    ]


@pytest.mark.parametrize("function", [wait_forever, wait_forever_from_the_first_retry])
def test_a_task_that_still_runs_at_shutdown_is_interrupted(tmp_path: Path, function: Callable[..., Any]) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    manager = TaskManager(snapshot_db=str(tmp_path / "tasks.db"), loggers=[FileLogger(path, log_lifecycle=True), watch])
    manager.task(retries=1)(function)
    with TestClient(app_with(manager, function)) as client:
        task_id = client.post(f"/start/{function.__name__}").json()
        if function is wait_forever:
            watch.wait_for("Waiting")
        else:
            watch.wait_for("Trying", times=2)
    name = function.__name__
    lines = masked(path, id=task_id)
    assert lines[0] == f"[id] [{name}] time -- RUNNING"
    assert lines[-1] == f"[id] [{name}] time -- INTERRUPTED"
    assert lines.count(f"[id] [{name}] --- Retry 1 ---") == (function is wait_forever_from_the_first_retry)


def test_a_task_that_is_cancelled_over_the_api_is_cancelled(tmp_path: Path) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    manager = TaskManager(loggers=[FileLogger(path, log_lifecycle=True), watch])
    manager.task()(wait_forever)
    with TestClient(app_with(manager, wait_forever)) as client:
        task_id = client.post("/start/wait_forever").json()
        watch.wait_for("Waiting")
        assert client.post(f"/tasks/{task_id}/cancel").status_code == 200
        watch.wait_for("cancelled")
    assert masked(path, id=task_id) == [
        "[id] [wait_forever] time -- RUNNING",
        "[id] [wait_forever] time Waiting",
        "[id] [wait_forever] time -- CANCELLED",
    ]


# -- retries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [succeed_at_third, succeed_at_third_async])
def test_each_retry_has_one_separator_before_its_first_line(tmp_path: Path, function: Callable[..., Any]) -> None:
    name = function.__name__
    assert run(tmp_path / "tasks.log", function, retries=5) == [
        f"[id] [{name}] time -- RUNNING",
        f"[id] [{name}] time Attempt 0, first line",
        f"[id] [{name}] time Attempt 0, second line",
        f"[id] [{name}] --- Retry 1 ---",
        f"[id] [{name}] time Attempt 1, first line",
        f"[id] [{name}] time Attempt 1, second line",
        f"[id] [{name}] --- Retry 2 ---",
        f"[id] [{name}] time Attempt 2, first line",
        f"[id] [{name}] time Attempt 2, second line",
        f"[id] [{name}] time -- SUCCESS",
    ]


def test_separators_of_silent_retries_come_before_the_next_line(tmp_path: Path) -> None:
    assert run(tmp_path / "tasks.log", log_nothing_until_fourth, retries=3) == [
        "[id] [log_nothing_until_fourth] time -- RUNNING",
        "[id] [log_nothing_until_fourth] --- Retry 1 ---",
        "[id] [log_nothing_until_fourth] --- Retry 2 ---",
        "[id] [log_nothing_until_fourth] --- Retry 3 ---",
        "[id] [log_nothing_until_fourth] time At last",
        "[id] [log_nothing_until_fourth] time -- SUCCESS",
    ]


def test_separators_of_a_silent_task_come_before_its_final_status(tmp_path: Path) -> None:
    assert run(tmp_path / "tasks.log", fail_silently, retries=2) == [
        "[id] [fail_silently] time -- RUNNING",
        "[id] [fail_silently] --- Retry 1 ---",
        "[id] [fail_silently] --- Retry 2 ---",
        "[id] [fail_silently] time -- FAILED",
    ]


def test_a_task_in_a_process_of_its_own_is_logged_like_any_other(tmp_path: Path) -> None:
    manager = TaskManager(loggers=[FileLogger(tmp_path / "tasks.log", log_lifecycle=True)], max_process_workers=1)
    manager.task(executor="process", retries=2)(succeed_at_third)
    manager.task(executor="process")(fail)
    with TestClient(app_with(manager, succeed_at_third, fail)) as client:
        first = client.post("/run/succeed_at_third").json()
        second = client.post("/run/fail").json()
    assert masked(tmp_path / "tasks.log", first=first, second=second) == [
        "[first] [succeed_at_third] time -- RUNNING",
        "[first] [succeed_at_third] time Attempt 0, first line",
        "[first] [succeed_at_third] time Attempt 0, second line",
        "[first] [succeed_at_third] --- Retry 1 ---",
        "[first] [succeed_at_third] time Attempt 1, first line",
        "[first] [succeed_at_third] time Attempt 1, second line",
        "[first] [succeed_at_third] --- Retry 2 ---",
        "[first] [succeed_at_third] time Attempt 2, first line",
        "[first] [succeed_at_third] time Attempt 2, second line",
        "[first] [succeed_at_third] time -- SUCCESS",
        "[second] [fail] time -- RUNNING",
        "[second] [fail] time Trying",
        "[second] [fail] time -- FAILED",
    ]


# -- restarts -------------------------------------------------------------------------------------


def test_a_task_pending_at_shutdown_is_logged_by_the_next_start(tmp_path: Path) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    options: dict[str, Any] = {"snapshot_db": str(tmp_path / "tasks.db"), "requeue_pending": True}
    queues = {"default": fastapi_taskflow.QueueConfig(concurrency=1)}

    before = TaskManager(**options, queues=queues, loggers=[FileLogger(path, log_lifecycle=True), watch])
    before.task()(wait_forever)
    before.task()(greet_async)
    with TestClient(app_with(before, wait_forever, greet_async)) as client:
        client.post("/run/wait_forever")
        watch.wait_for("Waiting")
        task_id = client.post("/run/greet_async").json()
    assert not any(task_id[:8] in line for line in lines_of(path))

    after = TaskManager(**options, loggers=[FileLogger(path, log_lifecycle=True), watch])
    after.task()(greet_async)
    with TestClient(app_with(after)):
        watch.wait_for("success")
    assert masked(path, id=task_id)[-3:] == [
        "[id] [greet_async] time -- RUNNING",
        "[id] [greet_async] time Hello",
        "[id] [greet_async] time -- SUCCESS",
    ]


def test_a_task_requeued_after_a_restart_starts_at_attempt_0_again(tmp_path: Path) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    logger = FileLogger(path, log_lifecycle=True)

    def manager_of_a_start() -> TaskManager:
        manager = TaskManager(snapshot_db=str(tmp_path / "tasks.db"), requeue_pending=True, loggers=[logger, watch])
        manager.task(retries=1, requeue_on_interrupt=True)(wait_forever_from_the_first_retry)
        return manager

    with TestClient(app_with(manager_of_a_start(), wait_forever_from_the_first_retry)) as client:
        task_id = client.post("/start/wait_forever_from_the_first_retry").json()
        watch.wait_for("Trying", times=2)
    with TestClient(app_with(manager_of_a_start())):
        watch.wait_for("Trying", times=4)
    one_run = [
        "[id] [wait_forever_from_the_first_retry] time -- RUNNING",
        "[id] [wait_forever_from_the_first_retry] time Trying",
        "[id] [wait_forever_from_the_first_retry] --- Retry 1 ---",
        "[id] [wait_forever_from_the_first_retry] time Trying",
    ]
    assert masked(path, id=task_id) == one_run * 2


@pytest.mark.parametrize("manager_class", [TaskManager, fastapi_taskflow.TaskManager])
def test_an_app_that_a_test_client_restarts_continues_in_the_same_file(
    tmp_path: Path, manager_class: type[fastapi_taskflow.TaskManager]
) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    # Named queues: without them, the host keeps a queue of its first event loop, and cannot stop in another one.
    manager = manager_class(loggers=[FileLogger(path), watch], queues={})
    manager.task()(greet_async)
    app = app_with(manager, greet_async)
    task_ids = []
    for times in (1, 2):
        with TestClient(app) as client:
            task_ids.append(client.post("/run/greet_async").json())
            watch.wait_for("success", times=times)
    assert masked(path, first=task_ids[0], second=task_ids[1]) == [
        "[first] [greet_async] time Hello",
        "[second] [greet_async] time Hello",
    ]


async def test_a_restarted_manager_continues_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    manager = TaskManager(log_file=path)
    for _ in range(3):
        await manager.startup()
        await run_in_background(manager, greet_async)
        await manager.shutdown()
    assert len(lines_of(path)) == 3


async def test_a_thread_can_log_after_the_host_has_closed_its_observers(tmp_path: Path) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    go_on = threading.Event()

    def outlive_the_app() -> None:
        task_log("Early")
        go_on.wait(WAIT_SECONDS)
        task_log("Late")

    manager = TaskManager(loggers=[FileLogger(path), watch])
    manager.task()(outlive_the_app)
    await manager.startup()
    task = asyncio.create_task(run_in_background(manager, outlive_the_app))
    await asyncio.to_thread(watch.wait_for, "Early")
    await manager.shutdown()
    go_on.set()
    await task
    assert [line.split(" ")[-1] for line in lines_of(path)] == ["Early", "Late"]


async def run_in_background(manager: fastapi_taskflow.TaskManager, function: Callable[..., Any]) -> None:
    tasks = fastapi_taskflow.ManagedBackgroundTasks(manager)
    tasks.add_task(function)
    await tasks()


# -- beside the file ------------------------------------------------------------------------------


def test_the_dashboards_api_shows_the_messages_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    manager = TaskManager(loggers=[FileLogger(path, min_level="debug")])
    manager.task(retries=2)(succeed_at_third)
    with TestClient(app_with(manager, succeed_at_third)) as client:
        task_id = client.post("/run/succeed_at_third").json()
        shown = client.get(f"/tasks/{task_id}").json()["logs"]
    assert lines_of(path) == [
        f"[{task_id[:8]}] [succeed_at_third] {re.sub(STORED_TIME, TIME_OF_A_LINE, log)}" for log in shown
    ]
    assert len(shown) == 8


def test_the_hosts_history_in_redis_and_the_file_agree(tmp_path: Path, redis_url: str) -> None:
    path, watch = tmp_path / "tasks.log", Watch()

    def app_of_a_start() -> FastAPI:
        backend = RedisBackend(redis_url)
        loggers = [FileLogger(path, log_lifecycle=True), watch]
        manager = TaskManager(snapshot_backend=backend, requeue_pending=True, loggers=loggers)
        manager.task(retries=2)(succeed_at_third_async)
        manager.task(requeue_on_interrupt=True)(wait_forever)
        app = app_with(manager, succeed_at_third_async, wait_forever)
        app.router.on_shutdown.append(backend.close)  # which the host expects from the app
        return app

    with TestClient(app_of_a_start()) as client:
        done = client.post("/run/succeed_at_third_async").json()
        again = client.post("/start/wait_forever").json()
        watch.wait_for("Waiting")
    with TestClient(app_of_a_start()) as client:
        watch.wait_for("Waiting", times=2)
        history = {task["task_id"]: task for task in client.get("/tasks").json()}
    assert {task_id: task["status"] for task_id, task in history.items()} == {done: "success", again: "running"}
    lines = masked(path, done=done, again=again)
    assert [line for line in lines if line.startswith("[again]")][:4] == [
        "[again] [wait_forever] time -- RUNNING",
        "[again] [wait_forever] time Waiting",
    ] * 2
    assert [line for line in lines if line.startswith("[done]")] == [
        "[done] [succeed_at_third_async] time -- RUNNING",
        *(f"[done] [succeed_at_third_async] {re.sub(STORED_TIME, 'time ', log)}" for log in history[done]["logs"]),
        "[done] [succeed_at_third_async] time -- SUCCESS",
    ]


@pytest.fixture
def redis_url(tmp_path: Path, program: Callable[[str], str]) -> Iterator[str]:
    """Yield the address of a Redis server for one test."""
    # A socket in the folder: a port that was free could be taken by another test by now.
    path = tmp_path / "redis.sock"
    command = [program("redis-server"), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert any("ready to accept connections" in line.lower() for line in server.stdout)
            yield f"unix://{path}?db=0"
        finally:
            server.terminate()


def test_two_file_loggers_and_standard_output_show_the_same_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, warnings = tmp_path / "tasks.log", tmp_path / "warnings.log"
    loggers = [FileLogger(path, log_lifecycle=True), FileLogger(warnings, min_level="error"), StdoutLogger()]
    manager = TaskManager(loggers=loggers)
    manager.task()(log_at_every_level)
    with TestClient(app_with(manager, log_at_every_level)) as client:
        client.post("/run/log_at_every_level")
    messages = [line.split(" ", 3)[3] for line in lines_of(path)]
    assert messages == ["-- RUNNING", "info", "warning", "error", "critical", "loud", "None", "-- SUCCESS"]
    assert capsys.readouterr().out == path.read_text()
    assert [line.split(" ", 3)[3] for line in lines_of(warnings)] == ["error", "critical"]


def log_at_every_level() -> None:
    levels: list[Any] = ["debug", "info", "warning", "error", "critical", "loud", None]
    for level in levels:
        task_log(str(level), level=level)


def test_keyword_arguments_of_task_log_and_tags_are_bound(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    line = "{extra[task_id]} {extra[event]} {extra[status]} {extra[data]} {extra[error]} {message}"
    manager = TaskManager(loggers=[FileLogger(path, log_lifecycle=True, format=line)])
    manager.task()(pay)
    with TestClient(app_with(manager, pay)) as client:
        task_id = client.post("/run/pay").json()
    assert lines_of(path) == [
        f"{task_id} lifecycle running {{}} None -- RUNNING",
        f"{task_id} log None {{'order': 7, 'amount': 49.99}} None Paid {{amount}}",
        f"{task_id} lifecycle failed {{}} no {{such}} account -- FAILED",
    ]


def pay() -> None:
    task_log("Paid {amount}", order=7, amount=49.99)
    raise ValueError("no {such} account")


def test_every_name_of_the_guide_can_be_imported_from_taskflow_loguru() -> None:
    for name in ("RedisBackend", "TaskAdmin"):
        assert getattr(taskflow_loguru, name) is getattr(fastapi_taskflow, name)
    signatures = [inspect.signature(module.task_log) for module in (taskflow_loguru, fastapi_taskflow)]
    assert signatures[0].parameters == signatures[1].parameters
    for observer in (taskflow_loguru.FileLogger, taskflow_loguru.StdoutLogger):
        assert issubclass(observer, fastapi_taskflow.TaskObserver)
    assert issubclass(taskflow_loguru.TaskManager, fastapi_taskflow.TaskManager)
    assert callable(taskflow_loguru.task_line)
