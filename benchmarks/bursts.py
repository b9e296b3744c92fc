"""Time per line: each case in its own process, all of them in turn, round after round.

Two kinds of sink in one process would make each other slower: the interpreter specializes code for the types that it
meets.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import random
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from fastapi import BackgroundTasks
from fastapi_taskflow import TaskStatus

from taskflow_loguru import TaskManager

from .cases import CASES, Case

SIZES = (1, 10, 100)
ROUNDS = 400
WARM_UP = 10
"""The number of rounds that are not counted."""

_TURN = 0.001  # seconds for the event loop, and a writer thread, between two bursts


class Times:
    """Microseconds per line of each case, by size of burst; the n-th values of all cases are from the same round."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, int], list[float]] = {}

    def add(self, name: str, size: int, seconds: float) -> None:
        self._times.setdefault((name, size), []).append(seconds / size * 1e6)

    def median(self, name: str, size: int) -> float:
        return statistics.median(self._times[name, size])

    def ratio(self, name: str, against: str, size: int) -> float:
        """Return the median of the rounds' ratios: a disturbance affects both cases, or only one round."""
        return median_ratio(self._times[name, size], self._times[against, size])


def median_ratio(times: Iterable[float], against: Iterable[float]) -> float:
    """Return the median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(times, against, strict=True))


def time_all(folder: Path, rounds: int) -> Times:
    """Time all cases: in each round one burst of each size in each process, one process after the other."""
    times = Times()
    chance = random.Random(1)
    with _processes(folder) as pipes:
        for number in range(-WARM_UP, rounds):
            for name in chance.sample(list(pipes), len(pipes)):
                pipes[name].send(None)
                for size, seconds in zip(SIZES, pipes[name].recv(), strict=True):
                    if number >= 0:
                        times.add(name, size, seconds)
    return times


@contextlib.contextmanager
def _processes(folder: Path) -> Iterator[Mapping[str, Connection]]:
    """Start a process for each case, and end them all."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for number, name in enumerate(CASES):
        pipes[name], other_end = context.Pipe()
        process = context.Process(target=_serve, args=(other_end, name, folder / f"bursts {number}"), daemon=True)
        process.start()
        processes.append(process)
        other_end.close()
    try:
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.close()
        for process in processes:
            process.join()


def _serve(pipe: Connection, name: str, folder: Path) -> None:
    folder.mkdir()
    case = CASES[name](folder)
    asyncio.run(_serve_in_a_task(pipe, case) if case.in_a_task else _serve_rounds(pipe, case))


async def _serve_rounds(pipe: Connection, case: Case) -> None:
    with contextlib.suppress(EOFError):  # the parent has closed its end
        while True:
            pipe.recv()  # blocks the event loop, which has no other work
            pipe.send([await _time(case, size) for size in SIZES])


async def _time(case: Case, size: int) -> float:
    events = case.events[:size]
    gc.disable()
    started = time.perf_counter()
    await case.run(events)
    seconds = time.perf_counter() - started
    gc.enable()
    await asyncio.sleep(_TURN)
    return seconds


async def _serve_in_a_task(pipe: Connection, case: Case) -> None:
    task_manager = TaskManager()
    tasks = BackgroundTasks()

    @task_manager.task()
    async def measure() -> None:
        await _serve_rounds(pipe, case)

    task_id = task_manager.get_tasks(tasks).add_task(measure)
    await tasks()
    record = task_manager.store.get(task_id)
    assert record is not None
    assert record.status is TaskStatus.SUCCESS, record.error
