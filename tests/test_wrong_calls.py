"""Every invalid argument is an error at the call, with the parameter, the value and the allowed values."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from logging import handlers
from pathlib import Path
from typing import Any, NamedTuple

import fastapi_taskflow
import loguru
import pytest
from loguru import _file_sink

from taskflow_loguru import (
    FileLogger,
    LoguruLogger,
    StdoutLogger,
    TaskManager,
    capture,
    capture_logging,
    datadog_line,
    detailed_line,
    ecs_line,
    google_line,
    json_line,
    otel_line,
    reader,
)
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink

Call = Callable[..., object]
Options = dict[str, Any]


class Wrong(NamedTuple):
    """A wrong call, and the required text of its error."""

    call: Call
    arguments: Options
    parameter: str
    allowed: str

    @property
    def value(self) -> Any:
        return self.arguments[self.parameter]


def no_argument() -> str:
    return "line\n"


def two_arguments(record: object, more: object) -> str:
    return "line\n"


async def later(*arguments: object) -> str:
    return "line\n"


def nothing(record: object) -> None:
    pass


def a_number(record: object) -> int:
    return 3


def always_alike(record: object) -> str:
    return "a line\n"


class Later:
    async def __call__(self, *arguments: object) -> str:
        return "line\n"


FILE, ROTATING = {"path": "tasks.log"}, {"path": "tasks.log", "max_bytes": 1000, "backup_count": 5}
LOG_FILE = {"log_file": "tasks.log"}
OBSERVERS: list[tuple[Call, Options]] = [
    (FileLogger, FILE),
    (StdoutLogger, {}),
    (LoguruLogger, {}),
]


def on_background_sink(**arguments: Any) -> object:
    return BackgroundSink(WatchedFileSink(os.devnull), **arguments)


def wrong_sizes() -> Iterator[Wrong]:
    places: list[tuple[Call, Options, str]] = [
        (FileLogger, FILE, "max_bytes"),
        (FileLogger, {**FILE, "mode": "watched"}, "backup_count"),
        (TaskManager, LOG_FILE, "log_file_max_bytes"),
        (TaskManager, LOG_FILE, "log_file_backup_count"),
        (RotatingFileSink, ROTATING, "max_bytes"),
        (RotatingFileSink, ROTATING, "backup_count"),
        (RotatingFileSink, ROTATING, "backlog_bytes"),
        (WatchedFileSink, FILE, "backlog_bytes"),
        (on_background_sink, {}, "max_pending_bytes"),
    ]
    for call, right, parameter in places:
        yield Wrong(call, {**right, parameter: -1}, parameter, "at least 0")
        for value in (True, 1.5, "10 MB", None, b"1"):
            yield Wrong(call, {**right, parameter: value}, parameter, "an int of at least 0")


def wrong_flags() -> Iterator[Wrong]:
    places: list[tuple[Call, Options, str]] = [
        *((observer, right, "log_lifecycle") for observer, right in OBSERVERS),
        (FileLogger, FILE, "enqueue"),
        (TaskManager, LOG_FILE, "log_lifecycle"),
        (TaskManager, {}, "log_lifecycle"),
        (reader.follow, FILE, "from_start"),
    ]
    for call, right, parameter in places:
        for value in (1, 0, "no", None):
            yield Wrong(call, {**right, parameter: value}, parameter, "True or False")


def wrong_levels() -> Iterator[Wrong]:
    value: Any
    for observer, right in OBSERVERS:
        for value in ("loud", "", "TRACE", " info", 30, None, 1.5, b"info", ["info"]):
            yield Wrong(
                observer, {**right, "min_level": value}, "min_level", "one of 'debug', 'info', 'warning', 'error'"
            )
    for value in ("nope", "", " info"):
        yield Wrong(capture, {"level": value}, "level", "the name of one of the logger's levels")
        yield Wrong(capture_logging, {"level": value}, "level", "the name of one of logging's levels")
    for value in (-1, True, False, None, 1.5, b"INFO", ["INFO"]):
        for call in (capture, capture_logging):
            yield Wrong(call, {"level": value}, "level", "the name of a level or an int of at least 0")


def wrong_paths() -> Iterator[Wrong]:
    value: Any
    places: list[tuple[Call, Options, str]] = [
        (FileLogger, {}, "path"),
        (RotatingFileSink, ROTATING, "path"),
        (WatchedFileSink, {}, "path"),
        (TaskManager, {}, "log_file"),
        (reader.read, {}, "path"),
        (reader.follow, {}, "path"),
    ]
    for call, right, parameter in places:
        for value in (3, b"tasks.log", ["tasks.log"]):
            yield Wrong(call, {**right, parameter: value}, parameter, "a str or an os.PathLike of str")
        for value in ("", "a\0b", ".", "folder/"):
            yield Wrong(call, {**right, parameter: value}, parameter, "a file's path")


def wrong_formats() -> Iterator[Wrong]:
    value: Any
    for value in ("json", "%(message)s", "", "\n", "{time} {level}", "{extra[task_id]}", always_alike):
        yield Wrong(FileLogger, {**FILE, "format": value}, "format", "show the message, as '{message}' does")
    for value in ("{message", "{nope} {message}", "{message.nope}", "{}", "<red>{message}"):
        yield Wrong(FileLogger, {**FILE, "format": value}, "format", "a loguru format string")
    for value in (3, None, b"{message}", ["{message}"]):
        yield Wrong(FileLogger, {**FILE, "format": value}, "format", "a loguru format string or a function")
    for value in (no_argument, two_arguments, later, Later(), str, partial(two_arguments, less=1), partial(later)):  # type: ignore[call-arg]
        yield Wrong(FileLogger, {**FILE, "format": value}, "format", "a function of the record")


def wrong_options_of_formats() -> Iterator[Wrong]:
    """Yield options of formats, set with ``functools.partial``: they are checked when the FileLogger is created."""
    systems = (ecs_line, otel_line, datadog_line, google_line)
    for line_format in (json_line, detailed_line, *systems):
        made = partial(file_logger_with, line_format)
        for value in ("16 KiB", 1.5, True):
            yield Wrong(made, {"max_bytes": value}, "max_bytes", "an int or None")
        for value in (0, -1, 20):
            yield Wrong(made, {"max_bytes": value}, "max_bytes", "at least")
    for line_format in systems:
        made = partial(file_logger_with, line_format)
        for name in ("service", "environment", "host"):
            yield Wrong(made, {name: 3}, name, "a str or None")
            yield Wrong(made, {name: ""}, name, "a text of at least one character")
    for value in ("no project", "a/b"):
        yield Wrong(
            partial(file_logger_with, google_line), {"project": value}, "project", "the id of a Google Cloud project"
        )


def file_logger_with(format: Any, **options: Any) -> object:
    return FileLogger("tasks.log", format=partial(format, **options))


def wrong_filters() -> Iterator[Wrong]:
    value: Any
    for observer, right in OBSERVERS:
        for value in ("send_email", 3, {"": "INFO"}, True, no_argument, two_arguments, later, Later(), bool):
            yield Wrong(observer, {**right, "filter": value}, "filter", "a function of the record")


def wrong_modes_and_signals() -> Iterator[Wrong]:
    value: Any
    for value in ("w", "ROTATE", "", None, 3, ["rotate"]):
        yield Wrong(FileLogger, {**FILE, "mode": value}, "mode", "'rotate' or 'watched'")
        yield Wrong(TaskManager, {**LOG_FILE, "log_file_mode": value}, "log_file_mode", "'rotate' or 'watched'")
        yield Wrong(TaskManager, {"log_file_mode": value}, "log_file_mode", "'rotate' or 'watched'")
    for value in ("zip", "", True, 9):
        yield Wrong(RotatingFileSink, {**ROTATING, "compression": value}, "compression", "'gzip' or 'gz' or None")
    for value in ("month", "", "DAY", 3600):
        yield Wrong(RotatingFileSink, {**ROTATING, "when": value}, "when", "'hour' or 'day' or 'week' or None")
    watched = {**FILE, "mode": "watched"}
    for number in ("SIGHUP", True, 1.5, [signal.SIGHUP]):
        yield Wrong(FileLogger, {**watched, "reopen_signal": number}, "reopen_signal", "a signal such as signal.SIGHUP")
    for number in (0, -1, 12345, int(signal.SIGKILL), int(signal.SIGSTOP)):
        yield Wrong(FileLogger, {**watched, "reopen_signal": number}, "reopen_signal", "a signal that can be handled")


def wrong_objects() -> Iterator[Wrong]:
    loggers: Any
    for logger in ("INFO", None, 3, logging.getLogger()):
        yield Wrong(capture, {"logger": logger}, "logger", "a loguru logger")
        yield Wrong(LoguruLogger, {"logger": logger}, "logger", "a loguru logger")
    for name in (3, b"httpx", logging.getLogger("httpx"), ["httpx"]):
        yield Wrong(capture_logging, {"name": name}, "name", "the name of a logger or None")
    for loggers in ("tasks.log", 5, [5], ["tasks.log"], [FileLogger], {}):
        yield Wrong(TaskManager, {"loggers": loggers}, "loggers", "a sequence of TaskObserver")
    for sink in ("tasks.log", None, 3, WatchedFileSink, print):
        yield Wrong(BackgroundSink, {"sink": sink}, "sink", "a RotatingFileSink or a WatchedFileSink")
    places: list[tuple[Call, Options]] = [
        (RotatingFileSink, ROTATING),
        (WatchedFileSink, FILE),
        (on_background_sink, {}),
    ]
    for call, right in places:
        for loss_line in (3, "lines lost", None, no_argument, always_alike, later):
            yield Wrong(call, {**right, "loss_line": loss_line}, "loss_line", "a function of a count and a reason")
    for line in (None, 3, b"x", ["x"]):
        yield Wrong(reader.parse, {"line": line}, "line", "a str")
    for stop in (True, 3, "now", lambda: True):
        yield Wrong(reader.follow, {**FILE, "stop": stop}, "stop", "a threading.Event or None")


ALL = [
    *wrong_sizes(),
    *wrong_flags(),
    *wrong_levels(),
    *wrong_paths(),
    *wrong_formats(),
    *wrong_options_of_formats(),
    *wrong_filters(),
    *wrong_modes_and_signals(),
    *wrong_objects(),
]


def name_of(wrong: Wrong) -> str:
    """Return the name of a test, without addresses of objects: these differ between runs and between workers."""
    value = re.sub(r" at 0x[0-9a-f]+", "", getattr(wrong.value, "__name__", None) or repr(wrong.value))
    call = wrong.call.args[0] if isinstance(wrong.call, partial) else wrong.call
    return f"{call.__name__}-{wrong.parameter}-{value}"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Return an empty folder, which a wrong call must leave empty."""
    monkeypatch.chdir(tmp_path)
    yield
    assert os.listdir(tmp_path) == []


