"""File logging for fastapi-taskflow, on loguru: each task's log in a plain text file that loses no line."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi_taskflow import RedisBackend, TaskAdmin, task_log

    from .bridge import LoguruLogger, capture
    from .file_logger import FileLogger
    from .formats import json_line, task_line
    from .manager import TaskManager
    from .stdout_logger import StdoutLogger

__version__ = "0.1.0"

__all__ = [
    "FileLogger",
    "LoguruLogger",
    "RedisBackend",
    "StdoutLogger",
    "TaskAdmin",
    "TaskManager",
    "capture",
    "json_line",
    "task_line",
    "task_log",
]

_HOMES = {
    "FileLogger": "taskflow_loguru.file_logger",
    "LoguruLogger": "taskflow_loguru.bridge",
    "RedisBackend": "fastapi_taskflow",
    "StdoutLogger": "taskflow_loguru.stdout_logger",
    "TaskAdmin": "fastapi_taskflow",
    "TaskManager": "taskflow_loguru.manager",
    "capture": "taskflow_loguru.bridge",
    "json_line": "taskflow_loguru.formats",
    "task_line": "taskflow_loguru.formats",
    "task_log": "fastapi_taskflow",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: a program that wants `taskflow_loguru.sinks` alone does not load the host.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
