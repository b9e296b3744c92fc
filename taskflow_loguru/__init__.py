"""File logging for fastapi-taskflow, on loguru: each task's log in a plain text file that loses no line."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import fcntl  # noqa: F401
except ImportError as error:
    raise ImportError(
        "taskflow_loguru needs a POSIX system, such as Linux or macOS: it locks its files with fcntl, which "
        f"{sys.platform} does not have. On Windows, run the app in WSL or in a container."
    ) from error

if TYPE_CHECKING:
    from fastapi_taskflow import RedisBackend, TaskAdmin

    from . import reader, shippers, sinks
    from ._capture_logging import capture_logging
    from ._task_context import task_context
    from ._task_log import task_log
    from .bridge import LoguruLogger, capture
    from .file_logger import FileLogger
    from .formats import (
        datadog_line,
        detailed_line,
        ecs_line,
        google_line,
        json_line,
        logfmt_line,
        otel_line,
        task_line,
    )
    from .manager import TaskManager
    from .stdout_logger import StdoutLogger

__version__ = "0.2.0"

__all__ = [
    "FileLogger",
    "LoguruLogger",
    "RedisBackend",
    "StdoutLogger",
    "TaskAdmin",
    "TaskManager",
    "capture",
    "capture_logging",
    "datadog_line",
    "detailed_line",
    "ecs_line",
    "google_line",
    "json_line",
    "logfmt_line",
    "otel_line",
    "reader",
    "shippers",
    "sinks",
    "task_context",
    "task_line",
    "task_log",
]

_HOMES = {
    "fastapi_taskflow": ("RedisBackend", "TaskAdmin"),
    "taskflow_loguru._capture_logging": ("capture_logging",),
    "taskflow_loguru._task_context": ("task_context",),
    "taskflow_loguru._task_log": ("task_log",),
    "taskflow_loguru.bridge": ("LoguruLogger", "capture"),
    "taskflow_loguru.file_logger": ("FileLogger",),
    "taskflow_loguru.formats": (
        "datadog_line",
        "detailed_line",
        "ecs_line",
        "google_line",
        "json_line",
        "logfmt_line",
        "logfmt_line",
        "otel_line",
        "task_line",
    ),
    "taskflow_loguru.manager": ("TaskManager",),
    "taskflow_loguru.stdout_logger": ("StdoutLogger",),
}


if not TYPE_CHECKING:  # a type checker that sees __getattr__ accepts any name, misspelled ones too

    def __getattr__(name: str) -> Any:
        # Imported on first use: a program that needs only `taskflow_loguru.sinks` does not load the host.
        if name in ("reader", "shippers", "sinks"):
            return import_module(f"taskflow_loguru.{name}")
        for module, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
