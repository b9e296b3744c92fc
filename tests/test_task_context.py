from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest
from fastapi_taskflow import TaskObserver
from fastapi_taskflow.wrapper import ManagedBackgroundTasks
from loguru import logger

from taskflow_loguru import LoguruLogger, TaskManager, capture, capture_logging, task_context, task_log
from tests.hosting import Records, Run, Watch

if TYPE_CHECKING:
    from loguru import Record

pytestmark = pytest.mark.usefixtures("fresh_loguru")

NAMES = {"task_id", "func_name", "attempt", "tags"}


async def run(function: Callable[..., Any], *observers: TaskObserver, **config: Any) -> str:
    """Run *function* as a task with tags, and return its id."""
    manager = TaskManager(loggers=list(observers))
    manager.task(**config)(function)
    tasks = ManagedBackgroundTasks(manager)
    task_id = tasks.add_task(function, tags={"tenant": "a"})
    await tasks()
    return task_id


def fail_at_first(attempts: list[int]) -> None:
    logger.info("tried")
    attempts.append(1)
    if len(attempts) == 1:
        raise ConnectionError("refused")


@pytest.mark.parametrize("is_async", [False, True])
async def test_each_record_in_a_task_has_the_ids_of_its_attempt(is_async: bool, records: Records) -> None:
    logger.configure(patcher=task_context)
    attempts: list[int] = []

    def work() -> None:
        fail_at_first(attempts)

    async def work_async() -> None:
        fail_at_first(attempts)

    function = work_async if is_async else work
    task_id = await run(function, retries=1)
    logger.info("outside")
    common = {"task_id": task_id, "func_name": function.__name__, "tags": {"tenant": "a"}}
    assert [record["extra"] for record in records] == [{**common, "attempt": 0}, {**common, "attempt": 1}, {}]


async def test_it_works_beside_a_patcher_of_the_app(records: Records) -> None:
    def patcher(record: Record) -> None:
        task_context(record)
        record["extra"]["service"] = "shop"

    def count_up(record: Record) -> None:
        record["extra"]["count"] = 1

    patched = logger.patch(task_context)

    def work() -> None:
        logger.info("by configure")
        patched.info("by patch")

    logger.configure(patcher=patcher)
    await run(work)
    logger.configure(patcher=count_up)
    await run(work)
    assert [set(record["extra"]) for record in records] == [
        {*NAMES, "service"},
        {*NAMES, "service"},
        {"count"},
        {*NAMES, "count"},
    ]


async def test_defaults_give_way_and_values_of_the_app_stay(records: Records) -> None:
    logger.configure(extra={"task_id": "-", "attempt": None}, patcher=task_context)

    def work() -> None:
        logger.info("defaults")
        with logger.contextualize(tags="mine"):
            logger.bind(task_id="my own", attempt=None).info("bound")

    task_id = await run(work)
    logger.info("outside")
    defaults, bound, outside = (record["extra"] for record in records)
    assert (defaults["task_id"], defaults["attempt"], defaults["tags"]) == (task_id, 0, {"tenant": "a"})
    assert bound == {"task_id": "my own", "func_name": "work", "attempt": 0, "tags": "mine"}
    assert outside == {"task_id": "-", "attempt": None}


async def test_with_both_bridges_it_adds_nothing_to_the_task_s_log(records: Records) -> None:
    logger.configure(patcher=task_context)
    capture()
    watch = Records()

    class Data(TaskObserver):
        async def on_log(self, event: Any) -> None:
            watch.append(event.extra)

    def work() -> None:
        logger.bind(order=42).info("by loguru")
        logger.bind(task_id="my own").info("bound")
        task_log("by task_log", order=43)

    task_id = await run(work, LoguruLogger(), Data(min_level="debug"))
    assert list(watch) == [{"order": 42}, {"task_id": "my own"}, {"order": 43}]
    of_events = [record["extra"] for record in records if "event" in record["extra"]]
    assert [extra["event"] for extra in of_events] == ["lifecycle", "log", "lifecycle"]
    assert {extra["task_id"] for extra in of_events} == {task_id}


def test_the_status_of_a_task_that_a_task_starts_keeps_its_own_ids(records: Records) -> None:
    logger.configure(patcher=task_context)
    watch = Watch()

    async def parent() -> None:
        async def child() -> None:
            logger.info("in the child")

        tasks = ManagedBackgroundTasks(TaskManager(loggers=[LoguruLogger(), watch]))
        tasks.add_task(child, eager=True)
        await asyncio.to_thread(watch.wait_for, "success")

    Run(parent)
    assert [(record["message"], record["extra"]["func_name"]) for record in records] == [
        ("-- RUNNING", "child"),
        ("in the child", "child"),
        ("-- SUCCESS", "child"),
    ]


# -- code that a task starts elsewhere ------------------------------------------------------------

Started = Callable[[Callable[..., None]], Awaitable[object]]
KEEP: dict[str, Started] = {
    "await": lambda log: as_coroutine(log),
    "create_task": lambda log: asyncio.create_task(as_coroutine(log)),
    "to_thread": asyncio.to_thread,
    "a copy in run_in_executor": lambda log: asyncio.get_running_loop().run_in_executor(None, copy_context().run, log),
    "a copy in a thread": lambda log: in_thread(copy_context().run, log),
    "a copy in a pool": lambda log: in_pool(copy_context().run, log),
}
LOSE: dict[str, Started] = {
    "run_in_executor": lambda log: asyncio.get_running_loop().run_in_executor(None, log),
    "a thread": lambda log: in_thread(log),
    "a pool": lambda log: in_pool(log),
}


async def as_coroutine(log: Callable[[], None]) -> None:
    log()


async def in_thread(*call: Any) -> None:
    thread = threading.Thread(target=call[0], args=call[1:])
    thread.start()
    await asyncio.to_thread(thread.join)


async def in_pool(*call: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        await asyncio.wrap_future(pool.submit(*call))


@pytest.mark.parametrize("way", [*KEEP, *LOSE])
def test_code_elsewhere_belongs_to_the_task_if_its_context_was_copied(way: str, records: Records) -> None:
    """docs/loguru.md lists the ways. All parts decide by the context: both captures, task_context and task_log."""
    logger.configure(patcher=task_context)
    capture()

    def log() -> None:
        logger.info("by loguru")
        logging.getLogger("shop").warning("by logging")

    async def work() -> None:
        await {**KEEP, **LOSE}[way](log)

    with capture_logging():
        run = Run(work)
    assert run.messages == (["by loguru", "by logging"] if way in KEEP else [])
    assert [record["extra"].get("task_id") for record in records] == [run.task_id if way in KEEP else None]
