from __future__ import annotations

import asyncio
import inspect
import logging
import logging.config
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi_taskflow import LogEvent, TaskObserver
from loguru import logger

from taskflow_loguru import FileLogger, LoguruLogger, capture, capture_logging, task_log
from tests import worker_tasks
from tests.hosting import Records, Run, lines_of, masked

pytestmark = pytest.mark.usefixtures("fresh_loguru")

log = logging.getLogger("shop.orders")
LEVEL = "%(levelname)s %(message)s"


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """Return the root logger as a program has it that has not configured logging, and restore it later."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in list(logging.Logger.manager.loggerDict):
        existing = logging.getLogger(name)
        existing.disabled = False
        if name.startswith("shop"):
            existing.setLevel(logging.NOTSET)
            existing.propagate = True


class Kept(logging.Handler):
    """A handler of the app that keeps its messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class InterceptHandler(logging.Handler):
    """From the standard library to loguru, in the way of loguru's documentation."""

    def emit(self, record: logging.LogRecord) -> None:
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame = frame.f_back
            depth += 1
        logger.opt(depth=depth, exception=record.exc_info).log(record.levelname, record.getMessage())


class PropagateHandler(logging.Handler):
    """From loguru to the standard library, in the way of loguru's documentation."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


def work() -> None:
    log.info("Order %d placed", 42, extra={"order": 42, "level": "gold"})


async def work_async() -> None:
    work()


def calling(function: Callable[[], Any]) -> Callable[[], None]:
    def task() -> None:
        function()

    return task


@pytest.mark.parametrize("function", [work, work_async])
def test_records_of_logging_reach_dashboard_observers_and_file(
    function: Callable[..., Any], tmp_path: Path, records: Records
) -> None:
    with capture_logging():
        run = Run(function, FileLogger(tmp_path / "tasks.log"), LoguruLogger(log_lifecycle=False))
    (event,) = run.events
    assert (event.message, event.level, event.extra) == ("Order 42 placed", "info", {"order": 42, "level_": "gold"})
    assert run.task["logs"][0].endswith(" Order 42 placed")
    assert masked(tmp_path / "tasks.log", id=run.task_id) == [f"[id] [{function.__name__}] time Order 42 placed"]
    (extra,) = (record["extra"] for record in records)
    first = inspect.getsourcelines(work)[1]
    assert (extra["logger"], extra["module"], extra["line"]) == ("shop.orders", "test_capture_logging", first + 1)


def test_records_of_a_worker_process_keep_time_and_origin(records: Records) -> None:
    """The worker captures the logger "shop", as ``tests/worker_tasks.py`` asks."""
    run = Run(worker_tasks.log_by_logging, LoguruLogger(log_lifecycle=False), executor="process", retries=1)
    first, second = run.events
    assert first.message.startswith("Attempt 0\nTraceback ")
    assert first.message.endswith("\nConnectionError: refused")
    assert "lock" in first.extra.pop("lock")
    assert (first.extra, first.level, second.message, second.attempt) == ({}, "error", "Attempt 1", 1)
    extra = records[0]["extra"]
    assert (extra["logger"], extra["module"]) == ("shop.worker", "worker_tasks")
    assert isinstance(extra["timestamp"], datetime)
    assert extra["timestamp"] < first.timestamp


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, "debug"),
        (10, "debug"),
        (19, "debug"),
        (25, "info"),
        (30, "warning"),
        (40, "error"),
        (50, "error"),
        (99, "error"),
    ],
)
def test_a_level_of_logging_is_mapped_by_its_number(number: int, expected: str) -> None:
    with capture_logging("shop", level=0):
        assert [event.level for event in Run(calling(lambda: log.log(number, "hello"))).events] == [expected]


def test_its_level_counts_in_tasks_only_and_handlers_stay_quiet(root: logging.Logger) -> None:
    handler = Kept()
    root.addHandler(handler)

    def log_all() -> None:
        log.debug("debug")
        log.info("info")
        log.warning("warning")
        logging.getLogger("httpx").info("of another library")
        root.debug("quiet")
        logging.getLogger("shop.quiet").info("its own level is higher")

    logging.getLogger("shop.quiet").setLevel("WARNING")
    with capture_logging(level="info"), capture_logging("shop", level=10):
        assert Run(log_all).messages == ["debug", "info", "warning", "of another library"]
        log_all()
    assert handler.messages == ["warning"] * 2


def test_records_that_do_not_propagate_to_the_logger_are_not_captured() -> None:
    def log_both() -> None:
        log.warning("of the shop")
        logging.getLogger("shopping").warning("of another")
        logging.getLogger().warning("of the root")

    with capture_logging("shop"):
        assert Run(log_both).messages == ["of the shop"]
    log.propagate = False
    with capture_logging("shop"):
        assert Run(log_both).messages == []


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        ("%d orders", ("no",), "%d orders ('no',)"),
        ("no place", (1, 2), "no place (1, 2)"),
        ("%s", (Unprintable(),), "%s <tuple that raises RuntimeError>"),
        (Unprintable(), (), "<Unprintable that raises RuntimeError> ()"),
        ("100%", (), "100%"),
        ({"a": 1}, (), "{'a': 1}"),
        ("%(a)s", ({"a": 1},), "1"),
        ("caf\udce9 {braces}\nb\n", (), "caf\\udce9 {braces}\nb\n"),
    ],
)
def test_a_message_never_raises_and_arrives_as_far_as_it_can_be_shown(
    message: Any, arguments: tuple[Any, ...], expected: str
) -> None:
    with capture_logging():
        run = Run(calling(lambda: log.info(message, *arguments)))
    assert (run.messages, run.task["status"]) == ([expected], "success")


def test_traceback_and_stack_follow_the_message_in_one_event(tmp_path: Path, root: logging.Logger) -> None:
    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert (record.msg, record.args, record.exc_text) == ("It went %s", ("wrong",), None)

    def fail_inside() -> None:
        try:
            raise LookupError("no such order")
        except LookupError:
            log.exception("It went %s", "wrong")
        log.info("Here", stack_info=True)

    root.handlers.insert(0, Seen())  # before those of pytest, whose formatter stores the text
    with capture_logging():
        run = Run(fail_inside, FileLogger(tmp_path / "tasks.log"))
    first, second = run.messages
    assert first.startswith("It went wrong\nTraceback (most recent call last):\n")
    assert first.endswith("\nLookupError: no such order")
    assert second.startswith("Here\nStack (most recent call last):\n")
    assert len(lines_of(tmp_path / "tasks.log")) == 2


@pytest.mark.parametrize(
    "configure",
    [
        lambda: logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"handlers": []}}),
        lambda: logging.basicConfig(force=True, level="ERROR"),
        lambda: logging.getLogger().handlers.clear(),
        lambda: logging.getLogger("shop").setLevel("CRITICAL"),
    ],
)
def test_a_later_configuration_of_logging_does_not_end_it(configure: Callable[[], Any]) -> None:
    with capture_logging("shop"):
        configure()
        assert Run(work).messages == ["Order 42 placed"]


def test_disabled_loggers_are_reported_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskflow_loguru._capture_logging._is_disabled_reported", False)
    with capture_logging():
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
        work()
        assert capsys.readouterr().err == ""
        assert Run(work).messages == Run(work).messages == []
    assert capsys.readouterr().err == (
        "taskflow_loguru: the logger 'shop.orders' is disabled, so its records are not captured; logging.config "
        "disables the loggers that exist, unless disable_existing_loggers is False\n"
    )


def test_outside_of_a_task_logging_is_as_without_it() -> None:
    """Nothing of it counts as a handler: basicConfig() works later, and the handler of last resort is there."""
    program = """
