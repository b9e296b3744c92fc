"""lnav with our format file: one for text and for JSON lines, with the task as the operation."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru import FileLogger, detailed_line, json_line, reader, shippers
from taskflow_loguru._escapes import unescape

from .shipped import as_read, parse_time
from .writers import MESSAGES, write_task

Query = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def query(program: Callable[[str], str], tmp_path: Path) -> Query:
    """Return ``query(sql, path, ...)``: it returns the rows that lnav finds in the files."""
    lnav = program("lnav")
    formats = tmp_path / "home/.lnav/formats/installed"
    formats.mkdir(parents=True)
    (formats / "taskflow_log.json").write_text(shippers.lnav_format())

    def run(sql: str, *paths: Path) -> list[dict[str, Any]]:
        rows = tmp_path / "rows"
        command = [lnav, "-n", "-c", f";{sql}", "-c", f":write-json-to {rows}", *map(str, paths)]
        environment = {**os.environ, "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": "", "TERM": "dumb"}
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, "")
        found: list[dict[str, Any]] = json.loads(rows.read_text())
        return found

    return run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write(FileLogger(tmp_path / "tasks.log", log_lifecycle=True))


@pytest.fixture
def json_lines(tmp_path: Path) -> Path:
    return write(FileLogger(tmp_path / "tasks.jsonl", log_lifecycle=True, format=json_line))


@pytest.fixture
def detailed(tmp_path: Path) -> Path:
    return write(FileLogger(tmp_path / "detailed.log", log_lifecycle=True, format=detailed_line))


def write(logger: FileLogger) -> Path:
    async def write() -> None:
        for number in range(2 * len(MESSAGES)):
            await write_task([logger], f"{number:08}-0123", number)
        await logger.close()

    asyncio.run(write())
    return Path(logger.path)


def test_lnav_finds_in_text_lines_what_the_reader_finds(query: Query, text: Path) -> None:
    """A separator, which has no time, is shown with the previous line."""
    rows = query("SELECT log_time, log_opid, log_level, func_name, status, log_body FROM taskflow_log", text)
    found = [
        (
            parse_time(row["log_time"][:19]),
            row["log_opid"],
            row["func_name"],
            row["status"] and row["status"].lower(),
            unescape(row["log_body"].split("\n")[0]),
        )
        for row in rows
    ]
    lines = as_read(text)
    assert found == [(x.time, x.task_id, x.func_name, x.status, x.message) for x in lines if x.time]
    assert [row["log_level"] == "error" for row in rows] == [x.status == "failed" for x in lines if x.time]
    separators = [line for row in rows for line in row["log_body"].split("\n")[1:]]
    assert separators == [f"[{x.task_id}] [{x.func_name}] {x.message}" for x in lines if not x.time]


def test_lnav_finds_in_detailed_lines_what_the_reader_finds(query: Query, detailed: Path) -> None:
    """Every line has its time there, separators too."""
    columns = "log_time, log_level, task_id, func_name, status, attempt, log_body"
    rows = query(f"SELECT {columns} FROM taskflow_detailed_log", detailed)
    found = [
        (
            row["log_time"],
            "success" if row["status"] == "SUCCESS" else row["log_level"],
            row["task_id"],
            row["func_name"],
            row["status"] and row["status"].lower(),
            int(row["attempt"]),
            unescape(row["log_body"]),
        )
        for row in rows
    ]
    lines = list(reader.read(detailed))
    expected = [
        (f"{x.time:%Y-%m-%d %H:%M:%S}.{x.time.microsecond // 1000:03}", x.level, *fields[1:])
        for x in lines
        if x.time and (fields := (x.time, x.task_id, x.func_name, x.status, x.attempt, x.message))
    ]
    assert len(lines) == 6 * 2 * len(MESSAGES)
    assert [row[:6] for row in found] == [row[:6] for row in expected]
    assert all(row[6].startswith(line[6]) for row, line in zip(found, expected, strict=True))


def test_lnav_finds_in_json_lines_what_the_reader_finds(query: Query, json_lines: Path) -> None:
    columns = "log_time, log_opid, task_id, func_name, status, attempt, log_body"
    found = [
        (
            # lnav keeps milliseconds.
            row["log_time"],
            row["task_id"],
            row["func_name"],
            row["status"],
            int(row["attempt"]),
            row["log_body"],
        )
        for row in query(f"SELECT {columns} FROM taskflow_json_log", json_lines)
    ]
    assert found == [
        (f"{x.time:%Y-%m-%d %H:%M:%S}.{x.time.microsecond // 1000:03}", *x[1:]) for x in as_read(json_lines) if x.time
    ]


def test_lnav_groups_the_lines_of_a_task_as_an_operation(query: Query, text: Path, json_lines: Path) -> None:
    rows = query("SELECT log_opid, count(*) AS lines FROM all_logs GROUP BY log_opid", text, json_lines)
    expected = Counter(x.task_id for path in (text, json_lines) for x in as_read(path) if x.time)
    assert {row["log_opid"]: int(row["lines"]) for row in rows} == expected
