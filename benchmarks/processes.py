"""Four processes, one rotating file: time per line, and the lines that are not there afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import re
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path

from .contenders import CONCURRENT, CONTENDERS, HOST_ROTATE, LOGURU_FILE, ROTATE, log_events

PROCESSES = 4
LINES = 5000
MAX_BYTES = 50_000
BACKUP_COUNT = 100  # more than are made: all lines are there to be counted
ROUNDS = 5
_BURST = 100

_LINE = rb"\[\w{8}\] \[send_email\] (?:[\d:T-]{19} )?Writer (\d): message (\d+) was sent to the mail server"
_barrier: Barrier


@dataclass
class Tally:
    """What came of all rounds: microseconds per line of each, and lines."""

    times: list[float] = field(default_factory=list)
    lost: int = 0
    written: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.times)


def write_together(folder: Path) -> dict[str, Tally]:
    """Let each contender have the file in turn."""
    names = (ROTATE, CONCURRENT, HOST_ROTATE, LOGURU_FILE)
    tallies = {name: Tally() for name in names}
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, _share, (barrier,)) as pool:
        for number in range(ROUNDS):
            for name in names:
                place = folder / f"{number} {name}"
                place.mkdir()
                jobs = [pool.submit(_write, name, str(place / "tasks.log"), writer) for writer in range(PROCESSES)]
                tally = tallies[name]
                tally.times.append(statistics.fmean(job.result() for job in jobs) / LINES * 1e6)
                tally.written += PROCESSES * LINES
                tally.lost += PROCESSES * LINES - len(_messages(place))
    return tallies


def _share(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _write(name: str, path: str, writer: int) -> float:
    # What a contender says of lines that it loses is not shown: they are counted.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        return asyncio.run(_write_bursts(name, path, writer))


async def _write_bursts(name: str, path: str, writer: int) -> float:
    events = log_events(LINES, writer=writer)
    observer = CONTENDERS[name](path, max_bytes=MAX_BYTES, backup_count=BACKUP_COUNT)
    seconds = 0.0
    gc.disable()
    _barrier.wait(timeout=60)
    for first in range(0, LINES, _BURST):
        started = time.perf_counter()
        for event in events[first : first + _BURST]:
            await observer.on_log(event)
        seconds += time.perf_counter() - started
        await asyncio.sleep(0)
    gc.enable()
    await observer.close()
    return seconds


def _messages(folder: Path) -> set[tuple[bytes, bytes]]:
    """The messages that stand in the folder's files, each in a whole line."""
    found = set()
    for path in folder.glob("tasks*log*"):
        for line in path.read_bytes().splitlines():
            if match := re.fullmatch(_LINE, line):
                found.add((match[1], match[2]))
    return found
