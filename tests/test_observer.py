from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from taskflow_loguru.observer import LoguruObserver
from tests.conftest import lifecycle_event, log_event

if TYPE_CHECKING:
    from loguru import Record, RecordLevel

WORDS = ["debug", "info", "warning", "error"]


class Recorder(LoguruObserver):
    """An observer that keeps its records."""

    def __init__(self, *, log_lifecycle: bool = True, min_level: Any = "debug") -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level)
        self.records: list[tuple[RecordLevel, str, dict[str, Any]]] = []

    def emit(self, record: Record) -> None:
        self.records.append((record["level"], record["message"], record["extra"]))

    @property
    def messages(self) -> list[str]:
        return [message for _, message, _ in self.records]


class Forgetful(LoguruObserver):
    """An observer that keeps no records: all memory that stays allocated belongs to the base class."""

    def __init__(self, *, log_lifecycle: bool) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level="debug")

    def emit(self, record: Record) -> None:
        pass


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


# -- levels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("debug", "DEBUG"),
        ("info", "INFO"),
        ("warning", "WARNING"),
        ("error", "ERROR"),
        ("Warning", "WARNING"),
        ("critical", "CRITICAL"),
        ("CRITICAL", "CRITICAL"),
        ("fatal", "CRITICAL"),
        ("exception", "ERROR"),
        ("err", "ERROR"),
        ("WARN", "WARNING"),
        ("success", "SUCCESS"),
        ("trace", "TRACE"),
        ("loud", "INFO"),
        ("", "INFO"),
        (None, "INFO"),
        (40, "INFO"),
        (["error"], "INFO"),
        (Unprintable(), "INFO"),
    ],
)
async def test_a_log_line_has_the_level_that_its_word_means(
    word: object, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown word counts as info, and is reported once."""
    observer = Recorder()
    for _ in range(2):
        await observer.on_log(log_event(level=word))
    assert [(level.name, message) for level, message, _ in observer.records] == [(name, "hello")] * 2
    is_unknown = name == "INFO" and word != "info"
    assert capsys.readouterr().err.count("unknown level") == is_unknown


@pytest.mark.parametrize("min_level", WORDS)
async def test_a_log_line_below_min_level_is_not_written(min_level: str) -> None:
    observer = Recorder(min_level=min_level)
    for word in WORDS:
        await observer.on_log(log_event(word, level=word))
    assert observer.messages == WORDS[WORDS.index(min_level) :]


@pytest.mark.parametrize(("min_level", "written"), [("info", ["loud", "critical"]), ("error", ["critical"])])
async def test_min_level_takes_unknown_levels_as_info_and_critical_above_error(
    min_level: str, written: list[str]
) -> None:
    observer = Recorder(min_level=min_level)
    for word in ("loud", "critical"):
        await observer.on_log(log_event(word, level=word))
    assert observer.messages == written


INFORMING = ["pending", "running", "success", "cancelled", "rejected"]


@pytest.mark.parametrize(
    ("min_level", "written"),
    [
        ("debug", [*INFORMING, "interrupted", "failed"]),
        ("info", [*INFORMING, "interrupted", "failed"]),
        ("warning", ["interrupted", "failed"]),
        ("error", ["failed"]),
    ],
)
async def test_a_status_has_the_documented_level(min_level: str, written: list[str]) -> None:
    observer = Recorder(min_level=min_level)
    for status in [*INFORMING, "interrupted", "failed"]:
        await observer.on_lifecycle(lifecycle_event(status))
    assert observer.messages == [f"-- {status.upper()}" for status in written]


async def test_without_log_lifecycle_no_status_is_written() -> None:
    observer = Recorder(log_lifecycle=False)
    for status in ("running", "failed"):
        await observer.on_lifecycle(lifecycle_event(status))
    assert observer.records == []


# -- the fields of a record -----------------------------------------------------------------------


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a local time zone that differs from UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-5:30")
        time.tzset()
        yield
    time.tzset()


async def test_the_record_of_a_log_line_binds_the_fields_of_the_event() -> None:
    observer = Recorder()
    event = log_event("sent", attempt=0, tags={"tenant": "a"}, extra={"recipient": "bob", "count": 2})
    await observer.on_log(event)
    [(_, message, extra)] = observer.records
    assert message == "sent"
    assert extra == {
        "task_id": "abc12345-6789",
        "func_name": "send_email",
        "attempt": 0,
        "event": "log",
        "status": None,
        "timestamp": datetime(2026, 1, 1, 12, tzinfo=timezone.utc),
        "tags": {"tenant": "a"},
        "data": {"recipient": "bob", "count": 2},
        "retries_used": None,
        "duration": None,
        "error": None,
        "stacktrace": None,
    }


async def test_the_record_of_a_status_binds_how_the_task_ended() -> None:
    observer = Recorder()
    event = lifecycle_event("failed", duration=1.5, error="boom", stacktrace="Traceback ...", tags={"tenant": "a"})
    await observer.on_lifecycle(event)
    [(_, message, extra)] = observer.records
    assert message == "-- FAILED"
    assert extra == {
        "task_id": "abc12345-6789",
        "func_name": "send_email",
        "attempt": 0,
        "event": "lifecycle",
        "status": "failed",
        "timestamp": datetime(2026, 1, 1, 12, tzinfo=timezone.utc),
        "tags": {"tenant": "a"},
        "data": {},
        "retries_used": 0,
        "duration": 1.5,
        "error": "boom",
        "stacktrace": "Traceback ...",
    }


async def test_the_record_of_a_separator_binds_the_retry_that_it_announces() -> None:
    observer = Recorder()
    await observer.on_log(log_event("again", attempt=2, tags={"tenant": "a"}))
    told = [(extra["event"], extra["attempt"], extra["tags"], extra["data"]) for _, _, extra in observer.records]
    assert told == [
        ("retry", 1, {"tenant": "a"}, {}),
        ("retry", 2, {"tenant": "a"}, {}),
        ("log", 2, {"tenant": "a"}, {}),
    ]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, 12),
        datetime(2026, 1, 1, 12, tzinfo=timezone.utc),
        datetime(2026, 1, 1, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2025, 12, 31, 23, tzinfo=timezone(-timedelta(hours=13))),
    ],
)
async def test_the_time_is_the_events_own_in_utc_and_a_naive_one_is_utc(moment: datetime, far_from_utc: None) -> None:
    observer = Recorder()
    await observer.on_log(log_event(timestamp=moment))
    await observer.on_lifecycle(lifecycle_event(timestamp=moment))
    for _, _, extra in observer.records:
        assert extra["timestamp"].isoformat() == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("message", "text"),
    [(42, "42"), (None, "None"), (Unprintable(), "<Unprintable that raises RuntimeError>")],
)
async def test_a_message_that_is_not_a_str_is_written_as_text(message: object, text: str) -> None:
    observer = Recorder()
    await observer.on_log(log_event(message))
    assert observer.messages == [text]


# -- retry separators -----------------------------------------------------------------------------


async def test_a_separator_comes_once_before_the_first_line_of_a_retry() -> None:
    observer = Recorder()
    for attempt in (0, 0, 1, 1, 2):
        await observer.on_log(log_event(f"line of attempt {attempt}", attempt=attempt))
    await observer.on_lifecycle(lifecycle_event("success", attempt=2))
    assert observer.messages == [
        "line of attempt 0",
        "line of attempt 0",
        "--- Retry 1 ---",
        "line of attempt 1",
        "line of attempt 1",
        "--- Retry 2 ---",
        "line of attempt 2",
        "-- SUCCESS",
    ]


async def test_the_separator_of_a_silent_attempt_comes_before_its_status() -> None:
    observer = Recorder()
    await observer.on_lifecycle(lifecycle_event("running"))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=1))
    assert observer.messages == ["-- RUNNING", "--- Retry 1 ---", "-- FAILED"]


@pytest.mark.parametrize("status", ["success", "failed", "interrupted", "cancelled", "rejected"])
async def test_without_lifecycle_lines_silent_retries_get_separators_at_the_end(status: str) -> None:
    observer = Recorder(log_lifecycle=False)
    await observer.on_log(log_event("first"))
    await observer.on_lifecycle(lifecycle_event(status, attempt=2, tags={"tenant": "a"}))
    assert observer.messages == ["first", "--- Retry 1 ---", "--- Retry 2 ---"]
    level, _, extra = observer.records[-1]
    assert (level.name, extra["event"], extra["attempt"], extra["tags"]) == ("INFO", "retry", 2, {"tenant": "a"})


async def test_an_end_below_min_level_brings_no_separators() -> None:
    observer = Recorder(log_lifecycle=False, min_level="warning")
    await observer.on_lifecycle(lifecycle_event("success", attempt=2))
    assert observer.messages == []


@pytest.mark.parametrize("status", ["interrupted", "cancelled"])
async def test_a_thread_left_over_from_silent_retries_gets_no_new_separator(status: str) -> None:
    observer = Recorder(log_lifecycle=False)
    await observer.on_lifecycle(lifecycle_event(status, attempt=1))
    await observer.on_log(log_event("late", attempt=1))
    assert observer.messages == ["--- Retry 1 ---", "late"]


async def test_the_separators_of_silent_retries_come_before_the_next_line() -> None:
    observer = Recorder()
    await observer.on_log(log_event("first", attempt=0))
    await observer.on_log(log_event("fourth", attempt=3))
    assert observer.messages == ["first", "--- Retry 1 ---", "--- Retry 2 ---", "--- Retry 3 ---", "fourth"]


async def test_a_separator_is_shown_with_its_line_and_is_never_an_error() -> None:
    observer = Recorder(min_level="warning")
    await observer.on_log(log_event("too quiet", attempt=1, level="info"))
    assert observer.records == []
    await observer.on_log(log_event("loud", attempt=1, level="error"))
    assert [(level.name, message) for level, message, _ in observer.records] == [
        ("INFO", "--- Retry 1 ---"),
        ("ERROR", "loud"),
    ]


@pytest.mark.parametrize("word", ["debug", "trace"])
async def test_a_separator_before_a_line_below_info_is_at_debug(word: str) -> None:
    observer = Recorder()
    await observer.on_log(log_event("quiet", attempt=1, level=word))
    assert [level.name for level, _, _ in observer.records] == ["DEBUG", word.upper()]


async def test_the_retries_of_two_tasks_are_independent() -> None:
    observer = Recorder()
    for task_id, attempt in [("a", 1), ("b", 1), ("a", 1), ("b", 2)]:
        await observer.on_log(log_event(f"line of {task_id}", task_id=task_id, attempt=attempt))
    assert [(extra["task_id"], message) for _, message, extra in observer.records] == [
        ("a", "--- Retry 1 ---"),
        ("a", "line of a"),
        ("b", "--- Retry 1 ---"),
        ("b", "line of b"),
        ("a", "line of a"),
        ("b", "--- Retry 2 ---"),
        ("b", "line of b"),
    ]


@pytest.mark.parametrize("log_lifecycle", [True, False])
@pytest.mark.parametrize("ended", [True, False])
async def test_a_requeued_task_starts_at_attempt_0_again(log_lifecycle: bool, ended: bool) -> None:
    observer = Recorder(log_lifecycle=log_lifecycle)
    for _ in range(2):
        await observer.on_lifecycle(lifecycle_event("running"))
        await observer.on_log(log_event("again", attempt=1))
        if ended:
            await observer.on_lifecycle(lifecycle_event("interrupted", attempt=1))
    one_run = ["--- Retry 1 ---", "again"]
    if log_lifecycle:
        one_run = ["-- RUNNING", *one_run, *(["-- INTERRUPTED"] if ended else [])]
    assert observer.messages == one_run * 2


async def test_a_requeued_task_that_logs_before_a_status_starts_at_attempt_0() -> None:
    observer = Recorder()
    for attempt in (1, 0, 1):
        await observer.on_log(log_event(f"attempt {attempt}", attempt=attempt))
    assert observer.messages == ["--- Retry 1 ---", "attempt 1", "attempt 0", "--- Retry 1 ---", "attempt 1"]


# -- memory ---------------------------------------------------------------------------------------


FINAL = ["success", "failed", "interrupted", "cancelled", "rejected"]


async def retry_tasks(observer: LoguruObserver, numbers: range, *, finish: bool) -> None:
    for number in numbers:
        await observer.on_log(log_event(task_id=f"task {number}", attempt=1))
        if finish:
            status = FINAL[number % len(FINAL)]
            await observer.on_lifecycle(lifecycle_event(status, task_id=f"task {number}", attempt=1))


async def growth_of_memory(observer: LoguruObserver, numbers: range, *, finish: bool) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        await retry_tasks(observer, numbers, finish=finish)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("log_lifecycle", [True, False])
async def test_100_000_finished_tasks_leave_nothing_behind(log_lifecycle: bool) -> None:
    observer = Forgetful(log_lifecycle=log_lifecycle)
    await retry_tasks(observer, range(100), finish=True)
    gc.collect()
    before = sys.getallocatedblocks()
    await retry_tasks(observer, range(100_000), finish=True)
    gc.collect()
    assert sys.getallocatedblocks() - before < 1_000  # objects: a hundredth of one per task


async def test_tasks_that_never_report_an_end_take_bounded_memory() -> None:
    observer = Forgetful(log_lifecycle=True)
    await retry_tasks(observer, range(20_000), finish=False)
    first = await growth_of_memory(observer, range(20_000, 40_000), finish=False)
    second = await growth_of_memory(observer, range(40_000, 80_000), finish=False)
    # The memory is full and partly replaced by then: more tasks must not need more.
    assert second < first + 100_000


@pytest.mark.parametrize("status", ["interrupted", "cancelled"])
async def test_a_stopped_tasks_thread_gets_no_second_separator(status: str) -> None:
    observer = Recorder()
    await observer.on_log(log_event("on", attempt=1))
    await observer.on_lifecycle(lifecycle_event(status, attempt=1))
    await observer.on_log(log_event("late", attempt=1))
    messages = [message for _, message, _ in observer.records]
    assert messages == ["--- Retry 1 ---", "on", f"-- {status.upper()}", "late"]


async def test_a_stopped_task_that_is_run_again_gets_its_separators_again() -> None:
    observer = Recorder(log_lifecycle=False)
    for _ in range(2):
        await observer.on_lifecycle(lifecycle_event("running"))
        await observer.on_log(log_event("again", attempt=1))
        await observer.on_lifecycle(lifecycle_event("interrupted", attempt=1))
    assert [message for _, message, _ in observer.records] == ["--- Retry 1 ---", "again"] * 2


async def test_a_line_of_an_earlier_retry_does_not_repeat_a_separator() -> None:
    observer = Recorder()
    for attempt in (1, 2, 1, 2):
        await observer.on_log(log_event(str(attempt), attempt=attempt))
    messages = [message for _, message, _ in observer.records]
    assert messages == ["--- Retry 1 ---", "1", "--- Retry 2 ---", "2", "1", "2"]
