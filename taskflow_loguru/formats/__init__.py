"""Line formats, each with its parser: from the loguru record of a task's event to a line, and back.

Each format is there twice: as a format function for loguru (``logger.add(sink, format=json_line)``), and as the pure
function that returns the line itself, without a newline (``json_text(record)``). ``functools.partial`` sets their
keyword arguments: ``FileLogger("tasks.jsonl", format=partial(ecs_line, service="shop"))``. :func:`line_format` makes a
format of a function of your own.
"""

from ._datadog_line import datadog_text
from ._detailed_line import detailed_text
from ._ecs_line import ECS_VERSION, ecs_text
from ._facts import JSON_SCHEMA_VERSION
from ._formats import (
    RENDERERS,
    Renderer,
    datadog_line,
    detailed_line,
    ecs_line,
    google_line,
    json_line,
    line_format,
    logfmt_line,
    otel_line,
    renderer_of,
    task_line,
)
from ._google_line import google_text
from ._json_line import json_text
from ._line import TaskLine
from ._logfmt_line import logfmt_text
from ._otel_line import otel_text
from ._task_line import task_text

__all__ = [
    "ECS_VERSION", "JSON_SCHEMA_VERSION", "RENDERERS", "Renderer", "TaskLine", "datadog_line", "datadog_text",
    "detailed_line", "detailed_text", "ecs_line", "ecs_text", "google_line", "google_text", "json_line", "json_text",
    "line_format", "logfmt_line", "logfmt_text", "otel_line", "otel_text", "renderer_of", "task_line", "task_text",
]  # fmt: skip
