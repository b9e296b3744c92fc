"""``filter=`` of each observer: a function of the record, without the loss of a line."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from loguru import logger

from taskflow_loguru import FileLogger, LoguruLogger, StdoutLogger, TaskManager, capture, json_line, task_log
from taskflow_loguru.observer import LoguruObserver
from taskflow_loguru.reader import parse
from tests.conftest import lifecycle_event, log_event
from tests.hosting import app_with

if TYPE_CHECKING:
    from loguru import FilterFunction, Record

Shown = Callable[..., tuple[LoguruObserver, Callable[[], list[str]]]]


@pytest.fixture(autouse=True)
def _loguru_as_it_was() -> Iterator[None]:
    logger.remove()
    yield
    logger.remove()


@pytest.fixture(params=["FileLogger", "FileLogger in JSON", "FileLogger, enqueue", "StdoutLogger", "LoguruLogger"])
def make(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Return ``make(filter, **options)``: an observer of each kind, and a function that returns its messages."""
    path = tmp_path / "tasks.log"

    def of_file() -> list[str]:
        return [message_of(line) for line in path.read_text().splitlines()]

    def of_stdout() -> list[str]:
        printed.append(capsys.readouterr().out)
        return [message_of(line) for line in "".join(printed).splitlines()]

    printed: list[str] = []
    records: list[str] = []

    def make_one(filter: FilterFunction, **options: Any) -> tuple[LoguruObserver, Callable[[], list[str]]]:
        options = {"log_lifecycle": False, "min_level": "debug", **options, "filter": filter}
        if request.param == "StdoutLogger":
            return StdoutLogger(**options), of_stdout
        if request.param == "LoguruLogger":
            other = copy.deepcopy(logger)
            other.add(lambda message: records.append(message.record["message"]), level=0)
            return LoguruLogger(other, **options), lambda: records
        if request.param == "FileLogger in JSON":
            return FileLogger(path, format=json_line, **options), of_file
        if request.param == "FileLogger, enqueue":
            file_logger = FileLogger(path, enqueue=True, **options)

            def of_thread() -> list[str]:
                file_logger.sink.stop()
                return of_file()

            return file_logger, of_thread
        return FileLogger(path, **options), of_file

    return make_one


def message_of(line: str) -> str:
    parsed = parse(line)
    assert parsed is not None
    return parsed.message


def has_no_secret(record: Record) -> bool:
    return "secret" not in record["message"]


def remembering(records: list[Record]) -> FilterFunction:
    def passes(record: Record) -> bool:
        records.append(record)
        return True

    return passes


# -- what it decides on ---------------------------------------------------------------------------


async def test_it_decides_on_each_record_by_function_tag_level_or_event(make: Shown) -> None:
    wanted = {"func_name": "send_email", "tag": "a", "level": "WARNING", "event": "log"}

    def is_wanted(record: Record) -> bool:
        extra = record["extra"]
        found = {"func_name": record["function"], "tag": extra["tags"].get("team"), "event": extra["event"]}
        return {**found, "level": record["level"].name} == wanted

    observer, shown = make(is_wanted, log_lifecycle=True)
    fits: dict[str, Any] = {"func_name": "send_email", "tags": {"team": "a"}}
    await observer.on_log(log_event("yes", level="warning", **fits))
    await observer.on_log(log_event("level", level="info", **fits))
    await observer.on_log(log_event("function", level="warning", func_name="other", tags={"team": "a"}))
    await observer.on_log(log_event("tag", level="warning", func_name="send_email", tags={"team": "b"}))
    await observer.on_lifecycle(lifecycle_event("failed", **fits))
    assert shown() == ["yes"]


async def test_it_sees_the_whole_record_as_a_filter_of_loguru_does(make: Shown) -> None:
    seen: list[Record] = []
    observer, shown = make(remembering(seen))
    await observer.on_log(log_event("hello", extra={"order": 42}))
    (record,) = seen
    assert (record["message"], record["level"].name, record["exception"]) == ("hello", "INFO", None)
    assert (record["name"], record["function"], record["line"]) == ("send_email", "send_email", 0)
    assert record["thread"].name
    assert record["process"].id
    assert record["elapsed"]
    assert record["time"] == record["extra"]["timestamp"]
    assert record["extra"]["data"] == {"order": 42}
    assert shown() == ["hello"]


async def test_it_is_asked_once_for_each_record(make: Shown) -> None:
    asked: list[Record] = []
    observer, shown = make(remembering(asked), log_lifecycle=True)
    await observer.on_log(log_event("a", attempt=0))
    await observer.on_log(log_event("b", attempt=1))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=2))
    assert shown() == ["a", "--- Retry 1 ---", "b", "--- Retry 2 ---", "-- FAILED"]
    assert sorted(record["message"] for record in asked) == sorted(shown())


# -- separators -----------------------------------------------------------------------------------


