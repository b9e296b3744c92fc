from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import loguru
import pytest

from taskflow_loguru import FileLogger, StdoutLogger, detailed_line, json_line
from tests.conftest import lifecycle_event, log_event

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

PROGRAM = """
import asyncio
import sys
import taskflow_loguru
from tests.conftest import lifecycle_event, log_event

format = getattr(taskflow_loguru, sys.argv[1])
logger = taskflow_loguru.StdoutLogger(min_level="debug", format=format)
for word in ("debug", "info", "warning", "error"):
    asyncio.run(logger.on_log(log_event(f"{word} <red>{{}}</red>", level=word)))
asyncio.run(logger.on_log(log_event("again", attempt=1)))
asyncio.run(logger.on_lifecycle(lifecycle_event("success", attempt=1)))
"""
PRINTED = [
    "[abc12345] [send_email] 2026-01-01T12:00:00 debug <red>{}</red>",
    "[abc12345] [send_email] 2026-01-01T12:00:00 info <red>{}</red>",
    "[abc12345] [send_email] 2026-01-01T12:00:00 warning <red>{}</red>",
    "[abc12345] [send_email] 2026-01-01T12:00:00 error <red>{}</red>",
    "[abc12345] [send_email] --- Retry 1 ---",
    "[abc12345] [send_email] 2026-01-01T12:00:00 again",
    "[abc12345] [send_email] 2026-01-01T12:00:00 -- SUCCESS",
]


def run(stdout: int, format: str = "task_line", **environment: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, format],
        cwd=Path(__file__).parent.parent,
        env={**env, "TERM": "xterm", **environment},
        stdout=stdout,
        text=True,
    )


def printed_on_a_terminal(format: str = "task_line", **environment: str) -> list[str]:
    controller, terminal = os.openpty()
    try:
        with run(terminal, format, **environment) as program:
            os.close(terminal)
            output = b""
            with contextlib.suppress(OSError):  # the error of a terminal without any writer left
                while chunk := os.read(controller, 65536):
                    output += chunk
        assert program.returncode == 0
    finally:
        os.close(controller)
    return output.decode().replace("\r\n", "\n").split("\n")[:-1]


def printed_to_a_pipe(**environment: str) -> list[str]:
    with run(subprocess.PIPE, **environment) as program:
        output = program.communicate(timeout=60)[0]
    assert program.returncode == 0
    return output.split("\n")[:-1]


def test_on_a_terminal_the_lines_are_coloured_by_level() -> None:
    lines = printed_on_a_terminal()
    assert [COLOUR.sub("", line) for line in lines] == PRINTED
    colours = [COLOUR.findall(line) for line in lines]
    assert all(line.startswith("\x1b[") and line.endswith("\x1b[0m") for line in lines)
    debug, info, warning, error, retry, again, success = map(str, colours)
    assert len({debug, info, warning, error, success}) == 5
    assert retry == again == info


@pytest.mark.parametrize("value", ["1", "0", "yes"])
def test_no_color_makes_a_terminals_lines_plain(value: str) -> None:
    assert printed_on_a_terminal(NO_COLOR=value) == PRINTED


def test_an_empty_no_color_does_not_count() -> None:
    assert all(COLOUR.match(line) for line in printed_on_a_terminal(NO_COLOR=""))


@pytest.mark.parametrize("environment", [{}, {"CI": "true", "GITHUB_ACTIONS": "true"}, {"PYCHARM_HOSTED": "1"}])
def test_to_a_pipe_the_lines_are_plain(environment: dict[str, str]) -> None:
    assert printed_to_a_pipe(**environment) == PRINTED


def test_on_a_terminal_json_is_plain() -> None:
    documents = [json.loads(line) for line in printed_on_a_terminal("json_line")]
    assert [document["message"] for document in documents][-2:] == ["again", "-- SUCCESS"]


async def test_a_character_that_the_terminals_encoding_lacks_is_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with contextlib.redirect_stdout(stream):
        await StdoutLogger().on_log(log_event("Grüße, 你好"))
    stream.flush()
    assert stream.buffer.getvalue() == (b"[abc12345] [send_email] 2026-01-01T12:00:00 Gr\\xfc\\xdfe, \\u4f60\\u597d\n")


async def test_json_stays_json_in_any_encoding() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with contextlib.redirect_stdout(stream):
        await StdoutLogger(format=json_line).on_log(log_event("Grüße, 你好 😀", extra={"a": "\\"}))
    stream.flush()
    document = json.loads(stream.buffer.getvalue())
    assert (document["message"], document["data"]) == ("Grüße, 你好 😀", {"a": "\\"})


