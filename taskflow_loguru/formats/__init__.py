"""Line formats, each with its parser: from the loguru record of a task's event to a line, and back.

Each is a format function for loguru (``logger.add(sink, format=task_line)``), in one module with its parser and with
the pure function that returns the line itself. ``functools.partial`` sets their keyword arguments:
``FileLogger("tasks.jsonl", format=partial(ecs_line, service="shop"))``.
"""

from ._datadog_line import datadog_line
from ._detailed_line import detailed_line
from ._ecs_line import ECS_VERSION, ecs_line
from ._formats import RENDERERS, Renderer, renderer_of
from ._google_line import google_line
from ._json_line import JSON_SCHEMA_VERSION, json_line
from ._line import TaskLine
from ._otel_line import otel_line
from ._task_line import task_line

__all__ = [
    "ECS_VERSION",
    "JSON_SCHEMA_VERSION",
    "RENDERERS",
    "Renderer",
    "TaskLine",
    "datadog_line",
    "detailed_line",
    "ecs_line",
    "google_line",
    "json_line",
    "otel_line",
    "renderer_of",
    "task_line",
]
