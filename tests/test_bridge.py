from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import InMemoryLogger, LifecycleEvent, LogEvent, TaskObserver, get_task_context
from fastapi_taskflow.wrapper import ManagedBackgroundTasks
from loguru import logger

from taskflow_loguru import FileLogger, LoguruLogger, TaskManager, capture, json_line, task_line, task_log
from taskflow_loguru._task_log import SentMessage
from tests import worker_tasks
from tests.conftest import lifecycle_event, log_event
from tests.hosting import WAIT_SECONDS, Records, Run, Watch, app_with, lines_of, masked

if TYPE_CHECKING:
    from loguru import Logger, Record

logger.level("BRIDGE_NOTICE", no=27)


pytestmark = pytest.mark.usefixtures("fresh_loguru")


def another_logger() -> Logger:
    """Return a loguru logger with its own handlers, made in the way of loguru's documentation."""
    assert "handlers=[]" in repr(logger)
    return copy.deepcopy(logger)


def helper() -> None:
    logger.info("From a function that it calls")


def work() -> None:
    logger.info("From the task")
    helper()


async def work_async() -> None:
    work()
    await asyncio.sleep(0)


def attempt() -> int:
    context = get_task_context()
    assert context is not None
    return context.attempt


def succeed_at_second() -> None:
    logger.info(f"Attempt {attempt()}")
    if attempt() == 0:
        raise ConnectionError("refused")


async def succeed_at_second_async() -> None:
    succeed_at_second()


IN_THREAD_AND_LOOP = pytest.mark.parametrize("function", [work, work_async])


# -- from the app's loguru into the task ----------------------------------------------------------


