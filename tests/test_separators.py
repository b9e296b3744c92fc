"""Retry separators of real tasks: each retry in the dashboard has one separator in the file, at the right place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import get_task_context

from taskflow_loguru import FileLogger, TaskManager, task_log
from tests.hosting import Watch, app_with, lines_of, masked

RETRIES = [f"--- Retry {number} ---" for number in (1, 2, 3)]


def attempt() -> int:
    context = get_task_context()
    assert context is not None
    return context.attempt


def fail_silently() -> None:
    """Log only in the first attempt, then fail."""
    if attempt() == 0:
        task_log("Trying")
    raise ConnectionError("refused")


async def fail_silently_async() -> None:
    fail_silently()


def succeed_silently() -> None:
    if attempt() == 0:
        task_log("Trying")
    if attempt() < 3:
        raise ConnectionError("refused")


def log_in_the_second_retry() -> None:
    if attempt() == 2:
        task_log("Still trying")
    raise ConnectionError("refused")


async def wait_in_the_second_retry() -> None:
    if attempt() < 2:
        raise ConnectionError("refused")
    await asyncio.Event().wait()


EXECUTORS = pytest.mark.parametrize(
    ("function", "executor"),
    [
        (fail_silently_async, "async"),
        (fail_silently, "thread"),
        (fail_silently, "process"),
        (fail_silently_async, "process"),
    ],
)


def run(path: Path, function: Callable[..., Any], options: dict[str, Any], executor: Any = "thread") -> list[str]:
    """Return the lines of one task with three retries, all of which the dashboard shows."""
    manager = TaskManager(loggers=[FileLogger(path, **options)], max_process_workers=1)
    manager.task(retries=3, executor=executor)(function)
    with TestClient(app_with(manager, function)) as client:
        task_id = client.post(f"/run/{function.__name__}").json()
        dashboard = client.get(f"/tasks/{task_id}").json()["logs"]
    assert [line for line in dashboard if line.startswith("---")] == RETRIES
    prefix = f"[id] [{function.__name__}] "
    lines = masked(path, id=task_id)
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix).removeprefix("time ") for line in lines]


@EXECUTORS
def test_silent_retries_have_separators_before_the_status(
    tmp_path: Path, function: Callable[..., Any], executor: str
) -> None:
    lines = run(tmp_path / "tasks.log", function, {"log_lifecycle": True}, executor)
    assert lines == ["-- RUNNING", "Trying", *RETRIES, "-- FAILED"]


@EXECUTORS
def test_silent_retries_have_separators_without_lifecycle_lines(
    tmp_path: Path, function: Callable[..., Any], executor: str
) -> None:
    assert run(tmp_path / "tasks.log", function, {}, executor) == ["Trying", *RETRIES]


@pytest.mark.parametrize("log_lifecycle", [True, False])
def test_silent_retries_of_a_success_have_separators(tmp_path: Path, log_lifecycle: bool) -> None:
    lines = run(tmp_path / "tasks.log", succeed_silently, {"log_lifecycle": log_lifecycle})
    assert [line for line in lines if line not in ("-- RUNNING", "-- SUCCESS")] == ["Trying", *RETRIES]


@pytest.mark.parametrize("min_level", ["warning", "error"])
@pytest.mark.parametrize("log_lifecycle", [True, False])
def test_min_level_shows_separators_with_an_end_that_it_shows(
    tmp_path: Path, min_level: str, log_lifecycle: bool
) -> None:
    options = {"log_lifecycle": log_lifecycle, "min_level": min_level}
    end = ["-- FAILED"] if log_lifecycle else []
    assert run(tmp_path / "failed.log", fail_silently, options) == [*RETRIES, *end]
    assert run(tmp_path / "succeeded.log", succeed_silently, options) == []


def test_a_separator_that_a_line_has_brought_is_not_repeated_at_the_end(tmp_path: Path) -> None:
    lines = run(tmp_path / "tasks.log", log_in_the_second_retry, {})
    assert lines == [RETRIES[0], RETRIES[1], "Still trying", RETRIES[2]]


def test_a_task_interrupted_in_a_silent_retry_has_its_separators(tmp_path: Path) -> None:
    path, watch = tmp_path / "tasks.log", Watch()
    manager = TaskManager(snapshot_db=str(tmp_path / "tasks.db"), loggers=[FileLogger(path), watch])
    manager.task(retries=3)(wait_in_the_second_retry)
    with TestClient(app_with(manager, wait_in_the_second_retry)) as client:
        task_id = client.post("/start/wait_in_the_second_retry").json()
        while client.get(f"/tasks/{task_id}").json()["retries_used"] < 2:
            pass  # each request lets the task continue
    watch.wait_for("interrupted")
    assert [line.split("] ", 2)[2] for line in lines_of(path)] == RETRIES[:2]
