"""Several processes, one rotating file: processor time per line, and the number of lost lines."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import re
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path

from fastapi_taskflow import LogEvent, TaskObserver

from .contenders import CONCURRENT, CONTENDERS, HOST_ROTATE, LOGURU_FILE, ROTATE, log_events

COUNTS = (1, 4, 16)
NAMES = (ROTATE, CONCURRENT, HOST_ROTATE, LOGURU_FILE)
LINES = 32_000
"""The number of lines of all processes together, after a warm-up."""
MAX_BYTES = 50_000
BACKUP_COUNT = 100  # never reached, so that all lines can be counted
ROUNDS = 5
_WARM_UP = 200
_BURST = 100

_LINE = rb"\[\w{8}\] \[send_email\] (?:[\d:T-]{19} )?Writer (\d+): message (\d+) was sent to the mail server"
_barrier: Barrier


@dataclass
class Tally:
    """The results of all rounds: lines, and microseconds per line of each round.

    Attributes:
        cpu: The processor time of all processes.
        wall: The time of the slowest process.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    lost: int = 0
    written: int = 0


def write_together(folder: Path, rounds: int) -> dict[tuple[str, int], Tally]:
    """Time each contender in turn, with each number of processes."""
    tallies = {(name, count): Tally() for count in COUNTS for name in NAMES}
    for number in range(rounds):
        for (name, count), tally in tallies.items():
            place = folder / f"{number} {count} {name}"
            place.mkdir()
            cpu, wall = zip(*_write_with(count, name, str(place / "tasks.log")), strict=True)
            tally.cpu.append(sum(cpu) / LINES * 1e6)
            tally.wall.append(max(wall) / LINES * 1e6)
            written = LINES + count * _WARM_UP
            tally.written += written
            tally.lost += written - len(_messages(place))
    return tallies


def _write_with(count: int, name: str, path: str) -> list[tuple[float, float]]:
    # New processes each time: one that has met another kind of sink would be slower. They are forked from one that has
    # imported everything.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(count, context, _share, (context.Barrier(count),)) as pool:
        return [job.result() for job in [pool.submit(_write, name, path, LINES // count, n) for n in range(count)]]


def _share(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _write(name: str, path: str, lines: int, writer: int) -> tuple[float, float]:
    # A contender's messages about lost lines are not shown: the lines are counted.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        return asyncio.run(_write_bursts(name, path, lines, writer))


async def _write_bursts(name: str, path: str, lines: int, writer: int) -> tuple[float, float]:
    """Return the seconds for *lines*: processor time and elapsed time."""
    events = log_events(_WARM_UP + lines, writer=writer)
    observer = CONTENDERS[name](path, max_bytes=MAX_BYTES, backup_count=BACKUP_COUNT)
    await _write_all(observer, events[:_WARM_UP])
    gc.disable()
    _barrier.wait(timeout=60)
    cpu, wall = _cpu_seconds(), time.perf_counter()
    await _write_all(observer, events[_WARM_UP:])
    seconds = _cpu_seconds() - cpu, time.perf_counter() - wall
    await observer.close()
    return seconds


async def _write_all(observer: TaskObserver, events: Sequence[LogEvent]) -> None:
    for first in range(0, len(events), _BURST):
        for event in events[first : first + _BURST]:
            await observer.on_log(event)
        await asyncio.sleep(0)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _messages(folder: Path) -> set[tuple[bytes, bytes]]:
    """Return the messages in complete lines of the folder's files."""
    found = set()
    for path in folder.glob("tasks*log*"):
        for line in path.read_bytes().splitlines():
            if match := re.fullmatch(_LINE, line):
                found.add((match[1], match[2]))
    return found