class TestCapture:
    @IN_THREAD_AND_LOOP
    def test_the_app_s_records_in_a_task_reach_dashboard_observers_and_file(
        self, function: Callable[..., Any], tmp_path: Path
    ) -> None:
        capture()
        run = Run(function, FileLogger(tmp_path / "tasks.log"))
        assert run.messages == ["From the task", "From a function that it calls"]
        assert [line.split(" ", 1)[1] for line in run.task["logs"]] == run.messages
        assert masked(tmp_path / "tasks.log", id=run.task_id) == [
            f"[id] [{function.__name__}] time {message}" for message in run.messages
        ]

    def test_it_is_in_the_history_that_survives_a_restart(self, tmp_path: Path) -> None:
        capture()
        app = app_with(TaskManager(snapshot_db=str(tmp_path / "tasks.db")), work)
        with TestClient(app) as client:
            task_id = client.post("/run/work").json()
        with TestClient(app_with(TaskManager(snapshot_db=str(tmp_path / "tasks.db")), work)) as client:
            (task,) = [task for task in client.get("/tasks").json() if task["task_id"] == task_id]
        assert [line.split(" ", 1)[1] for line in task["logs"]] == ["From the task", "From a function that it calls"]

    @pytest.mark.parametrize("function", [succeed_at_second, succeed_at_second_async])
    def test_it_has_the_attempt_that_logged_it(self, function: Callable[..., Any]) -> None:
        capture()
        run = Run(function, retries=1)
        assert [(event.attempt, event.message) for event in run.events] == [(0, "Attempt 0"), (1, "Attempt 1")]

    @pytest.mark.parametrize(
        ("level", "expected"),
        [
            ("TRACE", "debug"),
            ("DEBUG", "debug"),
            ("INFO", "info"),
            ("SUCCESS", "info"),
            ("WARNING", "warning"),
            ("ERROR", "error"),
            ("CRITICAL", "error"),
            ("BRIDGE_NOTICE", "info"),
            (0, "debug"),
            (19, "debug"),
            (20, "info"),
            (29, "info"),
            (30, "warning"),
            (39, "warning"),
            (40, "error"),
            (99, "error"),
        ],
    )
    def test_a_level_is_mapped_by_its_number(self, level: str | int, expected: str) -> None:
        capture(level=0)

        def log() -> None:
            logger.log(level, "hello")

        assert [event.level for event in Run(log).events] == [expected]

    def test_records_below_its_level_stay_with_the_app(self, records: Records) -> None:
        capture(level="WARNING")

        def log() -> None:
            logger.info("quiet")
            logger.warning("loud")

        assert Run(log).messages == ["loud"]
        assert records.messages == ["quiet", "loud"]

    def test_trace_is_below_its_level_unless_asked_for(self) -> None:
        capture()
        assert Run(lambda_named("log", lambda: logger.trace("quiet"))).messages == []

    def test_bound_contextualized_and_configured_extra_are_the_events(self) -> None:
        logger.configure(extra={"service": "shop"})
        capture()

        def log() -> None:
            with logger.contextualize(customer=7):
                logger.bind(order=42).info("Order {number} placed", number=42)

        (event,) = Run(log).events
        assert event.message == "Order 42 placed"
        assert event.extra == {"service": "shop", "customer": 7, "order": 42, "number": 42}

    def test_values_contextualized_by_a_request_are_bound_in_its_task(self) -> None:
        capture()
        memory = InMemoryLogger()
        manager = TaskManager(loggers=[memory])

        async def request() -> None:
            tasks = ManagedBackgroundTasks(manager)
            with logger.contextualize(request="r1"):
                tasks.add_task(work)
            await tasks()

        asyncio.run(request())
        assert [event.extra for event in memory.log_events] == [{"request": "r1"}] * 2

    def test_extra_whose_name_task_log_has_for_itself_gets_an_underscore(self) -> None:
        capture()

        def log() -> None:
            bound = logger.bind(message="m", level="l", task_id="t")
            bound.patch(lambda record: record["extra"].update({1: "one"})).info("hello")

        (event,) = Run(log).events
        assert (event.message, event.level) == ("hello", "info")
        assert event.extra == {"message_": "m", "level_": "l", "task_id": "t", "1": "one"}

    def test_an_exception_keeps_its_traceback_and_is_one_line_in_the_file(self, tmp_path: Path) -> None:
        capture()

        def fail_inside() -> None:
            try:
                raise LookupError("no such order")
            except LookupError:
                logger.exception("It went wrong")

        run = Run(fail_inside, FileLogger(tmp_path / "tasks.log"))
        first, *_, last = run.messages[0].splitlines()
        assert (first, last) == ("It went wrong", "LookupError: no such order")
        assert 'raise LookupError("no such order")' in run.messages[0]
        assert "in fail_inside" in run.messages[0]
        (line,) = lines_of(tmp_path / "tasks.log")
        assert line.endswith(r"\nLookupError: no such order")

    def test_records_of_logger_catch_are_captured(self) -> None:
        capture()

        @logger.catch(message="Caught")
        def risky() -> None:
            raise LookupError("no such order")

        (event,) = Run(lambda_named("call", risky)).events
        assert event.level == "error"
        assert event.message.startswith("Caught\nTraceback ")

    @pytest.mark.parametrize("text", ["", "{braces} {0}", "<red>tags</red>", "ends with a newline\n", "a\nb"])
    def test_a_message_arrives_as_it_was_logged(self, text: str) -> None:
        capture()
        assert Run(lambda_named("log", lambda: logger.info(text))).messages == [text]

    def test_a_lone_surrogate_is_escaped_so_that_the_dashboard_works(self, records: Records) -> None:
        capture()
        run = Run(lambda_named("log", lambda: logger.info("caf\udce9")))
        assert run.messages == ["caf\\udce9"]
        assert run.task["logs"][0].endswith(" caf\\udce9")
        assert records.messages == ["caf\udce9"]

    def test_outside_of_a_task_nothing_happens(self, records: Records, caplog: pytest.LogCaptureFixture) -> None:
        memory = InMemoryLogger(min_level="debug")
        capture()
        with caplog.at_level(logging.DEBUG), TestClient(app_with(TaskManager(loggers=[memory]), work)):
            work()
        assert records.messages == ["From the task", "From a function that it calls"]
        assert memory.log_events == []
        assert [record for record in caplog.records if record.name.startswith("fastapi_taskflow")] == []

    @IN_THREAD_AND_LOOP
    def test_the_apps_other_sinks_see_every_record_as_before(
        self, function: Callable[..., Any], records: Records
    ) -> None:
        Run(function)
        before = [seen(record) for record in records]
        records.clear()
        capture()
        later = Records()
        logger.add(later, format="{message}")
        Run(function)
        assert [seen(record) for record in records] == before
        assert [seen(record) for record in later] == before

    def test_removing_its_id_undoes_it_and_nothing_else(self, records: Records) -> None:
        logger.remove(capture())
        assert Run(work).messages == []
        assert len(records) == 2

    @pytest.mark.parametrize("clear", [logger.remove, lambda: logger.configure(handlers=[])])
    def test_an_app_that_clears_its_logger_can_call_capture_again(
        self, clear: Callable[[], Any], tmp_path: Path
    ) -> None:
        file_logger = FileLogger(tmp_path / "tasks.log")
        capture()
        clear()
        assert Run(work, file_logger).messages == []
        logger.configure(handlers=[{"sink": (after := Records())}])
        capture()
        assert Run(work, file_logger).messages == after.messages == ["From the task", "From a function that it calls"]
        assert len(lines_of(tmp_path / "tasks.log")) == 2

    def test_two_calls_capture_each_record_once(self) -> None:
        capture()
        capture(level="INFO")
        assert Run(work).messages == ["From the task", "From a function that it calls"]

    def test_another_logger_is_captured_too(self) -> None:
        other = another_logger()
        capture(other)

        def log() -> None:
            logger.info("not captured")
            other.info("captured")

        assert Run(log).messages == ["captured"]

    def test_a_task_that_a_task_starts_logs_for_itself(self) -> None:
        capture()
        memory = InMemoryLogger(min_level="debug")
        watch = Watch()
        manager = TaskManager(loggers=[LoguruLogger(), memory, watch])

        async def child() -> None:
            logger.info("in the child")

        async def parent() -> None:
            ManagedBackgroundTasks(manager).add_task(child, eager=True)
            logger.info("in the parent")

        with TestClient(app_with(manager, parent)) as client:
            client.post("/run/parent")
            watch.wait_for("success", times=2)
        assert sorted((event.func_name, event.message) for event in memory.log_events) == [
            ("child", "in the child"),
            ("parent", "in the parent"),
        ]

    def test_a_task_that_an_observer_starts_is_captured(self) -> None:
        capture()
        watch = Watch()

        async def alert() -> None:
            logger.warning("alert sent")

        async def fail_loudly() -> None:
            logger.error("it went wrong")

        class Alerts(TaskObserver):
            async def on_log(self, event: LogEvent) -> None:
                if event.level == "error":
                    ManagedBackgroundTasks(manager).add_task(alert, eager=True)

        manager = TaskManager(loggers=[Alerts(), watch])
        with TestClient(app_with(manager, fail_loudly)) as client:
            client.post("/run/fail_loudly")
            watch.wait_for("alert sent")

    def test_the_logger_can_still_be_sent_to_another_process(self) -> None:
        capture()
        assert Run(work_with(pickle.loads(pickle.dumps(logger)))).messages == ["sent"]

    def test_an_invalid_argument_raises_at_the_call(self) -> None:
        with pytest.raises(TypeError, match="logger must be a loguru logger, not 'INFO'"):
            capture("INFO")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="'LOUD'"):
            capture(level="LOUD")
        with pytest.raises(TypeError, match="logger must be a loguru logger, not <RootLogger root"):
            LoguruLogger(logging.getLogger())  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="min_level must be one of"):
            LoguruLogger(min_level="loud")  # type: ignore[arg-type]


