"""``renderer_of``: the pure function behind a format, found and checked before the first line."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import pytest

from taskflow_loguru.formats import RENDERERS, ecs_line, google_line, json_line, renderer_of, task_line
from tests.formats.events import failure, line_of, record_of

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


@pytest.mark.parametrize("duration", [float("nan"), float("-inf"), 10**400, "1.2"])
@every_format
def test_a_duration_that_is_no_finite_number_is_left_out(format: Any, duration: Any) -> None:
    assert line_of(format, failure(duration=duration)) == line_of(format, failure(duration=None))


@every_format
def test_no_finite_duration_raises(format: Any) -> None:
    assert line_of(format, failure(duration=sys.float_info.max)).endswith("\n")
