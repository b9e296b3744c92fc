"""The only module that uses private names of fastapi-taskflow, and the options of its TaskManager."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict

import fastapi_taskflow
from fastapi_taskflow import LoggerChain

from ._versions import incompatible

if TYPE_CHECKING:
    from fastapi_taskflow import QueueConfig
    from fastapi_taskflow.backends import SnapshotBackend

try:
    from fastapi_taskflow.executors import process_executor
    from fastapi_taskflow.task_logging import _log_sink

    # In a worker process, task_log() calls a function of this module; in the app, it calls one of another module.
    _WORKER_MODULE = process_executor._worker_entrypoint.__module__
    _ON_LOG = LoggerChain.on_log.__code__
    if "_logger" not in fastapi_taskflow.FileLogger.__init__.__code__.co_names:
        raise AttributeError("its FileLogger has no attribute '_logger'")
except (ImportError, AttributeError) as error:
    raise incompatible("fastapi-taskflow", error) from error

_LOGGERS = "fastapi_taskflow.file_logger."
"""The prefix of the names of the standard library's loggers through which the host's FileLogger writes."""


class HostOptions(TypedDict, total=False):
    """The options of the host's TaskManager that are not about the log, for type checkers and editors.

    When the program runs, the installed host decides: an option that it lacks raises a TypeError.
    """

    snapshot_db: str | None
    snapshot_backend: SnapshotBackend | None
    snapshot_interval: float
    requeue_pending: bool
    merged_list_ttl: float
    encrypt_args_key: bytes | str | None
    max_concurrent_tasks: int | None
    max_sync_threads: int | None
    max_process_workers: int | None
    process_shutdown_timeout: float
    retention_days: float | None
    queues: dict[str, QueueConfig] | None
    max_size: int | None
    retry_replaces_original: bool
    instance_url: str | None
    instance_tasks_prefix: str
    registry_ttl: int
    registry_heartbeat: int


def is_in_worker() -> bool:
    """Return whether this code runs in a task in a worker process."""
    return getattr(_log_sink.get(), "__module__", None) == _WORKER_MODULE


def is_in_observer() -> bool:
    """Return whether this code runs in an observer's ``on_log``, in the event loop's task that the host made for it."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and getattr(task.get_coro(), "cr_code", None) is _ON_LOG


def files_of(observer: fastapi_taskflow.FileLogger) -> set[str]:
    """Return the real paths of the files that a FileLogger of the host has open."""
    return set(_files(observer._logger.handlers))


def has_open(path: str) -> bool:
    """Return whether any FileLogger of the host in this process has the file at *path* open."""
    loggers = logging.Logger.manager.loggerDict
    ours = (logger for name, logger in list(loggers.items()) if name.startswith(_LOGGERS))
    return any(
        os.path.realpath(path) in _files(logger.handlers) for logger in ours if isinstance(logger, logging.Logger)
    )


def _files(handlers: Iterable[logging.Handler]) -> list[str]:
    return [os.path.realpath(handler.baseFilename) for handler in handlers if isinstance(handler, logging.FileHandler)]