def lambda_named(name: str, function: Callable[[], Any]) -> Callable[[], None]:
    def call() -> None:
        function()

    call.__name__ = name
    return call


def work_with(sent: Logger) -> Callable[[], None]:
    return lambda_named("work_with", lambda: sent.info("sent"))


def seen(record: Record) -> tuple[Any, ...]:
    """Return the fields of a record for a sink, without time and thread."""
    return record["message"], record["level"].name, record["extra"], record["name"], record["function"], record["line"]


# -- worker processes -----------------------------------------------------------------------------


class TestWorkerProcess:
    def run(self, function: Callable[..., Any], *observers: TaskObserver, **config: Any) -> Run:
        return Run(function, *observers, executor="process", **config)

    def test_its_records_are_captured(self, records: Records) -> None:
        run = self.run(worker_tasks.compute, LoguruLogger())
        (event,) = run.events
        assert (event.message, event.level) == ("From a worker", "warning")
        assert event.extra == {"order": 42, "message_": "bound"}
        assert run.task["logs"][0].endswith(" From a worker")
        assert records.messages == ["-- RUNNING", "-- SUCCESS"]  # the worker's own sinks already have the line

    def test_records_of_an_async_function_are_captured(self) -> None:
        assert self.run(worker_tasks.compute_async).messages == ["From a worker's loop"]

    def test_attempts_and_tracebacks_reach_the_app(self) -> None:
        run = self.run(worker_tasks.fail_in_a_worker, retries=1)
        first, second = run.events
        assert first.message.startswith("First attempt\nTraceback ")
        assert first.message.splitlines()[-1] == "ConnectionError: refused"
        assert (second.message, second.attempt) == ("Second attempt", 1)

    def test_a_value_that_cannot_be_pickled_fails_no_task(self) -> None:
        run = self.run(worker_tasks.log_an_unpicklable_value)
        assert run.task["status"] == "success"
        lock, fragile, unprintable, state = (event.extra for event in run.events)
        assert "lock" in lock["lock"]
        assert fragile == {"error": "ab"}
        assert unprintable == {"value": "<Unprintable that raises RuntimeError>"}
        assert state == {"state": {"count": 1}}


