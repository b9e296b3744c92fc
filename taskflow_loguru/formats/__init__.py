"""Line formats: how a loguru record of a task's event becomes a line, and how the line is parsed again.

Each is a format function as loguru takes it (``logger.add(sink, format=task_line)``), in one module with its inverse.
"""

from ._json_line import JSON_SCHEMA_VERSION, json_line
from ._line import TaskLine
from ._task_line import task_line

__all__ = ["JSON_SCHEMA_VERSION", "TaskLine", "json_line", "task_line"]