def test_there_are_at_least_150_wrong_calls() -> None:
    assert len({name_of(wrong) for wrong in ALL}) >= 150


@pytest.mark.parametrize("wrong", ALL, ids=name_of)
def test_a_wrong_argument_is_an_error_at_the_call(wrong: Wrong) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        wrong.call(**wrong.arguments)
    text = str(raised.value)
    assert text.startswith(f"{wrong.parameter} must ")
    assert wrong.allowed in text
    assert repr(wrong.value) in text


@pytest.mark.parametrize("value", [nothing, a_number])
def test_a_format_that_returns_no_text_is_named_with_what_it_returns(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^format must return a str, not (None|3), as <function "):
        FileLogger("tasks.log", format=value)


@pytest.mark.parametrize(
    ("setting", "value"), [("log_file_max_bytes", 1000), ("log_file_backup_count", 0), ("log_file_mode", "watched")]
)
class TestIgnoredSettings:
    """Tests of ``log_file_...`` settings of TaskManager that would have no effect."""

    def test_without_log_file_it_is_an_error(self, setting: str, value: Any) -> None:
        with pytest.raises(ValueError, match=rf"^{setting}={value!r} needs a log_file$"):
            TaskManager(**{setting: value})

    @pytest.mark.parametrize("ours", [True, False])
    def test_with_a_path_that_is_logged_already_it_is_an_error(
        self, setting: str, value: Any, ours: bool, tmp_path: Path
    ) -> None:
        path = str(tmp_path / "tasks.log")
        file_logger = FileLogger(path) if ours else fastapi_taskflow.FileLogger(path)
        with pytest.raises(
            ValueError, match=rf"^{setting}={value!r} has no effect: one of the loggers already writes '/.+'"
        ):
            TaskManager(log_file="tasks.log", loggers=[file_logger], **{setting: value})
        asyncio.run(file_logger.close())
        (tmp_path / "tasks.log").unlink()


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (FileLogger, {}),
        (FileLogger, {**FILE, "max_byte": 1000}),
        (partial(file_logger_with, json_line), {"max_byte": 1000}),
        (partial(file_logger_with, json_line), {"service": "shop"}),
        (partial(file_logger_with, ecs_line), {"project": "shop"}),
        (StdoutLogger, {"level": "INFO"}),
        (LoguruLogger, {"level": "INFO"}),
        (TaskManager, {"snapshot_dbb": "tasks.db"}),
        (TaskManager, {**LOG_FILE, "snapshot_dbb": "tasks.db"}),
        (TaskManager, {**LOG_FILE, "log_file_max_byte": 1000}),
        (RotatingFileSink, {}),
        (WatchedFileSink, {**FILE, "max_bytes": 1000}),
        (BackgroundSink, {}),
        (capture, {"min_level": "INFO"}),
        (capture_logging, {"min_level": "INFO"}),
        (reader.read, {**FILE, "follow": True}),
    ],
)
def test_an_unknown_or_missing_parameter_is_an_error(call: Callable[..., object], arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"argument"):
        call(**arguments)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("path", "sink filename"),
        ("max_bytes", "rotation maxBytes"),
        ("backup_count", "retention backupCount"),
        ("min_level", "level"),
        ("format", "formatter fmt serialize"),
        ("mode='watched'", "watch"),
        ("RotatingFileSink(..., compression='gzip')", "compression"),
        ("RotatingFileSink(..., when='day')", "rotation when interval atTime utc"),
        ("a sink", "backlog_bytes max_pending_bytes loss_line"),
    ],
)
def test_the_option_of_another_logger_names_ours(ours: str, theirs: str) -> None:
    for name in theirs.split():
        with pytest.raises(TypeError) as raised:
            FileLogger("tasks.log", **{name: "x"})  # type: ignore[call-overload]
        assert str(raised.value).startswith(f"FileLogger() got an unexpected keyword argument {name!r}: ")
        assert ours in str(raised.value)