async def test_it_prints_to_the_current_sys_stdout() -> None:
    logger = StdoutLogger()
    first, second = io.StringIO(), io.StringIO()
    for stream, message in [(first, "one"), (second, "two"), (first, "three")]:
        with contextlib.redirect_stdout(stream):
            await logger.on_log(log_event(message))
    header = "[abc12345] [send_email] 2026-01-01T12:00:00"
    assert first.getvalue() == f"{header} one\n{header} three\n"
    assert second.getvalue() == f"{header} two\n"


async def test_without_a_standard_output_nothing_is_printed_and_nothing_raised() -> None:
    logger = StdoutLogger()
    with contextlib.redirect_stdout(None):
        await logger.on_log(log_event("lost"))
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        await logger.on_log(log_event("seen"))
    assert stream.getvalue() == "[abc12345] [send_email] 2026-01-01T12:00:00 seen\n"


async def test_a_standard_output_that_was_closed_raises_nothing_into_the_task() -> None:
    stream = io.StringIO()
    stream.close()
    with contextlib.redirect_stdout(stream):
        await StdoutLogger().on_log(log_event())


def two_lines(record: Any) -> str:
    return "{level}\n{message}\n"


def raising_at_errors(record: Any) -> str:
    if record["level"].no >= 40:
        raise LookupError("no such field")
    return "{message}\n"


def is_no_status(record: Any) -> bool:
    return bool(record["extra"]["event"] != "lifecycle")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_level": "WARNING"},
        {"log_lifecycle": False},
        {"format": json_line},
        {"format": partial(detailed_line, max_bytes=400)},
        {"format": partial(json_line, max_bytes=1000)},
        {"format": "<green>{time}</green> | {level} {extra[attempt]} | {message}"},
        {"format": two_lines},
        {"format": raising_at_errors},
        {"format": json_line, "filter": is_no_status},
        {"format": two_lines, "filter": is_no_status},
    ],
)
async def test_it_prints_the_lines_of_a_file_logger(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "tasks.log"
    stdout_logger, file_logger = StdoutLogger(**options), FileLogger(path, **{"log_lifecycle": True, **options})
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        for logger in (stdout_logger, file_logger):
            await logger.on_lifecycle(lifecycle_event("running"))
            for attempt, level in enumerate(["debug", "info", "error", "loud"]):
                message = f"a\nb {{}} <red>\x1b[2J {'x' * 2000}"
                await logger.on_log(log_event(message, level=level, attempt=attempt, extra={"order": 42}))
            await logger.on_lifecycle(lifecycle_event("failed", attempt=5))
    assert stream.getvalue() == path.read_text()
    assert stream.getvalue().count("--- Retry 5 ---") == 1


async def test_a_format_that_raises_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    logger = StdoutLogger(format=raising_at_errors)
    for message in ("one", "two"):
        await logger.on_log(log_event(message, level="error"))
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"[abc12345] [send_email] 2026-01-01T12:00:00 {word}" for word in ("one", "two")
    ]
    assert printed.err.count("the format raised an exception") == printed.err.count("LookupError: ") == 1


async def test_the_apps_own_loguru_sees_nothing_of_it_and_cannot_take_it_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = StdoutLogger()
    lines: list[str] = []
    number = loguru.logger.add(lines.append, level=0)
    try:
        loguru.logger.disable("taskflow_loguru")
        await logger.on_log(log_event())
    finally:
        loguru.logger.enable("taskflow_loguru")
        loguru.logger.remove(number)
    await logger.on_log(log_event())
    assert lines == []
    assert capsys.readouterr().out == "[abc12345] [send_email] 2026-01-01T12:00:00 hello\n" * 2


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"min_level": "all"}, ValueError, "min_level must be one of 'debug', 'info', 'warning', 'error', not 'all'"),
        ({"min_level": 1.5}, TypeError, "min_level must be one of 'debug', 'info', 'warning', 'error', not 1.5"),
        ({"log_lifecycle": None}, TypeError, "log_lifecycle must be True or False, not None"),
        ({"format": 3}, TypeError, "format must be a loguru format string or a function, not 3"),
    ],
)
def test_an_invalid_argument_is_named_with_its_value_and_allowed_ones(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        StdoutLogger(**arguments)
    assert str(raised.value) == text


async def test_a_stand_in_for_stdout_needs_no_more_than_a_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class OnlyWrites:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

    stream = OnlyWrites()
    monkeypatch.setattr(sys, "stdout", stream)
    await StdoutLogger().on_log(log_event("hello"))
    assert stream.text == "[abc12345] [send_email] 2026-01-01T12:00:00 hello\n"
    assert capsys.readouterr().err == ""
