"""The time of the calls of a process that logs now and then, beside one that logs at full speed to the same file.

``python -m benchmarks.fairness`` prints the table alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from tabulate import tabulate

from taskflow_loguru import FileLogger

from .contenders import log_events

MAX_BYTES = 20_000
BACKUP_COUNT = 5
LINES_PER_SECOND = 500
LINES = 500
ROUNDS = 3

TARGET_P99 = 20.0
"""Milliseconds."""
TARGET_MAX = 500.0
"""The time after which a line is written without the lock, in milliseconds."""

ALONE, BESIDE_ENQUEUE, BESIDE_PLAIN = "alone", "beside enqueue=True in full flow", "beside enqueue=False in full flow"

_MOST_WAITING = 5000


@dataclass
class Waits:
    """The duration of each call of the slow process, of all rounds, in milliseconds.

    Attributes:
        flow: The number of lines a second of the other process, in each round.
    """

    calls: list[float] = field(default_factory=list)
    flow: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.calls)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.calls, n=100)[98]

    @property
    def longest(self) -> float:
        return max(self.calls)


def measure(folder: Path) -> dict[str, Waits]:
    """Time the calls of a process that logs 500 lines a second, alone and beside each kind of neighbour."""
    waits = {ALONE: Waits(), BESIDE_ENQUEUE: Waits(), BESIDE_PLAIN: Waits()}
    for number in range(ROUNDS):
        for name, result in waits.items():
            place = folder / f"fairness {number} {name}"
            place.mkdir()
            _measure_once(name, str(place / "tasks.log"), result)
    return waits


def table(waits: dict[str, Waits]) -> str:
    """Render *waits* as a table."""
    headers = ["", "median, ms", "p99, ms", "longest, ms", "lines/s of the other"]
    rows = []
    for name, result in waits.items():
        flow = f"{statistics.median(result.flow):,.0f}" if result.flow else ""
        rows.append([name, f"{result.median:.3f}", f"{result.p99:.2f}", f"{result.longest:.1f}", flow])
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _measure_once(name: str, path: str, result: Waits) -> None:
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    if name == ALONE:
        result.calls += asyncio.run(_log_now_and_then(path))
        return
    begun, ended = context.Barrier(2), context.Event()
    process = context.Process(target=_flood, args=(path, name == BESIDE_ENQUEUE, begun, ended, writer))
    process.start()
    begun.wait(timeout=60)
    result.calls += asyncio.run(_log_now_and_then(path))
    ended.set()
    result.flow.append(reader.recv())
    process.join()


async def _log_now_and_then(path: str) -> list[float]:
    logger = FileLogger(path, max_bytes=MAX_BYTES, backup_count=BACKUP_COUNT)
    durations = []
    due = time.perf_counter()
    for event in log_events(LINES):
        started = time.perf_counter()
        await logger.on_log(event)
        durations.append((time.perf_counter() - started) * 1000)
        due = max(due + 1 / LINES_PER_SECOND, time.perf_counter())
        await asyncio.sleep(due - time.perf_counter())
    await logger.close()
    return durations


def _flood(path: str, enqueue: bool, begun: Barrier, ended: Event, results: Connection) -> None:
    results.send(asyncio.run(_log_at_full_speed(path, enqueue, begun, ended)))


async def _log_at_full_speed(path: str, enqueue: bool, begun: Barrier, ended: Event) -> float:
    """Log until *ended* is set; return how many lines a second were written."""
    logger = FileLogger(path, max_bytes=MAX_BYTES, backup_count=BACKUP_COUNT, enqueue=enqueue)
    events = log_events(100, writer=1)
    begun.wait(timeout=60)
    started = time.perf_counter()
    while not ended.is_set():
        if logger.stats().lines_waiting > _MOST_WAITING:
            await asyncio.sleep(0.001)  # there are always lines to write
            continue
        for event in events:
            await logger.on_log(event)
        await asyncio.sleep(0)
    flow = logger.stats().lines_written / (time.perf_counter() - started)
    await logger.close()
    return flow


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        print(table(measure(Path(name))))


if __name__ == "__main__":  # not in the processes that it starts
    main()