@pytest.mark.parametrize("log_lifecycle", [True, False])
async def test_a_rejected_task_leaves_no_separator(make: Shown, log_lifecycle: bool) -> None:
    observer, shown = make(lambda record: record["function"] != "send_email", log_lifecycle=log_lifecycle)
    for attempt in (0, 1, 3):
        await observer.on_log(log_event("line", attempt=attempt))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=4))
    assert shown() == []


async def test_a_retry_whose_lines_are_all_rejected_has_no_separator(make: Shown) -> None:
    """The filter accepts the record of the separator, which would be useless alone."""
    observer, shown = make(has_no_secret)
    await observer.on_log(log_event("hello"))
    await observer.on_log(log_event("a secret", attempt=1))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=1))
    assert shown() == ["hello"]


async def test_the_first_line_of_a_retry_that_passes_brings_the_separator(make: Shown) -> None:
    observer, shown = make(has_no_secret)
    for attempt, message in [(1, "a secret"), (1, "hello"), (1, "a secret"), (1, "again")]:
        await observer.on_log(log_event(message, attempt=attempt))
    assert shown() == ["--- Retry 1 ---", "hello", "again"]


async def test_a_line_that_passes_brings_the_separators_of_earlier_retries(make: Shown) -> None:
    observer, shown = make(has_no_secret)
    for attempt, message in [(0, "hello"), (1, "a secret"), (3, "hello")]:
        await observer.on_log(log_event(message, attempt=attempt))
    assert shown() == ["hello", "--- Retry 1 ---", "--- Retry 2 ---", "--- Retry 3 ---", "hello"]


async def test_silent_retries_have_separators_at_the_end_beside_rejected_ones(make: Shown) -> None:
    observer, shown = make(has_no_secret)
    await observer.on_log(log_event("a secret", attempt=1))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=2))
    assert shown() == ["--- Retry 2 ---"]


async def test_a_rejected_status_holds_back_no_separator(make: Shown) -> None:
    observer, shown = make(lambda record: record["extra"]["event"] != "lifecycle", log_lifecycle=True)
    await observer.on_log(log_event("hello"))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=1))
    assert shown() == ["hello", "--- Retry 1 ---"]


async def test_a_filter_can_reject_separators(make: Shown) -> None:
    observer, shown = make(lambda record: record["extra"]["event"] != "retry")
    for attempt in (0, 1, 1):
        await observer.on_log(log_event(f"attempt {attempt}", attempt=attempt))
    await observer.on_lifecycle(lifecycle_event("failed", attempt=2))
    assert shown() == ["attempt 0", "attempt 1", "attempt 1"]


async def test_tasks_that_a_filter_has_rejected_are_forgotten_at_their_end() -> None:
    observer = StdoutLogger(filter=lambda record: False)
    for number in range(100):
        await observer.on_log(log_event(task_id=str(number), attempt=1))
        await observer.on_lifecycle(lifecycle_event("failed", task_id=str(number), attempt=1))
    assert not observer._retries.are_known


# -- a filter that fails --------------------------------------------------------------------------


async def test_a_filter_that_raises_loses_no_line_and_is_reported_once(
    make: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    observer, shown = make(lambda record: record["extra"]["data"]["tenant"] == "a")
    for number, data in enumerate([{"tenant": "a"}, {"tenant": "b"}, {}, {}]):
        await observer.on_log(log_event(str(number), extra=data))
    out, err = capsys.readouterr()
    print(out, end="")  # for shown()
    assert shown() == ["0", "2", "3"]
    assert err.count("the filter raised") == 1
    assert "KeyError: 'tenant'" in err


async def test_an_exception_that_ends_the_program_passes_through_the_filter(make: Shown) -> None:
    def interrupted(record: Record) -> bool:
        raise KeyboardInterrupt

    observer, _ = make(interrupted)
    with pytest.raises(KeyboardInterrupt):
        await observer.on_log(log_event())


# -- with the app's loguru ------------------------------------------------------------------------


def test_a_filter_that_logs_makes_no_event_of_its_task() -> None:
    messages: list[str] = []
    logger.add(lambda message: messages.append(message.record["message"]), level=0)
    capture()

    def logging_filter(record: Record) -> bool:
        logger.info(f"asked about {record['message']}")
        return True

    def log_hello() -> None:
        task_log("hello")

    manager = TaskManager(loggers=[LoguruLogger(log_lifecycle=False, filter=logging_filter)])
    manager.task()(log_hello)
    with TestClient(app_with(manager, log_hello)) as client:
        client.post("/run/log_hello")
    assert messages == ["asked about hello", "hello"]


async def test_a_sinks_own_filter_comes_after_it() -> None:
    kept: list[str] = []
    logger.add(lambda message: kept.append(message.record["message"]), filter=lambda record: "1" in record["message"])
    observer = LoguruLogger(filter=lambda record: "2" in record["message"])
    for message in ("1", "2", "12"):
        await observer.on_log(log_event(message))
    assert kept == ["12"]
