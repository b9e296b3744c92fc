"""The contenders: our FileLogger, the host's, loguru, concurrent-log-handler, structlog, and two lower bounds."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Protocol

import fastapi_taskflow
import loguru
import orjson
import structlog
from concurrent_log_handler import ConcurrentRotatingFileHandler
from fastapi_taskflow import LogEvent, TaskObserver

from taskflow_loguru import FileLogger


class Contender(Protocol):
    def __call__(self, path: str, *, max_bytes: int, backup_count: int) -> TaskObserver: ...


class SimpleObserver(TaskObserver):
    """The simplest observer without a FileLogger: the guide's line, and one call to write it."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        super().__init__()
        self._write = write

    async def on_log(self, event: LogEvent) -> None:
        time = event.timestamp.isoformat(timespec="seconds")[:19]
        self._write(f"[{event.task_id[:8]}] [{event.func_name}] {time} {event.message}")


class JsonObserver(TaskObserver):
    """The simplest observer without a FileLogger that writes the facts of an event as JSON."""

    def __init__(self, write: Callable[[str, dict[str, Any]], Any]) -> None:
        super().__init__()
        self._write = write

    async def on_log(self, event: LogEvent) -> None:
        facts = {
            "task_id": event.task_id,
            "func_name": event.func_name,
            "time": event.timestamp.isoformat(),
            "attempt": event.attempt,
            "data": event.extra,
        }
        self._write(event.message, facts)


def independent_loguru() -> Any:
    """Return a logger without handlers, made in the way of loguru's documentation."""
    loguru.logger.remove()
    return copy.deepcopy(loguru.logger)


def _loguru_file(path: str, *, max_bytes: int, backup_count: int) -> TaskObserver:
    logger = independent_loguru()
    logger.add(path, format="{message}", rotation=max_bytes, retention=backup_count)
    return SimpleObserver(logger.info)


def _concurrent_log_handler(path: str, *, max_bytes: int, backup_count: int) -> TaskObserver:
    logger = logging.getLogger(f"benchmarks.{path}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(ConcurrentRotatingFileHandler(path, maxBytes=max_bytes, backupCount=backup_count))
    return SimpleObserver(logger.info)


def _os_write(path: str, *, max_bytes: int, backup_count: int) -> TaskObserver:
    fd = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    return SimpleObserver(lambda line: os.write(fd, f"{line}\n".encode()))


def _loguru_without_file(path: str, *, max_bytes: int, backup_count: int) -> TaskObserver:
    logger = independent_loguru()
    logger.add(lambda message: None, format="{message}")
    return SimpleObserver(logger.info)


def loguru_serialize(path: str, *, max_bytes: int, backup_count: int) -> TaskObserver:
    logger = independent_loguru()
    logger.add(path, serialize=True, rotation=max_bytes, retention=backup_count)
    return JsonObserver(lambda message, facts: logger.bind(**facts).info(message))


def structlog_orjson(path: str, *, max_bytes: int, backup_count: int) -> TaskObserver:
    """Return structlog on a plain file that never rotates, from its guide to performance."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=open(path, "ab")),  # noqa: SIM115  (open until the end)
        cache_logger_on_first_use=True,
    )
    logger = structlog.get_logger()
    return JsonObserver(lambda message, facts: logger.info(message, **facts))


ROTATE, WATCHED = "rotate", "watched"
ROTATE_ENQUEUE, WATCHED_ENQUEUE = "rotate, enqueue=True", "watched, enqueue=True"
HOST_ROTATE, HOST_WATCHED = "the host's FileLogger, rotate", "the host's FileLogger, watched"
LOGURU_FILE, CONCURRENT = "loguru's own file sink", "concurrent-log-handler"
OS_WRITE, LOGURU_NOTHING = "floor: a bare os.write", "floor: loguru, a sink that does nothing"

CONTENDERS: dict[str, Contender] = {
    ROTATE: FileLogger,
    WATCHED: partial(FileLogger, mode="watched"),
    ROTATE_ENQUEUE: partial(FileLogger, enqueue=True),
    WATCHED_ENQUEUE: partial(FileLogger, mode="watched", enqueue=True),
    HOST_ROTATE: fastapi_taskflow.FileLogger,
    HOST_WATCHED: partial(fastapi_taskflow.FileLogger, mode="watched"),
    LOGURU_FILE: _loguru_file,
    CONCURRENT: _concurrent_log_handler,
    OS_WRITE: _os_write,
    LOGURU_NOTHING: _loguru_without_file,
}


def log_events(count: int, *, level: str = "info", writer: int = 0, data: bool = True) -> list[LogEvent]:
    """Return the events of a busy task: a line each millisecond, each with its own message."""
    start = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    return [
        LogEvent(
            task_id=f"{writer:04x}{number // 100:04x}-1c2b-4f6e-9d3a-7e5b8c0d1f2a",
            func_name="send_email",
            message=f"Writer {writer}: message {number} was sent to the mail server",
            level=level,
            timestamp=start + timedelta(milliseconds=number),
            attempt=0,
            extra={"order_id": number, "customer": "acme"} if data else {},
        )
        for number in range(count)
    ]
