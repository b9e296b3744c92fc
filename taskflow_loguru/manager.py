"""The host's TaskManager, with a log file that is ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import fastapi_taskflow
from fastapi_taskflow import TaskObserver

from .file_logger import FileLogger


class TaskManager(fastapi_taskflow.TaskManager):
    """``fastapi_taskflow.TaskManager``, whose ``log_file`` is written by :class:`taskflow_loguru.FileLogger`.

    ``TaskManager(log_file="tasks.log")`` does what ``TaskManager(loggers=[FileLogger("tasks.log")])`` does.

    Args:
        loggers: The observers, as the host takes them.
        log_file: The path of a log file; ignored where a ``FileLogger`` in ``loggers`` writes it already.
        log_file_max_bytes: ``max_bytes`` of that file.
        log_file_backup_count: ``backup_count`` of that file.
        log_file_mode: ``mode`` of that file.
        log_lifecycle: ``log_lifecycle`` of that file.
        options: Everything else goes to the host as it is.

    Raises:
        TypeError, ValueError: An argument is not what it may be.
        OSError: The log file cannot be opened.
    """

    def __init__(
        self,
        *,
        loggers: Sequence[TaskObserver] | None = None,
        log_file: str | os.PathLike[str] | None = None,
        log_file_max_bytes: int = 10 * 1024 * 1024,
        log_file_backup_count: int = 5,
        log_file_mode: Literal["rotate", "watched"] = "rotate",
        log_lifecycle: bool = False,
        **options: Any,
    ) -> None:
        observers = list(loggers or [])
        if log_file is not None and not _writes(observers, log_file):
            try:
                file_logger = FileLogger(
                    log_file,
                    max_bytes=log_file_max_bytes,
                    backup_count=log_file_backup_count,
                    mode=log_file_mode,
                    log_lifecycle=log_lifecycle,
                )
            except (TypeError, ValueError) as error:
                raise type(error)(_in_our_words(str(error))) from error
            observers.append(file_logger)
        super().__init__(loggers=observers, **options)


def _writes(observers: list[TaskObserver], path: str | os.PathLike[str]) -> bool:
    return any(
        isinstance(observer, FileLogger) and os.path.realpath(observer.path) == os.path.realpath(path)
        for observer in observers
    )


def _in_our_words(error: str) -> str:
    """The text of a FileLogger's error, with the name that its parameter has here."""
    for name in ("max_bytes", "backup_count", "mode"):
        if error.startswith(f"{name} "):
            return f"log_file_{error}"
    return f"log_file {error.removeprefix('path ')}" if error.startswith("path ") else error
