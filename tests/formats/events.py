"""Events for the tests of the formats: records like FileLogger's, and hypothesis strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import loguru
from hypothesis import strategies as st
from opentelemetry import trace

MOMENT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
TASK_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
TRACE_ID, SPAN_ID = 0x5B8EFFF798038103D269B633813FC60C, 0xEEE19B7EC3C1B174
TRACEBACK = 'Traceback (most recent call last):\n  File "shop.py", line 7, in send\nConnectionError: refused\n'


def record_of(message: str = "Connecting", *, level: str = "INFO", **extra: Any) -> Any:
    """Return the record of an event."""
    event = {"task_id": TASK_ID, "func_name": "send_email", "event": "log", "attempt": 0, "timestamp": MOMENT}
    return {
        "level": loguru.logger.level(level),
        "message": message,
        "exception": None,
        "function": "main",
        "extra": {**event, **extra},
    }


def failure(**extra: Any) -> Any:
    """Return the record of a task's failure, with everything that an event may have."""
    return record_of(
        "-- FAILED",
        level="ERROR",
        **{
            "event": "lifecycle",
            "status": "failed",
            "attempt": 2,
            "duration": 1.2,
            "retries_used": 2,
            "error": "refused",
            "stacktrace": TRACEBACK,
            "tags": {"tenant": "a"},
            "data": {"order": 42, "items": ["tea"]},
            **extra,
        },
    )


def line_of(format: Callable[..., str], record: Any, **options: Any) -> str:
    """Return the line that a loguru handler writes with that format, with its newline."""
    template = format(record, **options)
    return template.format(**record)


@contextmanager
def active_span(trace_id: int = TRACE_ID, span_id: int = SPAN_ID, *, is_sampled: bool = True) -> Iterator[None]:
    """Run the block in an OpenTelemetry span with these ids."""
    context = trace.SpanContext(trace_id, span_id, is_remote=False, trace_flags=trace.TraceFlags(is_sampled))
    with trace.use_span(trace.NonRecordingSpan(context)):
        yield


TEXT = st.text(st.characters())
"""Any text, lone surrogates and control characters included."""

DATA_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["42", "null", "1e400", "[1]", '{"a": 1}', '"', "a=b", "\\", "%2E", " "]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from("a.1_% *\\")), inner),
    max_leaves=8,
)
"""Values that JSON has."""

DATA = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary() | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
        max_leaves=8,
    ),
)
EVENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["log", "retry", "lifecycle", "loss"]),
        "task_id": st.uuids().map(str),
        "func_name": st.from_regex(r"[a-z_]{1,60}", fullmatch=True),
        "attempt": st.integers(0, 1000),
        "timestamp": st.datetimes(timezones=st.just(timezone.utc)),
        "status": st.none() | st.sampled_from(["running", "success", "failed", "cancelled"]),
        "duration": st.none() | st.floats(0, 1e6),
        "retries_used": st.none() | st.integers(0, 1000),
        "error": st.none() | TEXT,
        "stacktrace": st.none() | TEXT,
        "tags": st.dictionaries(TEXT, TEXT),
        "data": DATA,
    }
)
