"""A program that kills hundreds of writers at random moments: see test_processes.py.

``python -m tests.sinks.killings FOLDER`` prints as JSON, for each file and writer, how many lines the writer had
acknowledged over its pipe when it was killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

from taskflow_loguru.sinks import RotatingFileSink

from .writers import WRITTEN, lines

TURNS = 100
MAX_LINES = 120


def start(path: Path, name: str) -> tuple[int, int]:
    """Start a writer; return its process and the pipe over which it acknowledges lines."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        sink = RotatingFileSink(path, max_bytes=300, backup_count=100_000)
        for text in lines(name, range(MAX_LINES)):
            sink.write(text)
            os.write(writing, WRITTEN)
        signal.pause()
    os.close(writing)
    return child, reading


def kill(child: int, pipe: int, after: int) -> int:
    """Kill a writer that has acknowledged *after* lines; return how many it has acknowledged in all."""
    acknowledged = 0
    while acknowledged < after:
        acknowledged += len(os.read(pipe, after - acknowledged))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(pipe, 65536):
        acknowledged += len(more)
    os.close(pipe)
    return acknowledged


def main(folder: str) -> None:
    chance = random.Random(3)
    result: dict[str, dict[str, int]] = {}
    for turn in range(TURNS):
        path = Path(folder, str(turn), "app.log")
        writers = {name: start(path, name) for name in "abc"}
        result[str(path)] = {name: kill(*writer, after=chance.randrange(80)) for name, writer in writers.items()}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