@pytest.mark.parametrize(
    "call",
    [
        loguru.logger.add,
        _file_sink.FileSink,
        handlers.WatchedFileHandler,
        handlers.RotatingFileHandler,
        handlers.TimedRotatingFileHandler,
    ],
)
def test_each_option_of_loguru_and_of_logging_is_ours_or_explained(call: Call) -> None:
    names = {*inspect.signature(call).parameters} - {"path", "kwargs"} - {*inspect.signature(FileLogger).parameters}
    assert names
    for name in names:
        with pytest.raises(TypeError, match=rf"argument '{name}': (use|pass|leave it out)"):
            FileLogger("tasks.log", **{name: None})  # type: ignore[call-overload]


def test_a_reopen_signal_needs_the_mode_that_it_is_for() -> None:
    with pytest.raises(ValueError, match=r"^reopen_signal needs mode='watched', not mode='rotate'$"):
        FileLogger("tasks.log", reopen_signal=signal.SIGHUP)


class TestRight:
    """Tests of calls that only look wrong."""

    @pytest.fixture(autouse=True)
    def _swept(self, tmp_path: Path) -> Iterator[None]:
        yield
        for path in tmp_path.iterdir():
            path.unlink()

    def test_a_format_that_needs_the_data_of_real_events(self) -> None:
        FileLogger("tasks.log", format=lambda record: record["extra"]["data"]["text"] + "\n")

    def test_callables_of_the_record_that_are_no_plain_functions(self) -> None:
        class Shows:
            def __call__(self, record: object) -> str:
                return "{message}\n"

            def passes(self, record: object) -> bool:
                return True

        FileLogger("tasks.log", format=Shows(), filter=Shows().passes)

    def test_a_function_without_a_signature(self) -> None:
        FileLogger("tasks.log", filter={"seen"}.__contains__)

    def test_settings_of_a_log_file_that_are_the_defaults(self) -> None:
        TaskManager(log_file=None, log_file_mode="rotate", log_file_max_bytes=10 * 1024 * 1024)

    def test_a_level_of_the_apps_own_in_any_case(self) -> None:
        loguru.logger.level("wrong_calls_lower", no=12)
        loguru.logger.level("WRONG_CALLS_UPPER", no=12)
        for level in ("wrong_calls_lower", "wrong_calls_upper", "Info", 0, 12):
            loguru.logger.remove(capture(level=level))

    def test_json_line_and_a_time_in_a_format(self) -> None:
        FileLogger("tasks.log", format=json_line)
        FileLogger("tasks.log", format="{time:YYYY-MM-DD} {message}")