# -- from the task into the app's loguru ----------------------------------------------------------


class TestLoguruLogger:
    @pytest.mark.parametrize(
        ("word", "name"), [("debug", "DEBUG"), ("info", "INFO"), ("warning", "WARNING"), ("error", "ERROR")]
    )
    async def test_a_task_log_has_loguru_s_level_of_that_name(self, word: str, name: str, records: Records) -> None:
        await LoguruLogger().on_log(log_event(level=word))
        assert [(record["level"].name, record["message"]) for record in records] == [(name, "hello")]

    @pytest.mark.parametrize(
        ("status", "name"),
        [("running", "INFO"), ("success", "SUCCESS"), ("failed", "ERROR"), ("interrupted", "WARNING")],
    )
    async def test_a_status_has_the_level_of_its_outcome(self, status: str, name: str, records: Records) -> None:
        await LoguruLogger().on_lifecycle(lifecycle_event(status))
        assert [(record["level"].name, record["message"]) for record in records] == [(name, f"-- {status.upper()}")]

    async def test_events_below_min_level_or_of_no_asked_kind_are_not_logged(self, records: Records) -> None:
        observer = LoguruLogger(min_level="warning")
        await observer.on_log(log_event())
        await LoguruLogger(log_lifecycle=False).on_lifecycle(lifecycle_event("failed"))
        assert records == []

    async def test_a_record_names_the_task_s_function_and_none_of_our_code(self, records: Records) -> None:
        await LoguruLogger().on_log(log_event())
        (record,) = records
        assert (record["name"], record["function"], record["module"]) == ("send_email",) * 3
        assert (record["file"].name, record["file"].path, record["line"]) == ("", "", 0)

    async def test_a_record_binds_the_fields_of_formats_and_those_of_the_app(self, records: Records) -> None:
        logger.configure(extra={"service": "shop", "task_id": "of the app"})
        await LoguruLogger(logger.bind(zone="eu")).on_log(log_event(extra={"order": 42}, tags={"team": "a"}, attempt=0))
        extra = records[0]["extra"]
        assert (extra["service"], extra["zone"]) == ("shop", "eu")
        assert (extra["task_id"], extra["func_name"], extra["event"]) == ("abc12345-6789", "send_email", "log")
        assert (extra["attempt"], extra["data"], extra["tags"]) == (0, {"order": 42}, {"team": "a"})

    async def test_format_filter_and_serialize_see_it(self) -> None:
        text: list[str] = []
        mine: list[str] = []
        serialized: list[str] = []
        logger.add(text.append, format="{extra[task_id]} {function} {message}")
        logger.add(mine.append, filter=lambda record: record["extra"].get("func_name") == "other", format="{message}")
        logger.add(serialized.append, serialize=True)
        observer = LoguruLogger()
        await observer.on_log(log_event("<b>{hello}</b>"))
        await observer.on_log(log_event("of another", func_name="other"))
        assert text[0] == "abc12345-6789 send_email <b>{hello}</b>\n"
        assert mine == ["of another\n"]
        record = json.loads(serialized[0])["record"]
        assert (record["extra"]["task_id"], record["message"]) == ("abc12345-6789", "<b>{hello}</b>")

    @pytest.mark.parametrize("format", [task_line, json_line])
    def test_a_sink_of_the_app_s_can_have_the_very_lines_of_a_file_logger(self, format: Any, tmp_path: Path) -> None:
        logger.add(tmp_path / "app.log", format=format, level=0)

        def fail() -> None:
            task_log("Trying", order=42)
            raise ConnectionError("refused")

        both = LoguruLogger(), FileLogger(tmp_path / "tasks.log", log_lifecycle=True, min_level="debug", format=format)
        Run(fail, *both, retries=1)
        assert lines_of(tmp_path / "app.log") == lines_of(tmp_path / "tasks.log")
        assert len(lines_of(tmp_path / "app.log")) == 5

    async def test_disabling_the_library_silences_it_and_enabling_it_again_does_not(self, records: Records) -> None:
        observer = LoguruLogger()
        logger.disable("taskflow_loguru")
        await observer.on_log(log_event("silenced"))
        logger.enable("taskflow_loguru")
        await observer.on_log(log_event("heard"))
        assert records.messages == ["heard"]

    async def test_it_logs_to_the_current_sinks_of_the_app(self, records: Records) -> None:
        observer = LoguruLogger()
        await observer.on_log(log_event("first"))
        logger.remove()
        await observer.on_log(log_event("to nobody"))
        logger.configure(handlers=[{"sink": (second := Records())}])
        await observer.on_log(log_event("second"))
        assert (records.messages, second.messages) == (["first"], ["second"])

    def test_a_sink_of_the_app_s_that_raises_fails_no_task(self) -> None:
        def raising(message: str) -> None:
            raise OSError("disk full")

        logger.add(raising, catch=False)
        run = Run(lambda_named("log", lambda: task_log("hello")), LoguruLogger())
        assert (run.task["status"], run.messages) == ("success", ["hello"])


