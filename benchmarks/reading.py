"""The speed of ``reader.read``, beside that of a simple loop over the lines."""

from __future__ import annotations

import asyncio
import json
import random
import re
import statistics
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
from fastapi_taskflow import LifecycleEvent, LogEvent
from fastapi_taskflow.models import TaskStatus

from taskflow_loguru import FileLogger, json_line, reader, task_line

TASKS = 2_000
COPIES = 5
"""The number of times that the lines of the tasks are repeated in a file."""
ROUNDS = 5

HOW = f"""\
One thread reads the lines of {TASKS * COPIES:,} tasks, as a `FileLogger` with `log_lifecycle=True` writes them: mostly
short messages, one of four with keyword arguments, one task of ten with a retry, some with a tag, some with text that
is not ASCII or is escaped. {ROUNDS} rounds, all cases in turn; medians of the
processor time. The loops stop at what they are named for:
`json.loads` gives a dictionary whose time is still text.
"""
HEADERS = ["", "MB/s", "microseconds per line", "MB/s at least", "target"]

_MESSAGES = (
    "Connecting to SMTP server",
    "Sending to user{}@example.com",
    "Fetched {} rows from orders in 0.12 s",
    "Uploaded part {} of 17 to s3://reports/2026/01/export.parquet",
    "retrying after ConnectionError: [Errno 111] refused",
)
_ODD_MESSAGES = ("Größe: {} Bytes", "first line\nsecond line {}")
_FUNCTIONS = ("send_email", "generate_report", "sync_inventory", "resize_image")
_LINE = re.compile(r"\[(.{1,8})\] \[(\w+)\] (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (.*)")


def rows(folder: Path, rounds: int) -> list[list[str]]:
    """Time all cases in turn, and return the rows of the table."""
    text, objects = folder / "reading.log", folder / "reading.jsonl"
    for path, line_format in ((text, task_line), (objects, json_line)):
        asyncio.run(_write(path, line_format))
        path.write_bytes(path.read_bytes() * COPIES)
    cases: dict[str, tuple[Path, Callable[[Path], Iterable[object]], int | None]] = {
        "text: `reader.read`": (text, reader.read, 25),
        "text: a regular expression and `fromisoformat`": (text, _match, None),
        "text: `for line in file`": (text, _iterate, None),
        "JSON: `reader.read`": (objects, reader.read, 60),
        "JSON: `json.loads`": (objects, _load, None),
        "JSON: `orjson.loads`": (objects, _load_with_orjson, None),
        "JSON: `for line in file`": (objects, _iterate, None),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    counts: dict[str, int] = {}
    for _ in range(rounds):
        for name, (path, read, _target) in cases.items():
            started = time.thread_time()
            counts[name] = sum(1 for _ in read(path))
            times[name].append(time.thread_time() - started)
    result = []
    for name, (path, _read, target) in cases.items():
        seconds = statistics.median(times[name])
        rate = path.stat().st_size / seconds / 1e6
        verdict = "" if target is None else "met" if rate >= target else "NOT MET"
        result.append(
            [name, f"{rate:.0f}", f"{seconds / counts[name] * 1e6:.2f}", "" if target is None else str(target), verdict]
        )
    return result


async def _write(path: Path, format: Any) -> None:
    choice = random.Random(1)
    time = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    logger = FileLogger(path, format=format, log_lifecycle=True, max_bytes=0)
    for _ in range(TASKS):
        task: dict[str, Any] = {
            "task_id": str(uuid.UUID(int=choice.getrandbits(128))),
            "func_name": choice.choice(_FUNCTIONS),
            "tags": {"tenant": "acme"} if choice.random() < 0.3 else {},
        }
        last_attempt = 1 if choice.random() < 0.1 else 0
        started = LifecycleEvent(status=TaskStatus.RUNNING, timestamp=time, attempt=0, retries_used=0, **task)
        await logger.on_lifecycle(started)
        for attempt in range(last_attempt + 1):
            for _ in range(choice.randint(3, 9)):
                time += timedelta(milliseconds=choice.randint(1, 60))
                number = choice.randint(1, 100_000)
                message = choice.choice(_MESSAGES if choice.random() < 0.97 else _ODD_MESSAGES).format(number)
                extra = {"user": number, "amount": choice.random()} if choice.random() < 0.25 else {}
                await logger.on_log(
                    LogEvent(level="info", message=message, timestamp=time, attempt=attempt, extra=extra, **task)
                )
        ended = LifecycleEvent(
            status=TaskStatus.SUCCESS,
            timestamp=time,
            attempt=last_attempt,
            retries_used=last_attempt,
            duration=1.25,
            **task,
        )
        await logger.on_lifecycle(ended)
    await logger.close()


def _iterate(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        yield from file


def _match(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if match := _LINE.match(line):
                task_id, func_name, second, message = match.groups()
                yield task_id, func_name, datetime.fromisoformat(second), message


def _load(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _load_with_orjson(path: Path) -> Iterable[object]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)