import logging
if {}:
    from taskflow_loguru import capture_logging
    capture_logging()
log = logging.getLogger("shop")
log.info("too quiet")
log.warning("by the handler of last resort")
logging.basicConfig(level="INFO", format="%(name)s %(funcName)s %(lineno)d %(message)s")
log.info("by basicConfig")
logging.disable()
log.error("disabled")
"""
    printed = []
    for with_it in (False, True):
        command = [sys.executable, "-c", program.format(with_it)]
        printed.append(subprocess.run(command, capture_output=True, text=True, check=True).stderr)
    assert printed[0] == printed[1] == "by the handler of last resort\nshop <module> 10 by basicConfig\n"


FORWARDED = ["by logging", "by loguru", "by task_log"]


def log_in_each_way() -> None:
    logging.getLogger("shop").warning("by logging")
    logger.warning("by loguru")
    task_log("by task_log", level="warning")


@pytest.mark.parametrize("with_capture", [True, False])
@pytest.mark.parametrize("handler_first", [True, False])
def test_with_an_intercept_handler_each_record_is_everywhere_once(
    with_capture: bool, handler_first: bool, records: Records, root: logging.Logger
) -> None:
    if handler_first:
        root.addHandler(InterceptHandler())
    if with_capture:
        capture()
    with capture_logging():
        if not handler_first:
            root.addHandler(InterceptHandler())
        run = Run(log_in_each_way, LoguruLogger(log_lifecycle=False))
    assert Counter(run.messages) == Counter(FORWARDED if with_capture else ["by logging", "by task_log"])
    assert Counter(records.messages) == Counter(FORWARDED)
    (origin,) = (record["function"] for record in records if record["message"] == "by logging")
    assert origin == "log_in_each_way"


@pytest.mark.parametrize("with_capture", ["first", "last", None])
def test_with_a_propagate_handler_each_record_is_everywhere_once(
    with_capture: str | None, records: Records, root: logging.Logger
) -> None:
    """``Logger.handle()`` does not look at the logger's level, so the app's handlers get what loguru propagates."""
    root.addHandler(handler := Kept())
    root.setLevel("ERROR")
    if with_capture == "first":
        capture()
    logger.add(PropagateHandler(), format="{message}")
    if with_capture == "last":
        capture()
    with capture_logging():
        run = Run(log_in_each_way, LoguruLogger(log_lifecycle=False))
    assert Counter(run.messages) == Counter(FORWARDED)
    assert Counter(records.messages) == Counter(FORWARDED)  # by LoguruLogger, those of logging too
    assert run.events[1].extra == {}
    assert Counter(handler.messages) == Counter(FORWARDED)


def test_a_loguru_exception_that_is_propagated_has_its_traceback_once() -> None:
    def fail_inside() -> None:
        try:
            raise LookupError("no such order")
        except LookupError:
            logger.bind(order=42).exception("It went wrong")

    logger.add(PropagateHandler(), format="{message}")
    with capture_logging():
        (event,) = Run(fail_inside).events
    assert event.message.startswith("It went wrong\nTraceback ")
    assert event.message.count("Traceback") == 1
    assert event.message.endswith("\nLookupError: no such order")
    assert event.extra == {"order": 42}


def test_what_a_handler_or_an_observer_logs_makes_no_loop(root: logging.Logger) -> None:
    class Chatty(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "smtp":
                logging.getLogger("smtp").warning(f"sent: {record.getMessage()}")

    class Observer(TaskObserver):
        async def on_log(self, event: LogEvent) -> None:
            log.warning(f"seen: {event.message}")
            await asyncio.to_thread(log.warning, f"seen in a thread: {event.message}")

    root.addHandler(Chatty())
    root.addHandler(handler := Kept())
    log.setLevel("INFO")
    with capture_logging():
        assert Run(work, Observer()).messages == ["Order 42 placed"]
    assert sorted(handler.messages) == sorted(
        [
            text
            for message in ("Order 42 placed", "seen: Order 42 placed", "seen in a thread: Order 42 placed")
            for text in (message, f"sent: {message}")
        ]
    )


def test_two_captures_capture_once_and_each_is_closed_by_itself() -> None:
    first, second = capture_logging(), capture_logging("shop")
    assert Run(work).messages == ["Order 42 placed"]
    first.close()
    assert Run(work).messages == ["Order 42 placed"]
    second.close()
    second.close()
    assert Run(work).messages == []
    assert repr(second) == "<LoggingCapture of <Logger shop (WARNING)> from level 20, closed>"