# -- both at once ---------------------------------------------------------------------------------


class TestBothWays:
    def test_an_event_goes_through_each_sink_once(self, records: Records) -> None:
        capture()

        def log_both_ways() -> None:
            logger.info("by loguru")
            task_log("by task_log")

        run = Run(log_both_ways, LoguruLogger())
        assert run.messages == ["by loguru", "by task_log"]
        assert Counter(records.messages) == Counter(["-- RUNNING", "by loguru", "by task_log", "-- SUCCESS"])

    @pytest.mark.parametrize("shared", [True, False])
    def test_order_in_sinks_is_as_documented_and_times_are_right(
        self, shared: bool, records: Records, tmp_path: Path
    ) -> None:
        """On one logger 1 2 3 4 arrives as 2 4 1 3; a logger that is not captured gets them in order."""
        other = another_logger_beside(records)
        capture()
        others = Records()
        other.add(others)

        async def count() -> None:
            task_log("1")
            logger.info("2")
            task_log("3")
            logger.info("4")

        loguru_logger = LoguruLogger(logger if shared else other, log_lifecycle=False)
        Run(count, FileLogger(tmp_path / "tasks.log"), loguru_logger)
        seen = records if shared else others
        assert seen.messages == (["2", "4", "1", "3"] if shared else ["1", "2", "3", "4"])
        assert [record["message"] for record in sorted(seen, key=lambda record: record["time"])] == ["1", "2", "3", "4"]
        assert [line[-1] for line in lines_of(tmp_path / "tasks.log")] == ["1", "2", "3", "4"]

    def test_records_captured_from_one_logger_go_to_the_other(self, records: Records) -> None:
        other = another_logger_beside(records)
        others = Records()
        other.add(others)
        capture()
        capture(other)

        def log() -> None:
            logger.info("by the app's")
            other.info("by the other")

        run = Run(log, LoguruLogger(log_lifecycle=False), LoguruLogger(other, log_lifecycle=False))
        assert run.messages == ["by the app's", "by the other"]
        assert Counter(records.messages) == Counter(others.messages) == Counter(run.messages)

    @pytest.mark.parametrize("function", [succeed_at_second, succeed_at_second_async])
    def test_a_retry_has_one_separator_also_where_its_lines_were_captured(
        self, function: Callable[..., Any], records: Records
    ) -> None:
        capture()
        Run(function, LoguruLogger(log_lifecycle=False), retries=1)
        assert records.messages.count("--- Retry 1 ---") == 1
        assert [text for text in records.messages if text.startswith("Attempt")] == ["Attempt 0", "Attempt 1"]

    async def test_a_separator_has_the_true_time_of_its_captured_line(self, records: Records) -> None:
        time = datetime(2026, 1, 1, 11, 59, tzinfo=timezone.utc)
        captured = SentMessage("in a worker", time, "loguru.logger")
        await LoguruLogger().on_log(log_event(captured, attempt=1))
        assert [(record["message"], record["extra"]["timestamp"]) for record in records] == [("--- Retry 1 ---", time)]

    @pytest.mark.parametrize("where", ["in on_log", "in a thread", "in a task of its own"])
    def test_an_observer_that_logs_by_loguru_makes_no_loop(self, where: str, records: Records) -> None:
        capture()

        class LoggingObserver(TaskObserver):
            async def on_log(self, event: LogEvent) -> None:
                def log_hello() -> None:
                    logger.info(f"seen: {event.message}")

                async def log_hello_later() -> None:
                    log_hello()

                if where == "in on_log":
                    log_hello()
                elif where == "in a thread":
                    await asyncio.to_thread(log_hello)
                else:
                    await asyncio.create_task(log_hello_later())

            async def on_lifecycle(self, event: LifecycleEvent) -> None:
                logger.info(f"seen: {event.status.value}")

        run = Run(work, LoggingObserver(), LoguruLogger(log_lifecycle=False))
        assert run.messages == ["From the task", "From a function that it calls"]
        assert Counter(records.messages) == Counter(
            ["seen: running", *run.messages, *(f"seen: {text}" for text in run.messages), "seen: success"]
        )

    def test_an_observer_that_logs_events_of_task_log_makes_no_loop_either(self, records: Records) -> None:
        capture()

        class LoggingObserver(TaskObserver):
            async def on_log(self, event: LogEvent) -> None:
                logger.info(f"seen: {event.message}")

        run = Run(lambda_named("log", lambda: task_log("hello")), LoggingObserver(), LoguruLogger(log_lifecycle=False))
        assert run.messages == ["hello"]
        assert records.messages == ["seen: hello", "hello"]

    def test_an_observer_that_raises_makes_no_loop_with_an_intercept_handler(self, records: Records) -> None:
        class InterceptHandler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                logger.opt(exception=record.exc_info).log(record.levelname, record.getMessage())

        class Broken(TaskObserver):
            async def on_log(self, event: LogEvent) -> None:
                raise RuntimeError("broken")

        def log() -> None:
            logging.getLogger("app").warning("by the standard library")
            task_log("by task_log")

        capture()
        handler = InterceptHandler()
        logging.getLogger().addHandler(handler)
        try:
            run = Run(log, Broken(), LoguruLogger(log_lifecycle=False))
        finally:
            logging.getLogger().removeHandler(handler)
        assert run.messages == ["by the standard library", "by task_log"]
        assert {text: records.messages.count(text) for text in run.messages} == dict.fromkeys(run.messages, 1)
        assert sum("raised in on_log" in text for text in records.messages) == 2


