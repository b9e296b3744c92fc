"""Right uses of the public surface: a type checker reports no error for any of them."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import loguru

import taskflow_loguru
from taskflow_loguru import (
    FileLogger,
    LoguruLogger,
    RedisBackend,
    StdoutLogger,
    TaskAdmin,
    TaskManager,
    capture,
    ecs_line,
    json_line,
    reader,
    sinks,
    task_line,
    task_log,
)
from taskflow_loguru.formats import JSON_SCHEMA_VERSION, TaskLine
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink


def is_email(record: "loguru.Record") -> bool:
    return record["function"] == "send_email"


def masked(record: "loguru.Record", word: str) -> str:
    record["message"] = record["message"].replace(word, "***")
    return task_line(record)


FileLogger("tasks.log")
FileLogger(Path("tasks.log"), max_bytes=0, backup_count=0, log_lifecycle=True, min_level="debug", enqueue=True)
FileLogger("tasks.log", mode="watched", reopen_signal=signal.SIGHUP, min_level="WARNING")
FileLogger("tasks.jsonl", format=json_line, filter=is_email)
FileLogger("tasks.log", format="{time} {message}", filter=lambda record: record["level"].no >= 40)
FileLogger("tasks.log", format=partial(masked, word="secret"), filter=None)
FileLogger("tasks.jsonl", format=partial(ecs_line, service="shop", environment=None, max_bytes=16_000))
FileLogger("tasks.jsonl", format=partial(json_line, max_bytes=16_000))
StdoutLogger(log_lifecycle=False, min_level="error", filter=is_email)
LoguruLogger()
LoguruLogger(loguru.logger.bind(app="shop"), log_lifecycle=False, min_level="INFO", filter=is_email)

TaskManager()
TaskManager(snapshot_db="tasks.db", loggers=[FileLogger("tasks.log"), StdoutLogger()])
TaskManager(loggers=(LoguruLogger(),), max_sync_threads=4, retention_days=30, instance_url=None)
TaskManager(log_file="tasks.log", log_file_max_bytes=1000, log_file_backup_count=1, log_lifecycle=True)
TaskManager(log_file=Path("tasks.log"), log_file_mode="watched", snapshot_backend=RedisBackend())

number: int = capture()
capture(loguru.logger, level="TRACE")
capture(level=5)


def work() -> None:
    task_log("Working")
    task_log("Slow", level="warning", order=42)


sinks.RotatingFileSink("app.log", max_bytes=1000, backup_count=5, compression="gzip", when="day")
loguru.logger.add(BackgroundSink(RotatingFileSink(Path("app.log"), max_bytes=1000, backup_count=5)))
loguru.logger.add(WatchedFileSink("app.log"), format=task_line)

version: int = JSON_SCHEMA_VERSION
lines: list[TaskLine] = [*reader.read("tasks.log"), *taskflow_loguru.reader.follow("tasks.log", from_start=True)]
line = reader.parse("a line")
message: str = line.message if line else ""
path: str = FileLogger("tasks.log").path
admin: Any = TaskAdmin
