"""The host's TaskManager, with a log file of this package."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import fastapi_taskflow
from fastapi_taskflow import TaskObserver

from . import _host
from ._arguments import as_call, checked_flag, checked_path, checked_size
from .file_logger import FileLogger

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SECRET = "encrypt_args_key"


class TaskManager(fastapi_taskflow.TaskManager):
    """``fastapi_taskflow.TaskManager``, whose ``log_file`` is written by :class:`taskflow_loguru.FileLogger`.

    ``TaskManager(log_file="tasks.log")`` does what ``TaskManager(loggers=[FileLogger("tasks.log")])`` does.

    Args:
        loggers: The observers, as for the host.
        log_file: The path of a log file. If a ``FileLogger`` in ``loggers`` already writes it, it stays the only one.
        log_file_max_bytes: ``max_bytes`` of that file.
        log_file_backup_count: ``backup_count`` of that file.
        log_file_mode: ``mode`` of that file.
        log_lifecycle: ``log_lifecycle`` of that file; without ``log_file`` it has no effect, as in the host.
        options: All other options of ``fastapi_taskflow.TaskManager``.

    Raises:
        TypeError, ValueError: An argument is invalid, or a ``log_file_...`` setting would have no effect: without
            ``log_file``, or with a file that one of ``loggers`` already writes.
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
        **options: Unpack[_host.HostOptions],
    ) -> None:
        for name in options:
            if name not in _DEFAULTS:  # before a file is created
                raise TypeError(f"TaskManager() got an unexpected keyword argument {name!r}")
        observers = _checked_observers(loggers)
        checked_size("log_file_max_bytes", log_file_max_bytes)
        checked_size("log_file_backup_count", log_file_backup_count)
        checked_flag("log_lifecycle", log_lifecycle)
        if log_file_mode not in ("rotate", "watched"):
            raise ValueError(f"log_file_mode must be 'rotate' or 'watched', not {log_file_mode!r}")
        settings = {
            "log_file_max_bytes": log_file_max_bytes,
            "log_file_backup_count": log_file_backup_count,
            "log_file_mode": log_file_mode,
        }
        if log_file is None:
            _refuse(settings, "needs a log_file")
        elif _is_written_by(observers, path := checked_path(log_file, "log_file")):
            _refuse(settings, f"has no effect: one of the loggers already writes {path!r}, with its own settings")
        else:
            file_logger = FileLogger(
                path,
                max_bytes=log_file_max_bytes,
                backup_count=log_file_backup_count,
                mode=log_file_mode,
                log_lifecycle=log_lifecycle,
            )
            observers.append(file_logger)
        super().__init__(loggers=observers, **options)
        self._made_with = {"loggers": observers, **options}

    def __repr__(self) -> str:
        shown: dict[str, Any] = {**self._made_with}
        if shown.get(_SECRET) is not None:
            shown[_SECRET] = "..."
        return as_call(self, shown)


def _whole_signature() -> inspect.Signature:
    """Return the signature of the installed host's TaskManager, with our annotations and defaults."""
    ours = inspect.signature(TaskManager.__init__).parameters
    host = inspect.signature(fastapi_taskflow.TaskManager.__init__)
    parameters = [ours.get(name, parameter) for name, parameter in host.parameters.items()]
    return host.replace(parameters=parameters)


# For help(), inspect and editors that run the code: **options alone does not show the options.
TaskManager.__init__.__signature__ = _whole_signature()  # type: ignore[attr-defined]

_DEFAULTS = {name: parameter.default for name, parameter in inspect.signature(TaskManager).parameters.items()}


def _checked_observers(loggers: Sequence[TaskObserver] | None) -> list[TaskObserver]:
    if loggers is None:
        return []
    if not isinstance(loggers, Sequence) or not all(isinstance(observer, TaskObserver) for observer in loggers):
        raise TypeError(f"loggers must be a sequence of TaskObserver, not {loggers!r}")
    return list(loggers)


def _refuse(settings: dict[str, Any], reason: str) -> None:
    for name, value in settings.items():
        if value != _DEFAULTS[name]:
            raise ValueError(f"{name}={value!r} {reason}")


def _is_written_by(observers: Sequence[TaskObserver], path: str) -> bool:
    """Return whether one of the observers, ours or the host's, writes the file."""
    real = os.path.realpath(path)
    for observer in observers:
        if isinstance(observer, FileLogger) and os.path.realpath(observer.path) == real:
            return True
        if isinstance(observer, fastapi_taskflow.FileLogger) and real in _host.files_of(observer):
            return True
    return False
