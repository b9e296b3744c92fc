"""The speed of ``reader.read`` and of the command, beside simple loops, ripgrep and DuckDB."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import orjson
from fastapi_taskflow import LifecycleEvent, LogEvent
from fastapi_taskflow.models import TaskStatus

from taskflow_loguru import FileLogger, detailed_line, json_line, reader, task_line
from taskflow_loguru.cli.logs import Logs
from taskflow_loguru.cli.report import Report
from taskflow_loguru.cli.report_command import read_all

TASKS = 10_000
ROUNDS = 5
BACKUPS = 40
"""The number of plain backups that the command reads, and of compressed ones."""
ABSENT = "ConnectionError: .Errno 112. refused"
"""A regular expression that no line meets."""
HELP_MILLISECONDS = 80
_CSV = "columns={'line': 'VARCHAR'}, delim='\\0', quote='', escape='', header=false, auto_detect=false"

HOW = f"""\
One thread reads the lines of {TASKS:,} tasks, as a `FileLogger` with `log_lifecycle=True` writes them: mostly
short messages, one of four with keyword arguments, one task of ten with a retry, some with a tag, some with text that
is not ASCII or is escaped. {ROUNDS} rounds, all cases in turn; medians of the
processor time. The loops stop at what they are named for:
`json.loads` gives a dictionary whose time is still text. The command reads one log with {2 * BACKUPS} backups, half of
them compressed; its rate is that of the uncompressed text, in the processor time of its process, and of those that
ripgrep starts to decompress.
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
    text, detailed, objects = folder / "reading.log", folder / "detailed.log", folder / "reading.jsonl"
    for path, line_format in ((text, task_line), (detailed, detailed_line), (objects, json_line)):
        asyncio.run(_write(path, line_format))
    cases: dict[str, tuple[Path, Callable[[Path], Iterable[object]], int | None]] = {
        "text: `reader.read`": (text, reader.read, 60),
        "text: `taskflow-loguru report`": (text, _report, 100),
        "text: DuckDB counts lines by function": (text, _count_with_duckdb, None),
        "text: a regular expression and `fromisoformat`": (text, _match, None),
        "text: `for line in file`": (text, _iterate, None),
        "text with details: `reader.read`": (detailed, reader.read, 45),
        "JSON: `reader.read`": (objects, reader.read, 150),
        "JSON: `taskflow-loguru report`": (objects, _report, 180),
        "JSON: DuckDB counts lines by function": (objects, _count_with_duckdb, None),
        "JSON: msgspec alone": (objects, _decode, None),
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
    result = _command_rows(folder, text, rounds)
    for name, (path, _read, target) in cases.items():
        seconds = statistics.median(times[name])
        rate = path.stat().st_size / seconds / 1e6
        verdict = "" if target is None else "met" if rate >= target else "NOT MET"
        result.append(
            [name, f"{rate:.0f}", f"{seconds / counts[name] * 1e6:.2f}", "" if target is None else str(target), verdict]
        )
    return result


def _command_rows(folder: Path, text: Path, rounds: int) -> list[list[str]]:
    """Time the command over text with its backups, half of it compressed, and the same searches by other programs."""
    log = folder / "command.log"
    content = text.read_bytes()
    size = 0
    for number in range(2 * BACKUPS):
        # Each begins with a line of its own: a compressed copy of another backup would not be read.
        part = f"[00000000] [begin] 2026-01-01T00:00:00 {number}\n".encode() + content
        name = f"{log}.{2 * BACKUPS - number}"
        Path(f"{name}.gz" if number < BACKUPS else name).write_bytes(gzip.compress(part) if number < BACKUPS else part)
        size += len(part)
    log.write_bytes(content)
    size += len(content)
    task_id = content[1:9].decode()
    command = [sys.executable, "-m", "taskflow_loguru"]
    duckdb = (
        f"import duckdb; duckdb.sql(\"SELECT count(*) FROM read_csv('{log}*', {_CSV}) WHERE line LIKE '%{ABSENT}%'\")"
    )
    searches: dict[str, tuple[list[str], int | None]] = {
        "command, text, half `.gz`: `show` of one task": ([*command, "show", task_id, str(log)], 400),
        "command, text, half `.gz`: `lines --grep`": ([*command, "lines", "--grep", ABSENT, str(log)], 200),
        "ripgrep: `rg -z -j1` for the task": (["rg", "-zcj1", task_id, str(folder), "-g", "command.log*"], None),
        "ripgrep: `rg -z -j1` for the text": (["rg", "-zcj1", ABSENT, str(folder), "-g", "command.log*"], None),
        "DuckDB: `LIKE` over the lines": ([sys.executable, "-c", duckdb], None),
    }
    times: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(rounds):
        for name, (arguments, _target) in searches.items():
            if shutil.which(arguments[0]):
                before = os.times()
                subprocess.run(arguments, capture_output=True, check=False)
                after = os.times()
                times[name].append(sum(after[2:4]) - sum(before[2:4]))
    rows = []
    for name, (_, target) in searches.items():
        rate = size / statistics.median(times[name]) / 1e6 if times[name] else 0.0
        shown = f"{rate:.0f}" if rate else "not installed"
        verdict = "" if target is None else "met" if rate >= target else "NOT MET"
        rows.append([name, shown, "", "" if target is None else str(target), verdict])
    return [*rows, _help_row(rounds)]


def _help_row(rounds: int) -> list[str]:
    """Time ``--help`` of a new process, in milliseconds of processor time."""
    times = []
    for _ in range(5 * rounds):
        before = os.times()
        subprocess.run([sys.executable, "-m", "taskflow_loguru", "--help"], capture_output=True, check=True)
        after = os.times()
        times.append(sum(after[2:4]) - sum(before[2:4]))
    milliseconds = statistics.median(times) * 1000
    verdict = "met" if milliseconds <= HELP_MILLISECONDS else "NOT MET"
    return [f"`--help`: {milliseconds:.0f} ms", "", "", f"{HELP_MILLISECONDS} ms at most", verdict]


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


def _report(path: Path) -> Iterable[object]:
    report = Report()
    read_all(report, Logs([path]))
    return range(report.lines)


def _count_with_duckdb(path: Path) -> Iterable[object]:
    name = r"regexp_extract(line, '^\[.{8}\] \[([^\]]+)\]', 1)"
    if path.suffix == ".jsonl":
        name = "json_extract_string(line, 'func_name')"
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(
            f"SELECT {name}, count(*) FROM read_csv($1, columns = {{line: 'VARCHAR'}}, sep = '\x01', quote = '', "
            "escape = '', header = false, auto_detect = false) GROUP BY 1",
            [str(path)],
        ).fetchall()
    return range(sum(count for _, count in rows))


def _decode(path: Path) -> Iterable[object]:
    decode = msgspec.json.Decoder().decode
    with path.open("rb") as file:
        for line in file:
            yield decode(line)


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
