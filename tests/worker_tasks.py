"""Tasks that a worker process runs: it imports them from here, and captures what they log."""

from __future__ import annotations

import threading
from typing import Any

from fastapi_taskflow import get_task_context
from loguru import logger

from taskflow_loguru import capture

capture()


class FragileError(Exception):
    """Leaves a process by pickle, but does not arrive in the next: it needs two arguments, and keeps one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class Unsayable:
    """Can neither be pickled nor printed."""

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


def log_what_cannot_travel() -> None:
    state = {"count": 1}
    logger.bind(lock=threading.Lock()).info("a lock")
    logger.bind(error=FragileError("a", "b")).info("a fragile error")
    logger.bind(value=Unsayable()).info("an unsayable value")
    logger.bind(state=state).info("a state that is fine as yet")
    state["lock"] = threading.Lock()  # type: ignore[assignment]
