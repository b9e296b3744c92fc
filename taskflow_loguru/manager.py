"""The host's TaskManager, with a log file that is ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any, Literal

import fastapi_taskflow
from fastapi_taskflow import TaskObserver

from ._arguments import checked_path
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
        observers = _checked_observers(loggers)
        if log_file is not None:
            try:
                path = os.path.realpath(checked_path(log_file))
                if not any(path in _paths_of(observer) for observer in observers):
                    file_logger = FileLogger(
                        log_file,
                        max_bytes=log_file_max_bytes,
                        backup_count=log_file_backup_count,
                        mode=log_file_mode,
                        log_lifecycle=log_lifecycle,
                    )
                    observers.append(file_logger)
            except (TypeError, ValueError) as error:
                raise type(error)(_in_our_words(str(error))) from error
        super().__init__(loggers=observers, **options)


def _checked_observers(loggers: Sequence[TaskObserver] | None) -> list[TaskObserver]:
    if loggers is None:
        return []
    if not isinstance(loggers, Sequence) or not all(isinstance(observer, TaskObserver) for observer in loggers):
        raise TypeError(f"loggers must be a sequence of TaskObserver, not {loggers!r}")
    return list(loggers)


def _paths_of(observer: TaskObserver) -> list[str]:
    """The files that the observer writes, ours or the host's."""
    if isinstance(observer, FileLogger):
        return [os.path.realpath(observer.path)]
    if isinstance(observer, fastapi_taskflow.FileLogger):
        return [
            os.path.realpath(handler.baseFilename)
            for handler in observer._logger.handlers
            if isinstance(handler, logging.FileHandler)
        ]
    return []


def _in_our_words(error: str) -> str:
    """The text of a FileLogger's error, with the name that its parameter has here."""
    for name in ("max_bytes", "backup_count", "mode"):
        if error.startswith(f"{name} "):
            return f"log_file_{error}"
    return f"log_file {error.removeprefix('path ')}" if error.startswith("path ") else error