def another_logger_beside(records: Records) -> Logger:
    logger.remove()
    other = another_logger()
    logger.add(records, level=0)
    return other


# -- one file for both ----------------------------------------------------------------------------


def has_no_task(record: Record) -> bool:
    """Filter a shared sink: the FileLogger has already written the records of tasks."""
    return "task_id" not in record["extra"] and get_task_context() is None


class TestOneFileForBoth:
    @pytest.mark.parametrize("enqueue", [False, True])
    async def test_the_app_s_records_stand_beside_the_task_s(self, enqueue: bool, tmp_path: Path) -> None:
        file_logger = FileLogger(tmp_path / "tasks.log", enqueue=enqueue)
        logger.add(file_logger.sink, format=task_line, level="INFO")
        logger.debug("too quiet")
        logger.info("app\nstarted")
        await file_logger.on_log(log_event())
        await file_logger.close()
        function = "test_the_app_s_records_stand_beside_the_task_s"
        assert masked(tmp_path / "tasks.log") == [
            rf"[-] [{function}] time app\nstarted",
            "[abc12345] [send_email] time hello",
        ]

    @pytest.mark.parametrize("enqueue", [False, True])
    @pytest.mark.parametrize("clear", [logger.remove, lambda: logger.configure(handlers=[])])
    async def test_clearing_the_app_s_logger_leaves_the_file_logger_working(
        self, clear: Callable[[], Any], enqueue: bool, tmp_path: Path
    ) -> None:
        file_logger = FileLogger(tmp_path / "tasks.log", enqueue=enqueue)
        for number in range(3):
            logger.add(file_logger.sink, format=task_line)
            logger.info(f"app {number}")
            await file_logger.on_log(log_event(f"task {number}"))
            clear()
            await file_logger.on_log(log_event(f"task {number} after it"))
        await file_logger.close()
        assert [line.split(" time ", 1)[1] for line in masked(tmp_path / "tasks.log")] == [
            text for number in range(3) for text in (f"app {number}", f"task {number}", f"task {number} after it")
        ]

    @pytest.mark.parametrize("enqueue", [False, True])
    async def test_app_and_task_threads_rotate_one_file_while_the_sink_is_re_added(
        self, enqueue: bool, tmp_path: Path
    ) -> None:
        path = tmp_path / "tasks.log"
        file_logger = FileLogger(path, max_bytes=10_000, backup_count=100, enqueue=enqueue)
        logger.add(file_logger.sink, format=task_line)
        start = threading.Barrier(4, timeout=WAIT_SECONDS)

        def log_as_the_app(name: int) -> None:
            start.wait()
            for number in range(300):
                logger.info(f"app {name}.{number}")

        def add_and_remove() -> None:
            start.wait()
            for _ in range(50):
                logger.remove(logger.add(file_logger.sink, format=task_line, filter=lambda record: False))

        threads = [threading.Thread(target=log_as_the_app, args=(name,)) for name in range(2)]
        threads.append(threading.Thread(target=add_and_remove))
        for thread in threads:
            thread.start()
        start.wait()
        for number in range(300):
            await file_logger.on_log(log_event(f"task {number}"))
        for thread in threads:
            await asyncio.to_thread(thread.join)
        await file_logger.close()

        files = files_in(tmp_path)
        assert len(files) > 1
        assert all(file.stat().st_size <= 10_000 for file in files)
        app = [f"app {name}.{number}" for name in range(2) for number in range(300)]
        assert messages_of(files) == Counter([*app, *(f"task {number}" for number in range(300))])


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def messages_of(files: list[Path]) -> Counter[str]:
    return Counter(line.split(" time ", 1)[1] for file in files for line in masked(file))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("enqueue", [False, True])
