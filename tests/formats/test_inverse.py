"""Every parser is the inverse of its format: whatever an event has comes back; hostile numbers are left out."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timezone
from typing import Any

import loguru
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskflow_loguru import datadog_line, detailed_line, ecs_line, google_line, json_line, otel_line, reader, task_line
from taskflow_loguru.formats import RENDERERS, logfmt_line
from tests.formats.events import (
    DATA_VALUES,
    SPAN_ID,
    TRACE_ID,
    active_span,
    failure,
    line_of,
    record_of,
)

COMPLETE = [json_line, ecs_line, otel_line, datadog_line, google_line, logfmt_line]
"""The formats that have every fact."""

every_format = pytest.mark.parametrize("format", list(RENDERERS), ids=[each.__name__ for each in RENDERERS])
complete_format = pytest.mark.parametrize("format", COMPLETE, ids=[each.__name__ for each in COMPLETE])

TEXT = st.text()
KEYS = TEXT | st.text(st.sampled_from('a.1_% *="\\\t'))
EVENTS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["log", "retry", "lifecycle", "loss"]),
        "task_id": TEXT,
        "func_name": TEXT,
        "attempt": st.integers(0, 2**70),
        "timestamp": st.datetimes(timezones=st.just(timezone.utc)),
        "status": st.none() | st.sampled_from(["pending", "running", "failed", "interrupted", "paused"]),
        "duration": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "retries_used": st.none() | st.integers(0, 2**70),
        "error": st.none() | TEXT,
        "stacktrace": st.none() | TEXT,
        "module": st.none() | TEXT,
        "line": st.none() | st.integers(1, 2**31),
        "logger": st.none() | TEXT,
        "tags": st.dictionaries(KEYS, TEXT),
        "data": st.dictionaries(KEYS, DATA_VALUES),
    }
)
SAME = {"timestamp": "time"}


@complete_format
@given(event=EVENTS, message=TEXT, level=st.sampled_from(["TRACE", "DEBUG", "INFO", "SUCCESS", "ERROR", "CRITICAL"]))
@example({"event": "log", "duration": 1.2345678901234567, "data": {"": {"..": [{"a.b": 1, "a": {}}]}}}, "", "INFO")
@example(
    {"data": {"a": 1, "a.b": 2, "user": "bob", "user.id": 5, "%2E": 1}, "tags": {"a.b": "1", "a_b": "2"}}, "", "INFO"
)
def test_every_fact_comes_back(format: Any, event: dict[str, Any], message: str, level: str) -> None:
    record = record_of(message, level=level, **event)
    with active_span():
        parsed = reader.parse(line_of(format, record, host="web-1"))
    assert parsed is not None
    extra = record["extra"]
    found = {name: getattr(parsed, SAME.get(name, name)) for name in extra}
    assert found == extra
    assert (parsed.message, parsed.host) == (message, "web-1")
    assert parsed.level == ("debug" if (format, level) == (google_line, "TRACE") else level.lower())
    assert (parsed.trace_id, parsed.span_id, parsed.trace_flags) == (f"{TRACE_ID:032x}", f"{SPAN_ID:016x}", "01")
    assert isinstance(parsed.pid, int)


@complete_format
def test_the_class_of_an_error_comes_back(format: Any) -> None:
    parsed = reader.parse(line_of(format, failure()))
    assert parsed is not None
    assert (parsed.error_type, parsed.error) == ("ConnectionError", "refused")


@complete_format
def test_keys_that_become_equal_are_told_apart(format: Any) -> None:
    data = {1: "int", "1": "str", "inner": {None: 1, "None": 2}}
    parsed = reader.parse(line_of(format, record_of(data=data, tags={"a.b": "1", "a_b": "2", "a%2Eb": "3"})))
    assert parsed is not None
    assert parsed.data == {"1": "int", "1_2": "str", "inner": {"None": 1, "None_2": 2}}
    assert parsed.tags == {"a.b": "1", "a_b": "2", "a%2Eb": "3"}


def test_a_hundred_thousand_equal_keys_cost_no_quadratic_time() -> None:
    class Same:
        def __str__(self) -> str:
            return "same"

    fields = json.loads(line_of(json_line, record_of(data={Same(): number for number in range(50_000)})))
    assert list(fields["data"].values()) == list(range(50_000))


# -- hostile numbers ------------------------------------------------------------------------------

NINES = "9" * 400
TOO_LONG = "9" * 4301


def is_harmless(line: str) -> bool:
    """Return whether no number of a parsed line is infinite; the line may be one of another program."""
    parsed = reader.parse(line)
    if parsed is None:
        return True
    numbers = [parsed.duration, parsed.attempt, parsed.retries_used, parsed.line, *parsed.data.values()]
    return not any(isinstance(number, float) and math.isinf(number) for number in numbers)


@every_format
@pytest.mark.parametrize("number", [NINES, f"{NINES}.5", "1e400", "-1e400", TOO_LONG, f"-{TOO_LONG}"])
def test_a_number_out_of_range_is_read_or_left_out(format: Any, number: str) -> None:
    line = line_of(
        format, failure(duration=7.25, attempt=7077, retries_used=7077, line=7077, data={"x": 7077, "y": 7.25})
    )
    for place in ("7.25", "7077"):
        assert is_harmless(line.replace(place, number))
        for start in [match.start() for match in re.finditer(re.escape(place), line)]:
            assert is_harmless(line[:start] + number + line[start + len(place) :])


@pytest.mark.parametrize("format", [task_line, detailed_line], ids=["task_line", "detailed_line"])
@pytest.mark.parametrize(
    "message",
    [
        f"-- FAILED after {NINES}.0 s",
        f"-- FAILED after {NINES} s",
        f"-- SUCCESS after -{NINES}.00 s: x",
        f"--- Retry {TOO_LONG} ---",
        f"x a=1e400 b={TOO_LONG} c={NINES}",
        "-- PAUSED after 1.0 s",
    ],
)
def test_a_message_with_a_hostile_number_is_a_line(format: Any, message: str) -> None:
    line = line_of(format, record_of(message))
    assert is_harmless(line)
    parsed = reader.parse(line)
    assert parsed is not None
    assert parsed.func_name == "send_email"
    assert parsed.duration is None


@every_format
@pytest.mark.parametrize("year", [1, 9999])
def test_the_first_and_the_last_year_come_back(format: Any, year: int) -> None:
    moment = datetime(year, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    parsed = reader.parse(line_of(format, record_of(timestamp=moment)))
    assert parsed is not None
    assert parsed.time == moment


def test_a_line_of_the_version_before_is_read() -> None:
    """ecs_line of version 0.2 had dots in the names of its fields."""
    parsed = reader.parse(
        '{"@timestamp":"2026-01-01T12:00:00.123456Z","log.level":"error","message":"-- FAILED","ecs.version":"9.4.0",'
        '"event.action":"lifecycle","log.origin.function":"send","taskflow.task_id":"7","taskflow.attempt":0,'
        '"taskflow.status":"failed","labels":{"a":"b"},"taskflow.data":{"x.y":1},"process.pid":3}'
    )
    assert parsed is not None
    assert (parsed.level, parsed.event, parsed.task_id, parsed.status) == ("error", "lifecycle", "7", "failed")
    assert (parsed.data, parsed.tags, parsed.pid) == ({"x.y": 1}, {"a": "b"}, 3)


def test_loguru_writes_the_lines_of_logfmt() -> None:
    lines: list[str] = []
    handler = loguru.logger.add(lines.append, format=logfmt_line, catch=False)
    try:
        loguru.logger.bind(user="bob smith", n=1).info("hello {}", "you")
    finally:
        loguru.logger.remove(handler)
    assert ' msg="hello you" data.user="bob smith" data.n=1 host=' in lines[0]
    parsed = reader.parse(lines[0])
    assert parsed is not None
    assert (parsed.event, parsed.message, parsed.data) == (None, "hello you", {"user": "bob smith", "n": 1})
