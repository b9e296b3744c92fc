"""JSON lines: every field, any value, equal values from both encoders, and the span of the request."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import re
import socket
import subprocess
import sys
import uuid
from collections import ChainMap, OrderedDict, UserDict, namedtuple
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fastapi_taskflow import task_log
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger as app_logger
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from taskflow_loguru import FileLogger, LoguruLogger, TaskManager, json_line
from taskflow_loguru._task_log import Origin, SentMessage
from taskflow_loguru.formats import JSON_SCHEMA_VERSION
from taskflow_loguru.sinks import RotatingFileSink
from tests.conftest import formatted, lifecycle_event, log_event
from tests.hosting import app_with, lines_of

ORIGIN = {"host": socket.gethostname(), "pid": os.getpid()}
DOCS = Path(__file__).parent.parent / "docs" / "formats.md"

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


@dataclasses.dataclass
class Address:
    street: str
    since: date


class Broken:
    """An object whose methods all raise."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class BrokenList(list):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("no items")


class OddDate(date):
    def isoformat(self) -> Any:
        return 5


class OddText(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self

    def encode(self, *_: Any) -> Any:
        return 5


async def written(tmp_path: Path, *events: Any) -> list[dict[str, Any]]:
    """Return the objects that a FileLogger with this format writes for ``events``."""
    logger = FileLogger(tmp_path / "tasks.jsonl", format=json_line, log_lifecycle=True, min_level="debug")
    for event in events:
        await (logger.on_lifecycle(event) if hasattr(event, "status") else logger.on_log(event))
    await logger.close()
    return [decoded(line) for line in lines_of(tmp_path / "tasks.jsonl")]


def decoded(line: str) -> dict[str, Any]:
    """Return the object of a line, read by a stricter parser than the standard library's."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line)
    document: dict[str, Any] = json.loads(line, parse_constant=refuse, object_pairs_hook=once)
    return document


def line_of(**data: Any) -> str:
    """Return the line of an event with ``data``."""
    return formatted(json_line, data=data)


def data_of(**data: Any) -> Any:
    return decoded(line_of(**data))["data"]


# -- the fields -----------------------------------------------------------------------------------


async def test_a_log_line_has_its_fields_and_leaves_out_the_others(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
    [line] = await written(
        tmp_path, log_event("sent", level="warning", timestamp=moment, tags={"tenant": "a"}, extra={"to": "bob"})
    )
    assert line == {
        "v": 1,
        "time": "2026-01-01T12:00:00.123456Z",
        "level": "warning",
        "event": "log",
        "task_id": "abc12345-6789",
        "func_name": "send_email",
        "attempt": 0,
        "message": "sent",
        "tags": {"tenant": "a"},
        "data": {"to": "bob"},
        **ORIGIN,
    }


async def test_a_line_of_nothing_but_a_message_has_neither_tags_nor_data(tmp_path: Path) -> None:
    [line] = await written(tmp_path, log_event())
    assert list(line) == ["v", "time", "level", "event", "task_id", "func_name", "attempt", "message", "host", "pid"]


async def test_a_lifecycle_line_has_the_outcome_of_the_task(tmp_path: Path) -> None:
    stacktrace = "Traceback\n  ...\nshop.Broken: boom\n"
    event = lifecycle_event("failed", attempt=1, duration=1.5, error="boom\n", stacktrace=stacktrace)
    [separator, line] = await written(tmp_path, event)
    assert line == {
        "v": 1,
        "time": "2026-01-01T12:00:00.000000Z",
        "level": "error",
        "event": "lifecycle",
        "task_id": "abc12345-6789",
        "func_name": "send_email",
        "attempt": 1,
        "message": "-- FAILED",
        "status": "failed",
        "duration": 1.5,
        "retries_used": 1,
        "error": "boom\n",
        "stacktrace": stacktrace,
        "error_type": "shop.Broken",
        **ORIGIN,
    }
    assert (separator["event"], separator["attempt"], separator["message"]) == ("retry", 1, "--- Retry 1 ---")
    assert "status" not in separator


@pytest.mark.parametrize("hours", [-13, 0, 5.5])
async def test_the_time_is_in_utc_with_all_its_microseconds(tmp_path: Path, hours: float) -> None:
    zone = timezone(timedelta(hours=hours))
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone.utc).astimezone(zone)
    [line] = await written(tmp_path, log_event(timestamp=moment))
    assert line["time"] == "2026-01-01T12:00:00.000000Z"


def test_a_record_without_a_task_has_its_bound_values_and_exception(tmp_path: Path) -> None:
    sink = RotatingFileSink(tmp_path / "app.jsonl", max_bytes=0, backup_count=0)
    handler = app_logger.add(sink, format=json_line, catch=False)
    try:
        app_logger.bind(user="bob", event="signup", task_id=7, timestamp="now").info("welcome {}", "bob")
        try:
            raise ValueError(Broken())
        except ValueError:
            app_logger.exception("went wrong")
    finally:
        app_logger.remove(handler)
    first, second = map(decoded, lines_of(tmp_path / "app.jsonl"))
    assert {name: value for name, value in first.items() if name != "time"} == {
        "v": 1,
        "level": "info",
        "func_name": "test_a_record_without_a_task_has_its_bound_values_and_exception",
        "message": "welcome bob",
        "data": {"user": "bob", "event": "signup", "task_id": 7, "timestamp": "now"},
        **ORIGIN,
    }
    assert second["error"] == "<ValueError that raises RuntimeError>"
    assert second["stacktrace"].startswith("Traceback (most recent call last):\n")


async def test_the_records_of_tasks_in_the_apps_logger_have_the_same_fields(tmp_path: Path) -> None:
    sink = RotatingFileSink(tmp_path / "app.jsonl", max_bytes=0, backup_count=0)
    handler = app_logger.add(sink, format=json_line, catch=False)
    try:
        await LoguruLogger().on_log(log_event("sent", extra={"to": "bob"}))
    finally:
        app_logger.remove(handler)
    assert list(map(decoded, lines_of(tmp_path / "app.jsonl"))) == await written(
        tmp_path, log_event("sent", extra={"to": "bob"})
    )


async def test_the_fields_are_those_of_the_documented_schema(tmp_path: Path) -> None:
    text = DOCS.read_text("utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))
    provider = TracerProvider()
    with provider.get_tracer("test").start_as_current_span("request"):
        lines = await written(
            tmp_path,
            log_event("sent", tags={"tenant": "a"}, extra={"to": "bob"}),
            log_event(SentMessage("captured", origin=Origin("httpx", "client", 7))),
            lifecycle_event("failed", duration=1.5, error="boom", stacktrace="Traceback ...\nValueError: boom\n"),
        )
    provider.shutdown()
    types = {str: "string", int: "integer", float: "number", dict: "object"}
    found = {name: types[type(value)] for line in lines for name, value in line.items()}
    assert found == table
    order = list(table)
    assert all(list(line) == [name for name in order if name in line] for line in lines)
    assert f"version {JSON_SCHEMA_VERSION}" in text


# -- any value ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (-0.0, -0.0),
        (float("nan"), None),
        (float("-inf"), None),
        (2**63, 2**63),
        (-(10**30), -(10**30)),
        (2**20_000, hex(2**20_000)),
        (datetime(2026, 1, 1, 12, tzinfo=timezone.utc), "2026-01-01T12:00:00+00:00"),
        (datetime(2026, 1, 1, 12), "2026-01-01T12:00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (time(12, 30), "12:30:00"),
        (OddDate(2026, 1, 1), "5"),
        (timedelta(seconds=1), "0:00:01"),
        (Decimal("1.10"), "1.10"),
        (Fraction(1, 3), "1/3"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "/a/b"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (bytearray(b"abc"), "abc"),
        (memoryview(b"abc"), "abc"),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (Address("Main", date(2026, 1, 1)), {"street": "Main", "since": "2026-01-01"}),
        (Point(1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({("a", 1)}), [["a", 1]]),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        (ChainMap({"a": 1}), {"a": 1}),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
        ("\ud800 alone", "\\ud800 alone"),
        (OddText("odd"), "odd"),
        (ValueError("boom"), "boom"),
        (Broken(), "<Broken that raises RuntimeError>"),
        ({Broken(): 1, "kept": 2}, {"<Broken that raises RuntimeError>": 1, "kept": 2}),
        (BrokenList([1]), "<BrokenList that raises RuntimeError>"),
        ([1, Broken(), 2], [1, "<Broken that raises RuntimeError>", 2]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_does_not_have_is_rendered(value: Any, shown: Any) -> None:
    assert data_of(value=value) == {"value": shown}


def test_a_value_that_contains_itself_is_cut_off() -> None:
    ring: list[Any] = [1]
    ring.append({"ring": ring})
    assert data_of(ring=ring) == {"ring": [1, {"ring": "..."}]}


def test_a_value_that_occurs_twice_is_written_twice() -> None:
    twice = [1]
    assert data_of(a=twice, b=[twice, twice]) == {"a": [1], "b": [[1], [1]]}


def test_deep_nesting_is_cut_off() -> None:
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]
    assert line_of(deep=deep).count("[") < 100
    assert '"..."' in line_of(deep=deep)


@pytest.mark.parametrize("pair", [lambda item: [item, item], lambda item: {"a": item, "b": item}])
def test_a_value_that_doubles_with_every_level_is_cut_off(pair: Any) -> None:
    doubling: Any = "bottom"
    for _ in range(60):
        doubling = pair(doubling)
    line = decoded(line_of(doubling=doubling))
    assert (line["message"], line["task_id"]) == ("hello", "abc12345-6789")


class Endless(list):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        while True:
            yield 1


def test_a_value_with_too_many_items_is_cut_off() -> None:
    assert data_of(numbers=Endless())["numbers"][-1] == "..."
    assert len(data_of(numbers=range(5), more=list(range(90_000)))["more"]) == 90_000


def test_the_lowest_digit_limit_of_python_leaves_lines_readable() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        numbers = [10**digits for digits in (500, 639, 640, 4000)]
        assert [int(str(number), 0) for number in data_of(numbers=numbers)["numbers"]] == numbers
    finally:
        sys.set_int_max_str_digits(limit)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**4000), 2**4000),
    st.floats(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.timedeltas(),
    st.uuids(),
    st.binary(),
    st.text(st.characters()),
    st.builds(Broken),
    st.sampled_from([*Colour, *Size, Broken, len, Address("Main", date(2026, 1, 1)), OddText("odd")]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(st.characters()), st.integers(), st.none(), st.binary()), inner),
        st.sets(st.one_of(st.floats(), st.text(st.characters()), st.dates(), st.frozensets(st.floats()))),
    ),
    max_leaves=20,
)


@given(st.text(st.characters()), ANYTHING)
def test_any_value_is_valid_json_in_one_line(key: str, value: Any) -> None:
    assert list(data_of(**{key: value})) == [key.encode("utf-8", "backslashreplace").decode()]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_a_json_value_is_parsed_back_unchanged(value: Any) -> None:
    assert data_of(value=value) == {"value": value}


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])
def test_control_characters_are_escaped_and_parsed_back(code: int) -> None:
    text = f"\\{chr(code)}n"
    assert chr(code) not in line_of(text=text)
    assert data_of(text=text, **{text: 1}) == {"text": text, text: 1}


@pytest.mark.parametrize("text", ["{}", "{message}", "<red>x</red>", "%s", "\\n", '"', "\\"])
async def test_text_that_looks_like_a_template_comes_out_as_it_went_in(tmp_path: Path, text: str) -> None:
    [line] = await written(tmp_path, log_event(text, extra={"text": text}))
    assert (line["message"], line["data"]) == (text, {"text": text})


def test_a_set_has_one_order() -> None:
    # Some of the numbers are written differently by the encoders.
    numbers = [1e300, 1e-300, 3.5, 2**70, 1e16]
    lines = {line_of(numbers=dict.fromkeys(order).keys()) for order in (numbers, numbers[::-1], sorted(numbers))}
    assert len(lines) == 1


# -- with and without the libraries ---------------------------------------------------------------

VALUES = r"""
import datetime, decimal, random, struct
random.seed(7)
VALUES = [
    *(struct.unpack("d", random.randbytes(8))[0] for _ in range(3000)),
    *(random.uniform(-1, 1) * 10.0 ** random.randint(-20, 25) for _ in range(3000)),
    *(sign * 10.0 ** exponent for exponent in range(-30, 40) for sign in (1, -1)),
    0.0, -0.0, 5e-324, 1.7976931348623157e308, 9007199254740993.0, 9999999999999998.0, 1e16, 0.0001, 0.00009999999999,
    *(sign * 2**power + delta for power in (31, 32, 53, 62, 63, 64, 70, 1999, 2000) for sign in (1, -1)
      for delta in (-1, 0, 1)),
    *("".join(chr(random.randint(0, 0x2100)) for _ in range(20)) for _ in range(500)),
    *("".join(chr(random.choice([0x5c, 0x22, 0x2f, 0x7f, 0x0a, 0xd800, 0xdfff, 0x1f600])) for _ in range(20))
      for _ in range(200)),
    {1e20, 2e20, 3e-20, 2**80, 1.5}, {"b", "a", None, True}, {frozenset({1e30, 2e30}), frozenset({3})},
    [[[2**64, -2**70, float("nan")]]],
    None, True,
    {1: {2.5: [], None: {}}}, [], {}, (), b"\xff\x00", datetime.datetime(2026, 1, 1), decimal.Decimal("1E+5"),
]
"""
CHILD = """
import asyncio, sys
from fastapi_taskflow import LogEvent
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # from here on they cannot be imported: the host may need them
import taskflow_loguru
noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)
async def main():
    logger = taskflow_loguru.FileLogger("/dev/stdout", format=taskflow_loguru.json_line)
    for value in VALUES:
        data = {"value": value, value if isinstance(value, str) else "key": 1}
        tags = {value: "tag"} if value.__hash__ else {}
        await logger.on_log(LogEvent("task", "function", "hello", "info", noon, 0, tags, data))
    await logger.close()