def test_with_a_hundred_threads_each_record_is_once_in_each_place(
    enqueue: bool, records: Records, tmp_path: Path
) -> None:
    count, lines = 100, range(5)
    file_logger = FileLogger(tmp_path / "tasks.log", max_bytes=20_000, backup_count=100, enqueue=enqueue)
    logger.add(file_logger.sink, format=task_line, filter=has_no_task)
    capture()
    watch = Watch()
    manager = TaskManager(loggers=[file_logger, LoguruLogger(log_lifecycle=False), watch], max_sync_threads=count)
    together = threading.Barrier(count, timeout=WAIT_SECONDS)
    names = iter(range(count))

    def log_both_ways() -> None:
        name = next(names)
        together.wait()
        for line in lines:
            logger.info(f"{name}.{line} by loguru")
            task_log(f"{name}.{line} by task_log")

    with TestClient(app_with(manager, log_both_ways)) as client:
        task_ids = {client.post("/start/log_both_ways").json() for _ in range(count)}
        for line in range(200):
            logger.info(f"app.{line}")
        watch.wait_for("success", times=count)
        tasks = [task for task in client.get("/tasks").json() if task["task_id"] in task_ids]

    of_tasks = [f"{name}.{line} by {by}" for name in range(count) for line in lines for by in ("loguru", "task_log")]
    everything = Counter([*of_tasks, *(f"app.{line}" for line in range(200))])
    assert Counter(line.split(" ", 1)[1] for task in tasks for line in task["logs"]) == Counter(of_tasks)
    assert Counter(records.messages) == everything
    assert messages_of(files_in(tmp_path)) == everything
