"""The cases that are timed in bursts, by name; each is created in the process that times it."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fastapi_taskflow
from fastapi_taskflow import LifecycleEvent, TaskObserver, TaskStatus

from taskflow_loguru import (
    FileLogger,
    capture,
    capture_logging,
    detailed_line,
    formats,
    json_line,
    task_context,
    task_log,
)

from .contenders import CONTENDERS, independent_loguru, log_events, loguru_serialize, structlog_orjson

UNDER_MIN_LEVEL, HOST_UNDER_MIN_LEVEL = "under min_level", "the host's FileLogger, under min_level"
LIFECYCLE_OFF, HOST_LIFECYCLE_OFF = "a status, lifecycle off", "the host's FileLogger, a status, lifecycle off"
LARGE_FILE, EMPTY_FOLDER = "rotate, a file of 1 GB with 100 backups", "rotate, an empty folder"
TEXT_NO_DATA, JSON_NO_DATA = "task_line, no data", "json_line, no data"
JSON_DATA = "json_line, 2 fields of data"
STDLIB_JSON_NO_DATA, STDLIB_JSON_DATA = (
    "json_line without orjson, no data",
    "json_line without orjson, 2 fields of data",
)
DETAILED = "detailed_line"
STRUCTLOG, SERIALIZE = "structlog and orjson, a plain file", "loguru's own file sink, serialize=True"
LOGURU_OUTSIDE, CAPTURE_OUTSIDE = "a loguru record outside a task", "the same, with capture"
LOGURU_INSIDE, CAPTURE_INSIDE = "a loguru record in a task", "the same in a task, with capture"
CONTEXT_OUTSIDE, CONTEXT_INSIDE = "the same outside, with task_context", "the same in a task, with task_context"
LOGGING_OUTSIDE, LOGGING_INSIDE = "a logging record outside a task", "a logging record in a task"
LOGGING_CAPTURED_OUTSIDE, LOGGING_CAPTURED = (
    "the same, with capture_logging",
    "the same in a task, with capture_logging",
)
TASK_LOG = "task_log() in a task"
USERS_FORMAT, RAISING = "a format of the user's", "a format of the user's that raises"

LARGEST_BURST = 100


@dataclass(frozen=True)
class Case:
    """One way to spend time on events.

    Attributes:
        run: The timed function: its argument has as many of *events* as a burst.
        in_a_task: Whether all of it happens within a task of the host.
    """

    run: Callable[[Sequence[Any]], Awaitable[None]]
    events: Sequence[Any]
    in_a_task: bool = False


def _logs(observer: TaskObserver, **events: Any) -> Case:
    on_log = observer.on_log

    async def run(burst: Sequence[Any]) -> None:
        for event in burst:
            await on_log(event)

    return Case(run, log_events(LARGEST_BURST, **events))


def _lifecycle(observer: TaskObserver) -> Case:
    on_lifecycle = observer.on_lifecycle

    async def run(burst: Sequence[Any]) -> None:
        for event in burst:
            await on_lifecycle(event)

    events = log_events(LARGEST_BURST)
    return Case(
        run,
        [LifecycleEvent(event.task_id, event.func_name, TaskStatus.RUNNING, event.timestamp, 0, 0) for event in events],
    )


def _records(log: Callable[[str], None], *, in_a_task: bool = False) -> Case:
    async def run(burst: Sequence[str]) -> None:
        for message in burst:
            log(message)

    return Case(run, [event.message for event in log_events(LARGEST_BURST)], in_a_task)


def _contender(contender: Callable[..., TaskObserver], folder: Path, **events: Any) -> Case:
    return _logs(contender(str(folder / "tasks.log"), max_bytes=10_000_000, backup_count=5), **events)


def _large_file(folder: Path) -> Case:
    """Create a file of 1 GB, sparse except for its last line, beside 100 backups."""
    path = folder / "tasks.log"
    with path.open("wb") as file:
        file.seek(1024**3)
        file.write(b"the last line\n")
    for number in range(1, 101):
        path.with_name(f"{path.name}.{number}").write_text("a line\n")
    return _empty_folder(folder)


def _empty_folder(folder: Path) -> Case:
    return _logs(FileLogger(folder / "tasks.log", max_bytes=2 * 1024**3, backup_count=100))


def _loguru(folder: Path, *, prepare: Callable[[Any], object] | None = None, in_a_task: bool = False) -> Case:
    logger = independent_loguru()
    logger.add(lambda message: None, format="{message}")
    if prepare is not None:
        prepare(logger)
    return _records(logger.info, in_a_task=in_a_task)


def _patch(logger: Any) -> None:
    logger.configure(patcher=task_context)


def _logging(folder: Path, *, captured: bool = False, in_a_task: bool = False) -> Case:
    logger = logging.getLogger("benchmark")
    logger.propagate = False
    logger.setLevel("INFO")
    logger.addHandler(logging.NullHandler())
    if captured:
        capture_logging(logger.name)
    return _records(logger.info, in_a_task=in_a_task)


def _raising(record: Any) -> str:
    raise ValueError("a format that raises")


def _task_log(folder: Path) -> Case:
    return _records(task_log, in_a_task=True)


def _ours(folder: Path) -> TaskObserver:
    return FileLogger(folder / "tasks.log")


def _hosts(folder: Path) -> TaskObserver:
    return fastapi_taskflow.FileLogger(str(folder / "tasks.log"))


_json = partial(FileLogger, format=json_line)


def _without_orjson(folder: Path, **events: Any) -> Case:
    sys.modules["orjson"] = None  # type: ignore[assignment]
    importlib.reload(formats._json)  # only in this process, which has no other case
    return _contender(_json, folder, **events)


CASES: dict[str, Callable[[Path], Case]] = {
    **{name: partial(_contender, contender) for name, contender in CONTENDERS.items()},
    TEXT_NO_DATA: partial(_contender, FileLogger, data=False),
    JSON_NO_DATA: partial(_contender, _json, data=False),
    JSON_DATA: partial(_contender, _json),
    STDLIB_JSON_NO_DATA: partial(_without_orjson, data=False),
    STDLIB_JSON_DATA: _without_orjson,
    DETAILED: partial(_contender, partial(FileLogger, format=detailed_line)),
    STRUCTLOG: partial(_contender, structlog_orjson),
    SERIALIZE: partial(_contender, loguru_serialize),
    UNDER_MIN_LEVEL: lambda folder: _logs(_ours(folder), level="debug"),
    HOST_UNDER_MIN_LEVEL: lambda folder: _logs(_hosts(folder), level="debug"),
    LIFECYCLE_OFF: lambda folder: _lifecycle(_ours(folder)),
    HOST_LIFECYCLE_OFF: lambda folder: _lifecycle(_hosts(folder)),
    LARGE_FILE: _large_file,
    EMPTY_FOLDER: _empty_folder,
    LOGURU_OUTSIDE: _loguru,
    CAPTURE_OUTSIDE: partial(_loguru, prepare=capture),
    CONTEXT_OUTSIDE: partial(_loguru, prepare=_patch),
    LOGURU_INSIDE: partial(_loguru, in_a_task=True),
    CAPTURE_INSIDE: partial(_loguru, prepare=capture, in_a_task=True),
    CONTEXT_INSIDE: partial(_loguru, prepare=_patch, in_a_task=True),
    LOGGING_OUTSIDE: _logging,
    LOGGING_CAPTURED_OUTSIDE: partial(_logging, captured=True),
    LOGGING_INSIDE: partial(_logging, in_a_task=True),
    LOGGING_CAPTURED: partial(_logging, captured=True, in_a_task=True),
    TASK_LOG: _task_log,
    USERS_FORMAT: partial(_contender, partial(FileLogger, format="{extra[task_id]} {message}")),
    RAISING: partial(_contender, partial(FileLogger, format=_raising)),
}
