"""``renderer_of``: the pure function behind a format, found and checked before the first line."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import loguru
import pytest

from taskflow_loguru import FileLogger, reader
from taskflow_loguru.formats import (
    RENDERERS,
    ecs_line,
    google_line,
    json_line,
    json_text,
    line_format,
    renderer_of,
    task_line,
)
from tests.conftest import lifecycle_event, log_event
from tests.formats.events import failure, line_of, record_of
from tests.hosting import lines_of

every_format = pytest.mark.parametrize("format", list(RENDERERS), ids=[function.__name__ for function in RENDERERS])


@every_format
@pytest.mark.parametrize("options", [{}, {"max_bytes": 2_000}])
def test_a_renderer_returns_what_a_handler_writes(format: Any, options: dict[str, Any]) -> None:
    renderer = renderer_of(partial(format, **options) if options else format)
    assert renderer is not None
    for record in (record_of(), failure(data={"x": "y" * 3_000})):
        before = dict(record)
        line = renderer(record)
        assert record == before
        assert line + "\n" == line_of(format, record, **options)


def test_partials_of_partials_are_ours_too() -> None:
    renderer = renderer_of(partial(partial(ecs_line, service="shop"), host="web-1"))
    assert renderer is not None
    assert '"service":{"name":"shop"}' in renderer(record_of())


@pytest.mark.parametrize(
    "format", ["{message}", None, lambda record: "x", partial(print), partial(json_line, record_of()), [], str]
)
def test_other_formats_have_no_renderer(format: Any) -> None:
    assert renderer_of(format) is None


@pytest.mark.parametrize(
    ("format", "options", "error", "text"),
    [
        (json_line, {"servise": "x"}, TypeError, "servise"),
        (task_line, {"service": "x"}, TypeError, "service"),
        (ecs_line, {"service": 3}, TypeError, "service must be a str or None, not 3"),
        (ecs_line, {"record": 3}, TypeError, "record"),
        (json_line, {"max_bytes": 10}, ValueError, "max_bytes must be at least"),
        (json_line, {"max_bytes": True}, TypeError, "max_bytes must be an int or None, not True"),
        (google_line, {"project": ""}, ValueError, "project must be a text"),
    ],
)
def test_a_wrong_argument_is_an_error_at_once_that_names_it(
    format: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        renderer_of(partial(format, **options))


# -- a function of the user's ---------------------------------------------------------------------


def mask(record: Any) -> str:
    """Render the record with the word that must not be logged masked; raise if its order is not a number."""
    int(record["extra"]["data"].get("order", 0))
    safe: Any = {**record, "message": record["message"].replace("s3cret", "****")}
    return json_text(safe)


def written(tmp_path: Path, format: Any, *events: Any) -> list[str]:
    logger = FileLogger(tmp_path / "tasks.log", format=format, log_lifecycle=True)
    for event in events:
        asyncio.run(logger.on_lifecycle(event) if hasattr(event, "status") else logger.on_log(event))
    asyncio.run(logger.close())
    return lines_of(tmp_path / "tasks.log")


def test_a_function_that_returns_the_line_is_a_format_everywhere(tmp_path: Path) -> None:
    masked = line_format(mask)
    [line] = written(tmp_path, masked, log_event("the s3cret"))
    lines: list[str] = []
    handler = loguru.logger.add(lines.append, format=masked, catch=False)
    try:
        loguru.logger.bind(data={}).info("the {}, <red>", "s3cret")
    finally:
        loguru.logger.remove(handler)
    assert [json.loads(text)["message"] for text in (line, lines[0])] == ["the ****", "the ****, <red>"]
    assert renderer_of(masked) is not None


@pytest.mark.parametrize("data", [{"order": "the s3cret"}, {"order": [ValueError("s3cret")]}])
def test_a_mask_that_raises_writes_the_line_without_its_message(
    data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [
        log_event("the s3cret", extra=data, tags={"who": "s3cret"}),
        lifecycle_event("failed", error="s3cret", stacktrace="ValueError: s3cret"),
        log_event("fine"),
    ]

    def mask_status(record: Any) -> str:
        if record["extra"]["error"]:
            raise KeyError("s3cret")
        return mask(record)

    lines = written(tmp_path, line_format(mask_status), *events)
    [without, status, fine] = [reader.parse(line) for line in lines]
    assert without is not None
    assert status is not None
    assert fine is not None
    assert re.fullmatch(r"\(no message: the format raised \w+Error\)", without.message)
    assert (without.task_id, status.message, status.status, fine.message) == (
        "abc12345-6789",
        "-- FAILED",
        "failed",
        "fine",
    )
    shown = capsys.readouterr().err
    assert "s3cret" not in "".join(lines) + shown
    assert len(re.findall("raised .*; such lines are written without their message", shown)) == 1


@pytest.mark.parametrize("result", [None, b"x", 5])
def test_a_function_that_always_fails_leaves_the_guides_line(result: Any, tmp_path: Path) -> None:
    def broken(record: Any) -> Any:
        return result

    [line] = written(tmp_path, line_format(broken), log_event("the s3cret"))
    assert line == "[abc12345] [send_email] 2026-01-01T12:00:00 (no message: the format raised TypeError)"


def test_the_line_of_a_function_is_one_line() -> None:
    def lines(record: Any) -> str:
        return "a\tb\nc\x1b\u2028\ud800\n"

    assert line_of(line_format(lines), record_of()) == "a\tb\\nc\\x1b\\u2028\\ud800\n"


def test_options_of_a_function_are_set_by_partial() -> None:
    def with_word(record: Any, *, word: str = "none") -> str:
        """Greet."""
        return f"{word} {record['message']}"

    worded = line_format(with_word)
    assert (worded.__name__, worded.__doc__) == ("with_word", "Greet.")
    renderer = renderer_of(partial(worded, word="hi"))
    assert renderer is not None
    assert renderer(record_of("you")) == "hi you"


@pytest.mark.parametrize("function", [None, "{message}", lambda: "x"])
def test_only_a_function_of_the_record_makes_a_format(function: Any) -> None:
    with pytest.raises(TypeError, match="function must be a function of the record"):
        line_format(function)


@pytest.mark.parametrize("duration", [float("nan"), float("-inf"), 10**400, "1.2"])
@every_format
def test_a_duration_that_is_no_finite_number_is_left_out(format: Any, duration: Any) -> None:
    assert line_of(format, failure(duration=duration)) == line_of(format, failure(duration=None))


@every_format
def test_no_finite_duration_raises(format: Any) -> None:
    assert line_of(format, failure(duration=sys.float_info.max)).endswith("\n")
