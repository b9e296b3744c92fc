"""``max_bytes`` of every format: lines are never longer, always valid, and show how much is missing."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru import ecs_line, json_line, reader, task_line
from taskflow_loguru.formats import RENDERERS, detailed_line, logfmt_line
from taskflow_loguru.formats._json_line import parse_json_line
from tests.formats.events import EVENTS, TASK_ID, TEXT, TRACEBACK, active_span, failure, line_of, record_of

FORMATS = list(RENDERERS)
TEXT_FORMATS = (task_line, detailed_line)
every_format = pytest.mark.parametrize("format", FORMATS, ids=[function.__name__ for function in FORMATS])


def least_of(format: Any, **options: Any) -> int:
    with pytest.raises(ValueError, match="max_bytes must be at least") as caught:
        format(record_of(), max_bytes=1, **options)
    return int(re.findall(r"at least (\d+)", str(caught.value))[0])


@given(
    format=st.sampled_from(FORMATS),
    message=TEXT | TEXT.map(lambda text: text * 1000),
    event=EVENTS,
    more=st.integers(0, 2000),
    is_traced=st.booleans(),
)
def test_a_line_is_never_longer_and_parses_back(
    format: Any, message: str, event: dict[str, Any], more: int, is_traced: bool
) -> None:
    max_bytes = least_of(format) + more
    if is_traced:
        with active_span():
            line = line_of(format, record_of(message, **event), max_bytes=max_bytes)
    else:
        line = line_of(format, record_of(message, **event), max_bytes=max_bytes)
    assert len(line.encode()) <= max_bytes
    assert len(line.splitlines()) == 1
    if format in TEXT_FORMATS:
        assert line.startswith(f"[{event['task_id'][:8]}] [{event['func_name']}] ")
        return
    if format is not logfmt_line:
        json.loads(line)
    parsed = reader.parse(line)
    assert parsed is not None
    assert (parsed.task_id, parsed.func_name, parsed.time) == (
        event["task_id"],
        event["func_name"],
        event["timestamp"],
    )


@every_format
@given(max_bytes=st.integers(2_000, 20_000), char=st.sampled_from(["a", "\n", "é", "\x85", "😀", "\ud800", '"', "\\"]))
def test_a_long_message_is_cut_between_characters_and_counted(format: Any, max_bytes: int, char: str) -> None:
    message = char * 20_000
    parsed = reader.parse(line_of(format, record_of(message), max_bytes=max_bytes))
    assert parsed is not None
    kept, missing = re.findall(r"^(.*)\.\.\. \((\d+) characters cut\)$", parsed.message, re.DOTALL)[0]
    if format not in TEXT_FORMATS:
        kept = kept.replace("\\ud800", "\ud800")
    assert kept == char * (20_000 - int(missing))


@every_format
@pytest.mark.parametrize("max_bytes", [2_000, 16_000])
def test_the_bound_is_used_up(format: Any, max_bytes: int) -> None:
    line = line_of(format, record_of("x" * 20_000), max_bytes=max_bytes)
    assert max_bytes - 2 <= len(line) <= max_bytes


@every_format
def test_a_line_that_fits_with_its_newline_stays_as_it_is(format: Any) -> None:
    whole = line_of(format, failure(data={"x": "y" * 2_000}))
    assert line_of(format, failure(data={"x": "y" * 2_000}), max_bytes=max(len(whole), least_of(format))) == whole
    message = record_of("y" * 2_000)
    size = len(line_of(format, message))
    assert len(line_of(format, message, max_bytes=size)) == size
    assert "cut" in line_of(format, message, max_bytes=size - 1)


@every_format
@pytest.mark.parametrize("value", [True, 1.5, "2000", [2000]])
def test_a_bound_that_is_not_an_int_is_rejected(format: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"max_bytes must be an int or None, not {value!r}")):
        format(record_of(), max_bytes=value)


@every_format
@pytest.mark.parametrize(
    ("task_id", "func_name"),
    [("x" * 64, "f" * 64), ("\x85" * 10, "é" * 32), ("\u2028" * 8, "\u2028" * 10)],
    ids=["ascii", "two bytes", "escaped"],
)
def test_the_least_bound_holds_with_whole_ids_of_64_bytes(format: Any, task_id: str, func_name: str) -> None:
    least = least_of(format)
    long = "x" * 5_000
    longest = {
        "error": long,
        "stacktrace": f"{long}: {long}",
        "status": long,
        "tags": {long: long},
        "data": {long: long},
    }
    numbers = {"attempt": 2**64, "retries_used": 2**64, "duration": -1.2345678901234567e-300}
    record = {**failure(task_id=task_id, func_name=func_name, **longest, **numbers), "message": long}
    with active_span():
        line = line_of(format, record, max_bytes=least)
    assert len(line.encode()) <= least
    parsed = reader.parse(line)
    assert parsed is not None
    assert (parsed.task_id, parsed.func_name) == (task_id[:8] if format in TEXT_FORMATS else task_id, func_name)


@every_format
def test_a_bound_without_room_for_ids_and_times_is_rejected(format: Any) -> None:
    least = least_of(format)
    with active_span():
        longest = failure(task_id="x" * 64, func_name="f" * 64, error="e" * 5_000, stacktrace="s" * 5_000)
        assert len(line_of(format, longest, max_bytes=least)) <= least
    with pytest.raises(ValueError, match=f"at least {least}, to have room for ids and times, not {least - 1}"):
        format(record_of(), max_bytes=least - 1)


def test_names_of_the_format_count() -> None:
    assert least_of(ecs_line, environment="x" * 100) > least_of(ecs_line) + 100


def test_a_short_value_stays_whole_beside_a_long_one() -> None:
    record = failure(data={"order": 42, "body": "x" * 50_000}, error="refused")
    fields = json.loads(line_of(json_line, record, max_bytes=4_000))
    assert (fields["task_id"], fields["message"], fields["error"]) == (TASK_ID, "-- FAILED", "refused")
    assert fields["data"]["order"] == 42
    assert re.fullmatch(r"x+\.\.\. \(\d+ characters cut\)", fields["data"]["body"])


def test_a_traceback_keeps_its_end() -> None:
    record = failure(stacktrace="Traceback:\n" + '  File "deep.py", in f\n' * 1_000 + TRACEBACK)
    stacktrace = json.loads(line_of(json_line, record, max_bytes=4_000))["stacktrace"]
    assert re.match(r"\(\d+ characters cut\) \.\.\.", stacktrace)
    assert stacktrace.endswith("ConnectionError: refused\n")


def test_data_of_many_values_shows_how_many_are_missing() -> None:
    fields = json.loads(line_of(json_line, record_of(data={f"key{n}": n for n in range(5_000)}), max_bytes=4_000))
    missing = re.fullmatch(r"(\d+) values cut", fields["data"].pop("..."))
    assert missing is not None
    assert int(missing[1]) == 5_000 - len(fields["data"])


def test_a_partial_bounds_the_lines_of_a_handler() -> None:
    parsed = parse_json_line(line_of(partial(json_line, max_bytes=2_000), record_of("x" * 5_000)))
    assert parsed is not None
    assert parsed.message.endswith(" characters cut)")
