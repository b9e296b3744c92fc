"""All formats: a loguru format of each function that returns a line, the way back, and the parsers of JSON lines."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from .._arguments import check_function
from .._escapes import escape
from .._signals import is_from_signal_handler
from .._stderr import report
from ._datadog_line import TABLE as _DATADOG
from ._datadog_line import datadog_text
from ._detailed_line import detailed_text
from ._ecs_line import TABLE as _ECS
from ._ecs_line import ecs_text
from ._google_line import TABLE as _GOOGLE
from ._google_line import google_text
from ._json_line import json_text
from ._line import TaskLine
from ._logfmt_line import logfmt_text
from ._otel_line import TABLE as _OTEL
from ._otel_line import otel_text
from ._parsing import parse_fields
from ._record import event_of, rendered
from ._task_line import Message, task_message_text, task_text

if TYPE_CHECKING:
    from loguru import Record

Renderer = Callable[["Record"], str]
"""A function from a record to its line, without a newline."""

P = ParamSpec("P")


def line_format(function: Callable[Concatenate[Record, P], str]) -> Callable[Concatenate[Record, P], str]:
    """Make a loguru format of a *function* that gets the record and returns the line itself, without a newline.

    ``FileLogger`` and ``logger.add`` take the format. Control characters in the line, except TAB, are escaped. If the
    function raises, or returns no text, it is called again with a copy of the record that has neither message, tags nor
    data, and no error of a task; so what it was to mask is not in the line. One message on ``sys.stderr`` reports it.

    Raises:
        TypeError: *function* is not a function of the record.
    """
    check_function("function", function, "the record")
    has_failed = False

    @functools.wraps(function)
    def line_of(record: Record, /, *args: P.args, **options: P.kwargs) -> str:
        nonlocal has_failed
        try:
            return _one_line(function(record, *args, **options))
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            if not has_failed:
                has_failed = True
                # Neither the error's text nor its traceback: they may show what the function was to mask.
                name, kind = getattr(function, "__qualname__", function), type(error).__name__
                report(f"the format {name} raised {kind}; such lines are written without their message")
            safe = without_message(record, error)
        try:
            return _one_line(function(safe, *args, **options))
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            return task_text(safe)

    return _format_of(line_of)


def without_message(record: Record, error: Exception) -> Record:
    """Return a copy of a record without all that a task has logged, for a format that raised *error* for it.

    The messages of status lines and separators stay, since they are not the task's.
    """
    event = event_of(record)
    extra = {**event, "tags": {}, "data": {}, "error": None, "stacktrace": None}
    message = record["message"]
    if event["event"] not in ("lifecycle", "retry", "loss"):
        message = f"(no message: the format raised {type(error).__name__})"
    return cast("Record", {**record, "message": message, "exception": None, "extra": extra})


def _one_line(line: object) -> str:
    if not isinstance(line, str):
        raise TypeError(f"the format returned {type(line).__name__}, not str")
    line = line.removesuffix("\n")
    return line if line.isprintable() else "\t".join(map(escape, line.split("\t")))


def _format_of(
    line_of: Callable[Concatenate[Record, P], str], name: str | None = None
) -> Callable[Concatenate[Record, P], str]:
    @functools.wraps(line_of)
    def template_of(record: Record, /, *args: P.args, **options: P.kwargs) -> str:
        return rendered(record, line_of(record, *args, **options))

    if name is not None:
        template_of.__name__ = template_of.__qualname__ = name
    vars(template_of)["taskflow_renderer"] = line_of
    return template_of


task_line = _format_of(task_text, "task_line")
detailed_line = _format_of(detailed_text, "detailed_line")
json_line = _format_of(json_text, "json_line")
ecs_line = _format_of(ecs_text, "ecs_line")
otel_line = _format_of(otel_text, "otel_line")
datadog_line = _format_of(datadog_text, "datadog_line")
google_line = _format_of(google_text, "google_line")
logfmt_line = _format_of(logfmt_text, "logfmt_line")

_OURS = (task_line, detailed_line, json_line, ecs_line, otel_line, datadog_line, google_line, logfmt_line)
RENDERERS: dict[Callable[..., str], Callable[..., str]] = {each: vars(each)["taskflow_renderer"] for each in _OURS}
"""The pure function behind each of our formats: it returns the line itself, not a template for loguru."""

_TABLES = {  # each format has a key that no other format has
    "ecs": _ECS,
    "ecs.version": _ECS,  # of version 0.2
    "severity_number": _OTEL,
    "logger.name": _DATADOG,
    "severity": _GOOGLE,
}


def renderer_of(format: object) -> Renderer | None:
    """Return the function behind one of our formats or a :func:`line_format`, or a partial of one; else None.

    Raises:
        TypeError, ValueError: A partial of our format has an unknown or an invalid argument.
    """
    function: Any = format
    keywords: dict[str, Any] = {}
    if isinstance(format, functools.partial) and not format.args:
        function, keywords = format.func, format.keywords
    text: Renderer | None = getattr(function, "taskflow_renderer", None)
    if text is None or not keywords:
        return text
    renderer = functools.partial(text, **keywords)
    if function in RENDERERS:
        renderer(_example())
    return renderer


def is_ours(renderer: Renderer | None) -> bool:
    """Return whether *renderer* is the function of one of our formats, which use only an event's own facts."""
    return getattr(renderer, "func", renderer) in RENDERERS.values()


def message_text_of(format: object) -> Callable[[Message, str, datetime], str] | None:
    """Return the function that renders a message without a record, or None if *format* has none."""
    return task_message_text if renderer_of(format) is task_text else None


def parse_system_line(line: str) -> TaskLine | None:
    """Parse a line of one of the JSON formats for other systems; return None for any other line."""

    def facts_of(fields: dict[str, Any]) -> dict[str, Any]:
        for key, table in _TABLES.items():
            if key in fields:
                return table.facts_in(fields)
        raise LookupError("no key of these formats")

    return parse_fields(line, facts_of)


def _example() -> Record:
    class Info:
        name, no = "INFO", 20

    event = {"task_id": "", "func_name": "", "event": "log", "timestamp": datetime.now(timezone.utc)}
    return cast("Record", {"exception": None, "extra": event, "function": "", "level": Info, "message": ""})
