"""Parsing a line."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fastapi_taskflow
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from taskflow_loguru import (
    FileLogger,
    datadog_line,
    detailed_line,
    ecs_line,
    google_line,
    json_line,
    otel_line,
    task_line,
)
from taskflow_loguru.reader import TaskLine, parse, read
from taskflow_loguru.sinks import WatchedFileSink
from tests.conftest import NOON, formatted, lifecycle_event, log_event

from .logs import numbered

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)
ESCAPE = re.compile(r"\\[nrtxu]")


def test_a_text_line_is_parsed_into_its_fields() -> None:
    assert parse("[abc12345] [send_email] 2026-01-01T12:00:00 one\\ntwo\n") == TaskLine(
        time=NOON,
        level=None,
        event="log",
        task_id="abc12345",
        func_name="send_email",
        attempt=None,
        message="one\ntwo",
    )


def test_a_separator_is_read_with_its_attempt_and_no_time() -> None:
    line = parse("[abc12345] [send_email] --- Retry 12 ---")
    assert line is not None
    assert (line.event, line.attempt, line.time, line.message) == ("retry", 12, None, "--- Retry 12 ---")


@pytest.mark.parametrize("format", [task_line, json_line])
@pytest.mark.parametrize("status", ["pending", "running", "success", "failed", "interrupted", "cancelled"])
async def test_a_status_is_read_from_both_formats(path: Path, format: Any, status: str) -> None:
    logger = FileLogger(path, log_lifecycle=True, format=format)
    await logger.on_lifecycle(lifecycle_event(status))
    await logger.close()
    [line] = read(path)
    assert (line.event, line.status, line.message, line.time) == ("lifecycle", status, f"-- {status.upper()}", NOON)


@pytest.mark.parametrize("format", [task_line, json_line])
def test_a_loss_is_read_from_both_formats(path: Path, format: Any) -> None:
    logger = FileLogger(WatchedFileSink(path, backlog_bytes=300), format=format)
    path.unlink()
    path.mkdir()  # a folder in place of the file: nothing can be written, and not all lines are kept

    for number in range(10):
        asyncio.run(logger.on_log(log_event(str(number))))
    path.rmdir()
    asyncio.run(logger.close())
    assert [line.event for line in read(path)][-1] == "loss"


def test_a_json_line_of_all_fields_is_read_with_all_of_them() -> None:
    fields = {
        "v": 1,
        "time": "2026-01-01T12:00:00.000001Z",
        "level": "error",
        "event": "lifecycle",
        "task_id": "abc12345-6789",
        "func_name": "send_email",
        "attempt": 2,
        "message": "-- FAILED",
        "status": "failed",
        "duration": 1.5,
        "retries_used": 2,
        "error": "boom",
        "stacktrace": "Traceback ...",
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
        "tags": {"tenant": "a"},
        "data": {"to": ["bob"]},
        "added_later": 1,
    }
    line = parse(json.dumps(fields))
    assert line is not None
    assert line.time == datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=timezone.utc)
    for name in fields.keys() - {"v", "time", "added_later"}:
        assert getattr(line, name) == fields[name]


@given(
    message=TEXT,
    event=st.fixed_dictionaries(
        {
            "timestamp": st.datetimes(timezones=st.just(timezone.utc)),
            "task_id": TEXT,
            "func_name": TEXT,
            "event": st.sampled_from(["log", "retry", "lifecycle", "loss"]),
            "attempt": st.integers(0),
            "tags": st.dictionaries(TEXT, TEXT),
            "data": st.dictionaries(TEXT, JSON),
            "status": st.none() | st.sampled_from(["running", "failed"]),
            "duration": st.none() | FINITE,
            "retries_used": st.none() | st.integers(0),
            "error": st.none() | TEXT,
            "stacktrace": st.none() | TEXT,
        }
    ),
    level=st.sampled_from(["DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR"]),
)
def test_a_json_line_is_parsed_back_exactly(message: str, event: dict[str, Any], level: str) -> None:
    expected = {**event, "time": event["timestamp"], "message": message, "level": level.lower()}
    del expected["timestamp"]
    line = parse(formatted(json_line, message, level=level, **event))
    assert line is not None
    assert replace(line, host=None, pid=None, error_type=None) == TaskLine(**expected)


@given(
    message=st.text(st.characters()),
    task_id=st.text(st.characters(exclude_characters="]")),
    func_name=st.text(st.characters() | st.sampled_from("[] ")),
    time=st.datetimes(datetime(1970, 1, 1), timezones=st.just(timezone.utc)),
)
def test_task_line_is_parsed_back_except_for_escapes_in_the_message(
    message: str, task_id: str, func_name: str, time: datetime
) -> None:
    assume(not any(ESCAPE.search(text) for text in (message, task_id, func_name)))
    line = parse(formatted(task_line, message, task_id=task_id, func_name=func_name, timestamp=time))
    expected = (time.replace(microsecond=0), task_id[:8], func_name, message)
    assert line is not None
    assert (line.time, line.task_id, line.func_name, line.message) == expected


def test_an_escape_in_the_message_itself_is_unescaped_too() -> None:
    line = parse(formatted(task_line, "C:\\new"))
    assert line is not None
    assert line.message == "C:\new"


@pytest.mark.parametrize("func_name", ["<lambda>", "a] [b", "f]", "[f", "] ", "f] 2026", ""])
def test_a_function_whose_name_has_brackets_is_read(func_name: str) -> None:
    line = parse(formatted(task_line, "[x] [y] 2026-01-01T12:00:00 z", func_name=func_name))
    assert line is not None
    assert (line.func_name, line.message) == (func_name, "[x] [y] 2026-01-01T12:00:00 z")


@pytest.mark.parametrize("format", [task_line, detailed_line])
@pytest.mark.parametrize("end", ["", "\\"])  # a line with an escape is parsed in another way
@pytest.mark.parametrize(
    "message",
    [
        "[x] [y] 2026-01-01T12:00:00 z",
        "[x] [y] 2026-01-01T12:00:00.000Z INFO attempt=0 z",
        "[x] [y] 2026-01-01T12:00:00Z z",
        "[x] [y] --- Retry 7 ---",
    ],
)
def test_a_message_that_looks_like_a_line_is_a_message(format: Callable[[Any], str], end: str, message: str) -> None:
    """Whatever format the line has, and the one that its message looks like."""
    line = parse(formatted(format, message + end))
    assert line is not None
    assert (line.event, line.func_name, line.message) == ("log", "send_email", message + end)


@pytest.mark.parametrize("message", ["got [x] 2026-01-01T12:00:00 z", "[x] --- Retry 7 ---", "] 2026-01-01T12:00:00 "])
def test_a_message_with_a_header_in_it_forges_no_header(message: str) -> None:
    at_noon = "[abc12345] [send_email] 2026-01-01T12:00:00"
    for line in (f"{at_noon} {message}", f"{at_noon}Z {message}", formatted(detailed_line, message)):
        parsed = parse(line)
        assert parsed is not None
        assert (parsed.func_name, parsed.time, parsed.event, parsed.message) == ("send_email", NOON, "log", message)


GOOD = formatted(json_line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "hello",
        "[other123] [send_email] hello",
        "[abc12345] hello",
        "[abc12345] [] hello",
        "[an id longer than any that eight characters make, escaped] [send_email] 2026-01-01T12:00:00 hello",
        "[abc12345] [send_email] 2026-01-0",
        "[abc12345] [send_email] 2026-13-01T12:00:00 hello",
        "[abc12345-] [send_email] ٢٠٢٦-01-01T12:00:00 hello",
        "[abc12345] [send_email] 2026-13-01T12:00:00Z hello",
        "[abc12345] [send_email] 2026-01-01T12:00:00 two\nlines",
        f"[abc12345-] [send_email] --- Retry {'9' * 10_000} ---",
        "[" * 100_000,
        "[a] [" + "] [" * 100_000,
        "{",
        "{}",
        "{" * 100_000,
        '{"a":' * 100_000,
        '{"v":1,"time":"2026-01-01T12:00:00.000000Z","message":' + "9" * 10_000 + "}",
        '{"v":1,"time":"2026-01-01T12:00:00.000000Z"}',
        '{"message":"hello","time":"2026-01-01T12:00:00.000000Z"}',
        GOOD.replace('"v":1', '"v":2'),
        GOOD.replace("12:00:00.000000Z", "12:00:00.000000+02:00"),
        GOOD.replace('"attempt"', '"data":[1],"attempt"'),
        GOOD.replace('"hello"', "5"),
        GOOD.replace('"hello"', "null"),
        GOOD.replace('"log"', '["log"]'),
        GOOD.replace('"attempt":0', '"attempt":true'),
        GOOD.replace('"v":1', '"v":"1"'),
        GOOD.replace("2026-01-01", "2026-13-01"),
        GOOD.replace('"hello"', "NaN"),
        GOOD.replace(",", ",\n"),
        GOOD + GOOD,
        GOOD[:-1],
    ],
    ids=lambda line: line[:40],
)
def test_a_line_of_another_format_is_none(line: str) -> None:
    assert parse(line) is None


@given(st.text(st.characters()), st.integers(0, 200), st.sampled_from([GOOD, numbered(1)]))
def test_no_line_raises(junk: str, place: int, line: str) -> None:
    parse(junk)
    parse(line[:place] + junk + line[place:])
    parse(line[:place] + junk)
    parse("{" + junk)


def test_the_lines_of_the_hosts_own_file_logger_are_read(path: Path) -> None:
    logger = fastapi_taskflow.FileLogger(str(path), log_lifecycle=True)
    task_id = "0a1b2c3d-6789"
    asyncio.run(logger.on_log(log_event("C:\\new -- SUCCESS", task_id=task_id)))
    asyncio.run(logger.on_lifecycle(lifecycle_event("failed", task_id=task_id)))
    asyncio.run(logger.close())

    common: dict[str, Any] = {"level": None, "task_id": "0a1b2c3d", "func_name": "send_email", "attempt": None}
    assert list(read(path)) == [
        TaskLine(time=None, event="log", message="C:\\new -- SUCCESS", **common),
        TaskLine(time=NOON, event="lifecycle", message="-- FAILED", status="failed", **common),
    ]


@pytest.mark.parametrize(("message", "status"), [("hello", None), ("-- REJECTED", "rejected"), ("", None)])
def test_a_time_with_a_z_is_read(message: str, status: str | None) -> None:
    line = parse(f"[abc12345] [send_email] 2026-01-01T12:00:00Z {message}")
    assert line is not None
    assert (line.time, line.message, line.status) == (NOON, message, status)


@pytest.mark.parametrize("given", [None, 3, b"x", ["x"]])
def test_a_value_that_is_not_a_str_is_a_type_error(given: Any) -> None:
    with pytest.raises(TypeError, match=f"^line must be a str, not {re.escape(repr(given))}$"):
        parse(given)


def test_a_line_is_equal_to_its_copy_and_shares_nothing_with_it() -> None:
    line, again = parse(GOOD), parse(GOOD)
    assert line is not None
    assert again is not None
    assert line == again == pickle.loads(pickle.dumps(line))
    line.data["more"] = line.tags["more"] = 1
    assert (again.data, again.tags) == ({}, {})


SYSTEMS = (ecs_line, otel_line, datadog_line, google_line)

WITHOUT_MSGSPEC = """
import pickle, sys
sys.modules["msgspec"] = None
from taskflow_loguru.reader import parse
lines = sys.stdin.buffer.read().decode().split("\\n")
sys.stdout.buffer.write(pickle.dumps([parse(line) for line in lines]))
"""


def test_without_msgspec_the_same_lines_are_read() -> None:
    lines = [
        GOOD,
        formatted(json_line, "ö\n", attempt=2, duration=1, data={"large": 2**70, "real": [0.1, 1e300], "inner": {}}),
        formatted(json_line, event="lifecycle", status="failed", error="boom", stacktrace="...", tags={"a": "b"}),
        *(GOOD.replace('"attempt":0', f'"attempt":{value}') for value in ("null", "true", '"0"', "[]", "1e400")),
        *(GOOD.replace("}", f',"data":{value}}}') for value in ("null", "[]", '{"a":NaN}', '{"a":null}', '{"a":1}')),
        *(GOOD.replace("}", f',"duration":{value}}}') for value in ("1", "1.5", "null", "true", '"1"')),
        *(GOOD.replace('"v":1', f'"v":{value}') for value in ("2", "null", "true", '"1"')),
        *(GOOD.replace('"hello"', value) for value in ("null", "1", '"\\u0000"')),
        GOOD.replace('"message"', '"other"'),
        GOOD.replace("}", ',"unknown":[1,{}]}'),
        *(
            line.replace('"hello"', value)
            for line in (formatted(each, data={"large": 2**70, "real": [0.1, 1e300]}) for each in SYSTEMS)
            for value in ('"hello"', '"\\u00f6\\u0000"', "NaN", "1", "null", "[" * 10_000)
        ),
        "[]",
        "{}",
        "{" * 10_000,
        '{"a":' * 10_000,
    ]
    program = [sys.executable, "-c", WITHOUT_MSGSPEC]
    ended = subprocess.run(program, input="\n".join(lines).encode(), stdout=subprocess.PIPE, check=True)
    found = pickle.loads(ended.stdout)
    assert found == [parse(line) for line in lines]
    assert len({id(line.data) for line in found if line}) == len([line for line in found if line])
