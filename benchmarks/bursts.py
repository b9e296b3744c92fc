"""Time per line within one process: bursts of all cases in turn, round after round."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fastapi_taskflow
from fastapi import BackgroundTasks
from fastapi_taskflow import LifecycleEvent, TaskObserver, TaskStatus

from taskflow_loguru import FileLogger, TaskManager, capture, task_log

from .contenders import CONTENDERS, independent_loguru, log_events

SIZES = (1, 10, 100)
ROUNDS = 400
_TURN = 0.001  # seconds for the event loop, and a writer thread, between two bursts

UNDER_MIN_LEVEL, HOST_UNDER_MIN_LEVEL = "under min_level", "the host's FileLogger, under min_level"
LIFECYCLE_OFF, HOST_LIFECYCLE_OFF = "a status, lifecycle off", "the host's FileLogger, a status, lifecycle off"
LARGE_FILE, EMPTY_FOLDER = "rotate, a file of 1 GB with 100 backups", "rotate, an empty folder"
LOGURU_OUTSIDE, CAPTURE_OUTSIDE = "a loguru record outside a task", "the same, with capture"
LOGURU_INSIDE, CAPTURE_INSIDE = "a loguru record in a task", "the same in a task, with capture"
TASK_LOG = "task_log() in a task"


@dataclass(frozen=True)
class Case:
    """One way to spend time on events.

    Attributes:
        run: What is timed: it is given as many of ``events`` as a burst has.
    """

    name: str
    run: Callable[[Sequence[Any]], Awaitable[None]]
    events: Sequence[Any]


class Times:
    """Microseconds per line of each case, by size of burst; the n-th of all cases are of the same round."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, int], list[float]] = {}

    def add(self, name: str, size: int, seconds: float) -> None:
        self._times.setdefault((name, size), []).append(seconds / size * 1e6)

    def median(self, name: str, size: int) -> float:
        return statistics.median(self._times[name, size])

    def ratio(self, name: str, against: str, size: int) -> float:
        """The median of the rounds' ratios: what disturbs a round disturbs both, or one round only."""
        return median_ratio(self._times[name, size], self._times[against, size])


def median_ratio(times: Iterable[float], against: Iterable[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(times, against, strict=True))


def time_all(folder: Path) -> Times:
    """Time every case that needs one process only."""
    times = Times()
    asyncio.run(_time_all(folder, times))
    return times


async def _time_all(folder: Path, times: Times) -> None:
    observers: list[TaskObserver] = []
    await _time(_line_cases(folder, observers), SIZES, times)
    for observer in observers:
        await observer.close()
    logger = independent_loguru()
    logger.add(lambda message: None, format="{message}")
    captured = independent_loguru()
    captured.add(lambda message: None, format="{message}")
    capture(captured)
    outside = [_records(LOGURU_OUTSIDE, logger.info), _records(CAPTURE_OUTSIDE, captured.info)]
    inside = [
        _records(LOGURU_INSIDE, logger.info),
        _records(CAPTURE_INSIDE, captured.info),
        _records(TASK_LOG, task_log),
    ]
    await _time(outside, SIZES, times)
    await _in_a_task(lambda: _time(inside, SIZES, times))


async def _time(cases: list[Case], sizes: Iterable[int], times: Times) -> None:
    chance = random.Random(1)
    for number in range(-10, ROUNDS):  # the first ten warm up
        for size in sizes:
            for case in chance.sample(cases, len(cases)):
                events = case.events[:size]
                gc.disable()
                started = time.perf_counter()
                await case.run(events)
                seconds = time.perf_counter() - started
                gc.enable()
                if number >= 0:
                    times.add(case.name, size, seconds)
                await asyncio.sleep(_TURN)


def _line_cases(folder: Path, observers: list[TaskObserver]) -> list[Case]:
    events = log_events(max(SIZES))
    quiet = log_events(max(SIZES), level="debug")
    statuses = [
        LifecycleEvent(event.task_id, event.func_name, TaskStatus.RUNNING, event.timestamp, 0, 0) for event in events
    ]
    large = folder / "large" / "tasks.log"
    _fill(large)
    unlimited = partial(FileLogger, max_bytes=2 * 1024**3, backup_count=100)

    def of(observer: TaskObserver) -> TaskObserver:
        observers.append(observer)
        return observer

    cases = [
        _logs(name, of(contender(str(folder / f"{number}.log"), max_bytes=10_000_000, backup_count=5)), events)
        for number, (name, contender) in enumerate(CONTENDERS.items())
    ]
    ours, hosts = of(FileLogger(folder / "ours.log")), of(fastapi_taskflow.FileLogger(str(folder / "hosts.log")))
    return [
        *cases,
        _logs(UNDER_MIN_LEVEL, ours, quiet),
        _logs(HOST_UNDER_MIN_LEVEL, hosts, quiet),
        _lifecycle(LIFECYCLE_OFF, ours, statuses),
        _lifecycle(HOST_LIFECYCLE_OFF, hosts, statuses),
        _logs(LARGE_FILE, of(unlimited(large)), events),
        _logs(EMPTY_FOLDER, of(unlimited(folder / "empty" / "tasks.log")), events),
    ]


def _fill(path: Path) -> None:
    """A file of 1 GB, sparse but for its last line, beside 100 backups."""
    path.parent.mkdir()
    with path.open("wb") as file:
        file.seek(1024**3)
        file.write(b"the last line\n")
    for number in range(1, 101):
        path.with_name(f"{path.name}.{number}").write_text("a line\n")


def _logs(name: str, observer: TaskObserver, events: Sequence[Any]) -> Case:
    on_log = observer.on_log

    async def run(burst: Sequence[Any]) -> None:
        for event in burst:
            await on_log(event)

    return Case(name, run, events)


def _lifecycle(name: str, observer: TaskObserver, events: Sequence[Any]) -> Case:
    on_lifecycle = observer.on_lifecycle

    async def run(burst: Sequence[Any]) -> None:
        for event in burst:
            await on_lifecycle(event)

    return Case(name, run, events)


def _records(name: str, log: Callable[[str], None]) -> Case:
    async def run(burst: Sequence[str]) -> None:
        for message in burst:
            log(message)

    return Case(name, run, [event.message for event in log_events(max(SIZES))])


async def _in_a_task(work: Callable[[], Awaitable[None]]) -> None:
    task_manager = TaskManager()
    tasks = BackgroundTasks()

    @task_manager.task()
    async def measure() -> None:
        await work()

    task_id = task_manager.get_tasks(tasks).add_task(measure)
    await tasks()
    record = task_manager.store.get(task_id)
    assert record is not None
    assert record.status is TaskStatus.SUCCESS, record.error