asyncio.run(main())
print(*(name for name in ("opentelemetry", "orjson") if sys.modules.get(name)), file=sys.stderr)
"""


def written_without(*modules: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the objects written by an interpreter without ``modules``, and the libraries that it has."""
    done = subprocess.run([sys.executable, "-c", VALUES + CHILD, *modules], capture_output=True, timeout=60, check=True)
    objects = [decoded(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert len({document.pop("pid") for document in objects}) == 1
    return objects, done.stderr.decode().split()


@pytest.fixture(scope="module")
def with_all() -> list[dict[str, Any]]:
    objects, libraries = written_without()
    assert libraries == ["opentelemetry", "orjson"]
    assert len(objects) > 6000
    return objects


def test_without_orjson_every_value_is_the_same(with_all: list[dict[str, Any]]) -> None:
    assert written_without("orjson") == (with_all, ["opentelemetry"])


def test_without_opentelemetry_a_line_is_the_same_as_without_a_span(with_all: list[dict[str, Any]]) -> None:
    assert written_without("opentelemetry") == (with_all, ["orjson"])
    assert not any("span_id" in document for document in with_all)


# -- the span of the request ----------------------------------------------------------------------


@pytest.fixture
def tracer() -> Iterator[trace.Tracer]:
    provider = TracerProvider()
    yield provider.get_tracer("test")
    provider.shutdown()


async def in_the_loop() -> None:
    task_log("from the task")


def in_a_thread() -> None:
    task_log("from the task")


@pytest.mark.parametrize("function", [in_the_loop, in_a_thread])
@pytest.mark.parametrize("is_traced", [True, False])
def test_a_task_has_the_span_of_its_request_or_none(
    tmp_path: Path, tracer: trace.Tracer, function: Any, is_traced: bool
) -> None:
    manager = TaskManager(loggers=[FileLogger(tmp_path / "tasks.jsonl", format=json_line)])
    manager.task()(function)
    app = app_with(manager, function)
    spans: list[trace.SpanContext] = []

    class Traced:  # like an instrumentation of the app: each request is a span
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not is_traced:
                await app(scope, receive, send)
                return
            with tracer.start_as_current_span("request") as span:
                spans.append(span.get_span_context())
                await app(scope, receive, send)

    with TestClient(Traced()) as client:
        for _ in range(2):
            client.post(f"/run/{function.__name__}")
    lines = [decoded(line) for line in lines_of(tmp_path / "tasks.jsonl")]
    names = ("trace_id", "span_id", "trace_flags")
    ids = [tuple(map(line.get, names)) for line in lines if line["event"] == "log"]
    if is_traced:
        assert ids == [(f"{span.trace_id:032x}", f"{span.span_id:016x}", f"{span.trace_flags:02x}") for span in spans]
        assert len(set(ids)) == 2
    else:
        assert ids == [(None, None, None)] * 2


async def test_a_span_of_the_tasks_own_is_the_one_that_is_named(tmp_path: Path, tracer: trace.Tracer) -> None:
    with tracer.start_as_current_span("request"), tracer.start_as_current_span("query") as span:
        [inside] = await written(tmp_path, log_event())
    assert inside["span_id"] == f"{span.get_span_context().span_id:016x}"
