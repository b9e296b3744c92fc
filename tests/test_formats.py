from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru import task_line
from taskflow_loguru._loguru import IndependentLogger

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udcff", "\udfff"]
AS_IT_IS = [
    "{}", "{0}", "{message}", "{{rendered}}", "{", "}",
    "%s", "%", "100 %d",
    "<red>", "</red>", "<level>hi</level>", "\\<red>",
    "\\n", "\\", "  two  spaces  ", "",
    "Grüße, 你好, \u00a0, 👩\u200d👩\u200d👧, \u202eabc, e\u0301",
]  # fmt: skip
"""Text that looks like part of a format, a colour tag or an escape, and text in other alphabets."""


def rendered(format: Any, message: str, *, exception: Any = None, **extra: Any) -> str:
    """Return the output of a handler with that format for ``logger.bind(**extra).info(message)``."""
    lines: list[str] = []
    logger = IndependentLogger().logger
    logger.add(lines.append, format=format, colorize=False, catch=False)
    logger.bind(**extra).opt(exception=exception).info(message)
    [line] = lines
    return str(line)


def event_of(**more: Any) -> dict[str, Any]:
    event = {"task_id": "abc12345-6789", "func_name": "send_email", "event": "log", "timestamp": NOON}
    return {**event, **more}


def escaped(text: str) -> str:
    """Return ``text`` with the forbidden characters of a line escaped by Python's own codec."""
    forbidden = {*CONTROLS}
    return "".join(
        char.encode("unicode_escape").decode() if char in forbidden or "\ud800" <= char <= "\udfff" else char
        for char in text
    )


def test_a_line_is_id_function_time_and_message() -> None:
    line = rendered(task_line, "Connecting to SMTP server", **event_of())
    assert line == "[abc12345] [send_email] 2026-01-01T12:00:00 Connecting to SMTP server\n"


def test_a_status_looks_like_a_message() -> None:
    line = rendered(task_line, "-- RUNNING", **event_of(event="lifecycle", status="running"))
    assert line == "[abc12345] [send_email] 2026-01-01T12:00:00 -- RUNNING\n"


def test_a_separator_has_no_time() -> None:
    line = rendered(task_line, "--- Retry 1 ---", **event_of(event="retry"))
    assert line == "[abc12345] [send_email] --- Retry 1 ---\n"


@pytest.mark.parametrize(("task_id", "shown"), [("12345678", "12345678"), ("123456789", "12345678"), ("7", "7")])
def test_an_id_is_cut_to_its_first_8_characters(task_id: str, shown: str) -> None:
    line = rendered(task_line, "hello", **event_of(task_id=task_id))
    assert line == f"[{shown}] [send_email] 2026-01-01T12:00:00 hello\n"


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        NOON + timedelta(microseconds=999_999),
        datetime(2026, 1, 1, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2025, 12, 31, 23, tzinfo=timezone(-timedelta(hours=13))),
    ],
)
def test_the_time_is_the_events_in_utc_to_the_second(time: datetime) -> None:
    assert rendered(task_line, "hello", **event_of(timestamp=time)).split(" ")[2] == "2026-01-01T12:00:00"


@given(st.lists(st.datetimes(), min_size=1, max_size=5))
def test_each_line_has_its_own_time(times: list[datetime]) -> None:
    for time in times:
        line = rendered(task_line, "hello", **event_of(timestamp=time.replace(tzinfo=timezone.utc)))
        assert line.split(" ")[2] == time.isoformat(timespec="seconds")


@pytest.mark.parametrize("text", AS_IT_IS)
def test_braces_percent_signs_tags_and_other_alphabets_are_unchanged(text: str) -> None:
    line = rendered(task_line, text, **event_of(func_name=text))
    assert line == f"[abc12345] [{text}] 2026-01-01T12:00:00 {text}\n"


@pytest.mark.parametrize("char", CONTROLS + SURROGATES, ids=ascii)
def test_control_characters_are_escaped_in_message_name_and_id(char: str) -> None:
    shown = char.encode("unicode_escape").decode()
    line = rendered(task_line, f"a{char}b", **event_of(task_id=f"{char}1", func_name=f"f{char}"))
    assert line.startswith(f"[{shown}1"[:9])
    assert line.endswith(f"] [f{shown}] 2026-01-01T12:00:00 a{shown}b\n")


any_text = st.text(st.one_of(st.characters(), st.sampled_from([*CONTROLS, *SURROGATES, *"{}<>%[]\\ -"])))


@given(message=any_text, func_name=any_text, task_id=any_text)
def test_any_text_gives_one_line_with_the_right_header(message: str, func_name: str, task_id: str) -> None:
    line = rendered(task_line, message, **event_of(func_name=func_name, task_id=task_id))
    assert line == f"[{escaped(task_id[:8])}] [{escaped(func_name)}] 2026-01-01T12:00:00 {escaped(message)}\n"
    assert len(line.splitlines()) == 1
    line.encode()


def test_a_record_without_a_task_has_a_dash_as_id_and_its_function() -> None:
    lines: list[str] = []
    logger = IndependentLogger().logger
    logger.add(lines.append, format=task_line)

    def sync_orders() -> datetime:
        logger.info("from the app")
        return lines[0].record["time"]  # type: ignore[attr-defined,no-any-return]

    time = sync_orders().astimezone(timezone.utc)
    assert lines == [f"[-] [sync_orders] {time:%Y-%m-%dT%H:%M:%S} from the app\n"]


def test_an_exceptions_traceback_follows_the_message_in_the_same_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        line = rendered(task_line, "failed", exception=error, **event_of())
    assert line.startswith("[abc12345] [send_email] 2026-01-01T12:00:00 failed\\nTraceback (most recent call last):\\n")
    assert line.endswith("\\nValueError: first\\nsecond\n")
    assert line.count("\n") == 1


def test_a_record_keeps_what_was_bound_to_it() -> None:
    lines: list[Any] = []
    logger = IndependentLogger().logger
    logger.add(lines.append, format=task_line)
    logger.bind(**event_of(order=7)).info("hello")
    assert lines[0].record["extra"] == event_of(order=7)
    assert lines[0].record["message"] == "hello"
