"""All formats: the pure function behind each, and the choice of the parser for a JSON line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ._datadog_line import datadog_facts, datadog_line, datadog_text
from ._detailed_line import detailed_line, detailed_text
from ._ecs_line import ecs_facts, ecs_line, ecs_text
from ._google_line import google_facts, google_line, google_text
from ._json_line import json_line, json_text
from ._line import TaskLine
from ._otel_line import otel_facts, otel_line, otel_text
from ._parsing import parse_fields
from ._task_line import Message, task_line, task_message_text, task_text

if TYPE_CHECKING:
    from loguru import Record

Renderer = Callable[["Record"], str]
"""A function from a record to its line, without a newline."""

RENDERERS: dict[Callable[..., str], Callable[..., str]] = {
    task_line: task_text,
    detailed_line: detailed_text,
    json_line: json_text,
    ecs_line: ecs_text,
    otel_line: otel_text,
    datadog_line: datadog_text,
    google_line: google_text,
}
"""The pure function behind each format: it returns the line itself, not a template for loguru."""

_FACTS_BY_KEY = {  # each format has a key that no other format has
    "ecs.version": ecs_facts,
    "severity_number": otel_facts,
    "logger.name": datadog_facts,
    "severity": google_facts,
}


def renderer_of(format: object) -> Renderer | None:
    """Return the pure function of one of our formats, or of a partial of one with keyword arguments; else None.

    Raises:
        TypeError, ValueError: A partial of our format has an unknown or an invalid argument.
    """
    function: Any = format
    keywords: dict[str, Any] = {}
    if isinstance(format, partial) and not format.args:
        function, keywords = format.func, format.keywords
    try:
        text = RENDERERS.get(function)
    except TypeError:  # not hashable, so not one of ours
        return None
    if text is None or not keywords:
        return text
    function(_example(), **keywords)
    return partial(text, **keywords)


def is_ours(renderer: Renderer | None) -> bool:
    """Return whether *renderer* is the function of one of our formats, which use only an event's own facts."""
    return getattr(renderer, "func", renderer) in RENDERERS.values()


def message_text_of(format: object) -> Callable[[Message, str, datetime], str] | None:
    """Return the function that renders a message without a record, or None if *format* has none."""
    return task_message_text if renderer_of(format) is task_text else None


def parse_system_line(line: str) -> TaskLine | None:
    """Parse a line of one of the JSON formats for other systems; return None for any other line."""

    def facts_of(fields: dict[str, Any]) -> dict[str, Any]:
        for key, read in _FACTS_BY_KEY.items():
            if key in fields:
                return read(fields)
        raise LookupError("no key of these formats")

    return parse_fields(line, facts_of)


def _example() -> Record:
    class Info:
        name, no = "INFO", 20

    event = {"task_id": "", "func_name": "", "event": "log", "timestamp": datetime.now(timezone.utc)}
    return cast("Record", {"exception": None, "extra": event, "function": "", "level": Info, "message": ""})
