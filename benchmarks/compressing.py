"""Rotation with and without compression: the longest time that one line takes."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import random
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from fastapi_taskflow import LogEvent

from taskflow_loguru import FileLogger
from taskflow_loguru.sinks import RotatingFileSink

LINES = 100_000
LINE_BYTES = 500
MAX_BYTES = 10_000_000
ROUNDS = 9
PLAIN, COMPRESSED = "rotate", 'rotate, compression="gzip"'
_KINDS: dict[str, Literal["gzip"] | None] = {PLAIN: None, COMPRESSED: "gzip"}


def longest_calls(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of the longest ``on_log`` of each round."""
    longest: dict[str, list[float]] = {name: [] for name in _KINDS}
    context = multiprocessing.get_context("spawn")
    for number in range(rounds):
        for name, compression in _KINDS.items():
            place = folder / f"{number} {compression}"
            place.mkdir()
            with ProcessPoolExecutor(1, context) as pool:
                seconds = pool.submit(_longest_call, str(place / "tasks.log"), compression).result()
            longest[name].append(seconds * 1000)
    return longest


def _longest_call(path: str, compression: Literal["gzip"] | None) -> float:
    sink = RotatingFileSink(path, max_bytes=MAX_BYTES, backup_count=5, compression=compression)
    return asyncio.run(_log(FileLogger(sink)))


async def _log(logger: FileLogger) -> float:
    choice = random.Random(1)
    messages = [choice.randbytes(LINE_BYTES // 2).hex() for _ in range(1000)]  # compressed to about half their size
    time_of_event = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    longest = 0.0
    gc.disable()
    for number in range(LINES):
        event = LogEvent("1f2a7e5b", "send_email", messages[number % 1000], "info", time_of_event, 0)
        started = time.perf_counter()
        await logger.on_log(event)
        longest = max(longest, time.perf_counter() - started)
    gc.enable()
    await logger.close()
    return longest
