"""``detailed_line``: level, attempt, milliseconds, and the reason of a failure."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import task_log
from hypothesis import assume, given
from hypothesis import strategies as st

from taskflow_loguru import FileLogger, TaskManager, detailed_line, ecs_line, reader
from taskflow_loguru.formats._facts import error_type
from tests import worker_tasks
from tests.conftest import lifecycle_event, log_event
from tests.formats.events import DATA_VALUES, MOMENT, TRACEBACK, failure, line_of, record_of
from tests.hosting import app_with, lines_of

HEADER = "[f47ac10b] [send_email] 2026-01-01T12:00:00.123Z"


def detailed(record: Any, **options: Any) -> str:
    return line_of(detailed_line, record, **options).removesuffix("\n")


def reason(**extra: Any) -> Any:
    """Return the record of a failure without tags and data."""
    return failure(**{"tags": {}, "data": {}, **extra})


def test_a_line_has_its_level_its_attempt_and_milliseconds() -> None:
    assert detailed(record_of("slow", level="WARNING", attempt=2)) == f"{HEADER} WARNING attempt=2 slow"


def test_a_separator_has_a_time() -> None:
    record = record_of("--- Retry 1 ---", event="retry", attempt=1)
    assert detailed(record) == f"{HEADER} INFO attempt=1 --- Retry 1 ---"


def test_a_failure_has_its_duration_and_reason() -> None:
    assert detailed(reason()) == f"{HEADER} ERROR attempt=2 -- FAILED after 1.20 s: ConnectionError: refused"


@pytest.mark.parametrize(
    ("duration", "shown"), [(0, "0.000"), (0.0034, "0.003"), (0.5, "0.500"), (1.0, "1.00"), (61.234, "61.23")]
)
def test_a_duration_is_in_seconds(duration: float, shown: str) -> None:
    record = record_of("-- SUCCESS", level="SUCCESS", event="lifecycle", status="success", duration=duration)
    assert detailed(record) == f"{HEADER} SUCCESS attempt=0 -- SUCCESS after {shown} s"


def test_a_negative_duration_of_a_clock_that_was_set_back_comes_back() -> None:
    parsed = reader.parse(detailed(failure(duration=-0.5)))
    assert parsed is not None
    assert (parsed.status, parsed.duration) == ("failed", -0.5)


def test_an_error_of_several_lines_is_one_line() -> None:
    record = reason(error="first\nsecond", stacktrace="Traceback:\nValueError: first\nsecond\n")
    assert detailed(record).endswith("-- FAILED after 1.20 s: ValueError: first\\nsecond")


def test_an_error_without_a_traceback_has_its_text_alone() -> None:
    assert detailed(reason(stacktrace=None)).endswith("-- FAILED after 1.20 s: refused")


def test_a_record_without_a_task_has_dashes_as_id_and_attempt() -> None:
    record = record_of("welcome")
    record.update(extra={"user": "bob"}, time=MOMENT)
    assert detailed(record) == "[-] [main] 2026-01-01T12:00:00.123Z INFO attempt=- welcome user=bob"
    parsed = reader.parse(detailed(record))
    assert parsed is not None
    assert (parsed.event, parsed.attempt, parsed.level) == (None, None, "info")


@pytest.mark.parametrize(
    ("error", "stacktrace", "kind"),
    [
        ("refused", TRACEBACK, "ConnectionError"),
        ("boom", "Traceback:\nshop.orders.NoStock: boom\nnote: ask Bob\n", "shop.orders.NoStock"),
        ("", "Traceback:\nTimeoutError\n", "TimeoutError"),
        ("a: b", "Traceback:\nValueError: a: b\n", "ValueError"),
        ("x", "Traceback:\nm.f.<locals>.Odd: x\n", "m.f.<locals>.Odd"),
        ("ConnectionError: refused", TRACEBACK, "ConnectionError"),
        ("NoStock: boom", "Traceback:\nshop.orders.NoStock: boom\n", "shop.orders.NoStock"),
        ("OSError: refused", TRACEBACK, None),
        ("a: " * 5_000, TRACEBACK, None),
        ("boom", "Traceback (most recent call last):\n  raise Odd('boom')  # why: boom\n", None),
        ("boom", "", None),
        ("boom", None, None),
        (None, TRACEBACK, None),
        ("", "", None),
    ],
)
def test_the_class_of_an_error_is_the_one_that_its_traceback_names(error: Any, stacktrace: Any, kind: Any) -> None:
    assert error_type(error, stacktrace) == kind


def test_a_failure_comes_back_with_its_parts() -> None:
    parsed = reader.parse(detailed(reason(error="first\nsecond", stacktrace="ValueError: first\nsecond")))
    assert parsed == reader.TaskLine(
        time=datetime(2026, 1, 1, 12, 0, 0, 123000, tzinfo=timezone.utc),
        level="error",
        event="lifecycle",
        task_id="f47ac10b",
        func_name="send_email",
        attempt=2,
        message="-- FAILED",
        status="failed",
        duration=1.2,
        error="ValueError: first\nsecond",
    )


@given(
    message=st.text().filter(lambda text: not re.match(r"-- |--- ", text) and "\\" not in text),
    attempt=st.integers(0, 999),
    level=st.sampled_from(["DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"]),
    time=st.datetimes(timezones=st.just(timezone.utc)),
)
def test_any_message_comes_back(message: str, attempt: int, level: str, time: datetime) -> None:
    parsed = reader.parse(detailed(record_of(message, level=level, attempt=attempt, timestamp=time)))
    assert parsed is not None
    assert (parsed.event, parsed.message, parsed.attempt, parsed.level) == ("log", message, attempt, level.lower())
    assert parsed.time == time.replace(microsecond=time.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    "line",
    [
        f"{HEADER} INFO hello",
        f"{HEADER} INFO attempt=x hello",
        HEADER.replace("01-01", "02-30") + " INFO attempt=0 hello",
        f"{HEADER} INFO attempt={'9' * 5000} hello",
        "[" * 100_000,
        "[a] [" + "] 2026-01-01T12:00:00.123Z X attempt" * 5_000,
    ],
)
def test_a_line_of_another_program_is_none(line: str) -> None:
    assert reader.parse(line) is None


def test_data_and_tags_follow_the_message_in_logfmts_quoting() -> None:
    record = record_of("paid", data={"order": 42, "note": "two words"}, tags={"request_id": "7f3c"})
    assert detailed(record) == f'{HEADER} INFO attempt=0 paid order=42 note="two words"  request_id=7f3c'
    assert detailed(record, tags=False, data=False) == f"{HEADER} INFO attempt=0 paid"
    with pytest.raises(TypeError, match="tags must be True or False, not 1"):
        detailed(record, tags=1)


@given(
    message=st.text(st.sampled_from('ab ="\\1')) | st.text(),
    data=st.dictionaries(st.text(st.sampled_from('ab ="%.')), DATA_VALUES, max_size=3),
    tags=st.dictionaries(st.text(st.sampled_from('ab ="%.')), st.text(st.sampled_from('ab ="[\\1')), max_size=3),
)
def test_a_message_is_told_from_data_and_tags(message: str, data: dict[str, Any], tags: dict[str, str]) -> None:
    """Whatever the message looks like. An escape in a message is undone, so there is none here."""
    assume(not re.search(r"\\[nrtxu]|^--", message))
    parsed = reader.parse(detailed(record_of(message, data=data, tags=tags)))
    assert parsed is not None
    assert (parsed.message, parsed.data, parsed.tags) == (message, data, tags)


async def test_the_plain_line_stays_the_guides(tmp_path: Path) -> None:
    plain, detailed = FileLogger(tmp_path / "a.log", log_lifecycle=True), tmp_path / "b.log"
    full = FileLogger(detailed, log_lifecycle=True, format=detailed_line)
    for logger in (plain, full):
        await logger.on_log(log_event("Connecting"))
        await logger.on_lifecycle(
            lifecycle_event("failed", duration=1.2, error="refused", stacktrace="OSError: refused")
        )
        await logger.close()
    assert lines_of(tmp_path / "a.log") == [
        "[abc12345] [send_email] 2026-01-01T12:00:00 Connecting",
        "[abc12345] [send_email] 2026-01-01T12:00:00 -- FAILED",
    ]
    assert lines_of(detailed) == [
        "[abc12345] [send_email] 2026-01-01T12:00:00.000Z INFO attempt=0 Connecting",
        "[abc12345] [send_email] 2026-01-01T12:00:00.000Z ERROR attempt=0 -- FAILED after 1.20 s: OSError: refused",
    ]


def test_the_hosts_own_failure_names_class_and_text_of_the_exception(tmp_path: Path) -> None:
    def send() -> None:
        task_log("Connecting")
        raise ConnectionError("refused")

    manager = TaskManager(loggers=[FileLogger(tmp_path / "tasks.log", log_lifecycle=True, format=detailed_line)])
    manager.task(retries=1)(send)
    with TestClient(app_with(manager, send)) as client:
        client.post("/run/send")
    last = lines_of(tmp_path / "tasks.log")[-1]
    assert re.search(r"Z ERROR attempt=1 -- FAILED after 0\.\d{3} s: ConnectionError: refused$", last)


def test_a_failure_in_a_worker_process_names_class_and_text_too(tmp_path: Path) -> None:
    text, ecs = tmp_path / "tasks.log", tmp_path / "tasks.jsonl"
    loggers = [
        FileLogger(text, log_lifecycle=True, format=detailed_line),
        FileLogger(ecs, log_lifecycle=True, format=ecs_line),
    ]
    manager = TaskManager(loggers=loggers, max_process_workers=1)
    manager.task(executor="process")(worker_tasks.log_with_times_and_fail)
    with TestClient(app_with(manager, worker_tasks.log_with_times_and_fail)) as client:
        client.post("/run/log_with_times_and_fail")
    assert re.search(r" -- FAILED after \d+\.\d+ s: ConnectionError: refused$", lines_of(text)[-1])
    failed = json.loads(lines_of(ecs)[-1])
    assert (failed["error"]["type"], failed["error"]["message"]) == ("ConnectionError", "ConnectionError: refused")
