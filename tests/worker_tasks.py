"""Tasks for a worker process: it imports them from here, and captures their records."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import fastapi_taskflow
from fastapi_taskflow import get_task_context
from loguru import logger

from taskflow_loguru import capture, capture_logging, task_log

capture()
capture_logging("shop.worker")


class FragileError(Exception):
    """An error that can be pickled but not unpickled: it needs two arguments, and keeps one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class Unprintable:
    """An object that can neither be pickled nor printed."""

    def __reduce__(self) -> Any:
        raise TypeError("stays here")

    def __str__(self) -> str:
        raise RuntimeError("no words")


def compute() -> None:
    logger.bind(order=42, message="bound").warning("From a worker")


async def compute_async() -> None:
    logger.info("From a worker's loop")


def fail_in_a_worker() -> None:
    context = get_task_context()
    assert context is not None
    try:
        if context.attempt == 0:
            raise ConnectionError("refused")
        logger.info("Second attempt")
    except ConnectionError:
        logger.exception("First attempt")
        raise


def log_by_logging() -> None:
    context = get_task_context()
    assert context is not None
    log = logging.getLogger("shop.worker")
    if context.attempt:
        log.info("Attempt %d", context.attempt)
        return
    try:
        raise ConnectionError("refused")
    except ConnectionError:
        log.exception("Attempt %d", context.attempt, extra={"lock": threading.Lock()})
        raise


def log_an_unpicklable_value() -> None:
    state = {"count": 1}
    logger.bind(lock=threading.Lock()).info("a lock")
    logger.bind(error=FragileError("a", "b")).info("a fragile error")
    logger.bind(value=Unprintable()).info("an unprintable value")
    logger.bind(state=state).info("a state that is fine as yet")
    state["lock"] = threading.Lock()  # type: ignore[assignment]


def log_with_times() -> None:
    """Log the same message in three ways, each between two readings of the clock."""
    log_between("by task_log", task_log)
    log_between("by the host's task_log", fastapi_taskflow.task_log)
    log_between("by loguru", logger.info)


async def log_with_times_async() -> None:
    log_with_times()


def log_with_times_and_fail() -> None:
    log_with_times()
    raise ConnectionError("refused")


def log_between(message: str, log: Callable[[str], object]) -> None:
    before = datetime.now(timezone.utc)
    log(message)
    fastapi_taskflow.task_log("times", of=message, before=before, after=datetime.now(timezone.utc))


def log_values_without_text() -> None:
    task_log(42)  # type: ignore[arg-type]
    task_log(Unprintable())  # type: ignore[arg-type]
    task_log("data", level="warning", order=42)
