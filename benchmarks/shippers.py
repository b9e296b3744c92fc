"""How often a file may rotate before a shipper loses lines: ``python -m benchmarks.shippers``.

Four processes write numbered text lines at a given rate through ``FileLogger``. ``max_bytes`` sets how often the file
rotates; the shipper reads it with the configuration of ``taskflow_loguru.shippers``. Afterwards the lines in the file
and its backups are compared with those that arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from tabulate import tabulate

from taskflow_loguru import FileLogger, reader
from tests.conftest import OPT, log_event
from tests.shippers.shipped import SHIPPERS, Shipper

PROCESSES = 4
RATE = 2_000
"""The rate of all processes together, in lines per second."""

ROTATIONS = (0.5, 1, 2, 5, 10, 20)
"""Rates in rotations per second."""

SECONDS = 5
SETTLED = 2.0
"""The time without a new line after which the waiting ends, in seconds."""

BACKUPS = 10_000
"""The number of backups, which is never reached: so all lines can be counted."""

SIZES = (4_000, 8_000, 30_000, 60_000, 200_000, 1_000_000, 2_000_000)
"""The length of long lines, in bytes."""

LINE_BYTES = len("[00000000] [count] 2026-01-01T12:00:00 0-00000 " + "x" * 40) + 1


class Follow:
    """Our own ``reader.follow``, measured like the shippers."""

    def __init__(self, path: Path) -> None:
        self._path, self._messages, self._stop = path, list[str](), threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def messages(self) -> list[str]:
        return list(self._messages)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        self._messages.extend(line.message for line in reader.follow(self._path, from_start=True, stop=self._stop))


class Shipped:
    """A real shipper."""

    def __init__(self, shipper: Shipper) -> None:
        self._shipper = shipper
        shipper.start()

    def messages(self) -> list[str]:
        return [line.message for line in self._shipper.lines("text")]

    def close(self) -> None:
        self._shipper.close()


def measure(start: Callable[[Path], Follow | Shipped], path: Path, rate: float, per_second: float) -> str:
    """Return the numbers of lost, duplicate and all lines."""
    max_bytes = int(rate * LINE_BYTES / per_second)
    asyncio.run(FileLogger(path, max_bytes=max_bytes, backup_count=BACKUPS).close())
    shipper = start(path)
    with contextlib.closing(shipper):
        return _measure(shipper, path, max_bytes, rate, per_second)


def _measure(shipper: Follow | Shipped, path: Path, max_bytes: int, rate: float, per_second: float) -> str:
    time.sleep(1.5)  # no shipper reports when it is ready
    started = time.monotonic()
    context = multiprocessing.get_context("fork")
    jobs = [context.Process(target=_write, args=(path, max_bytes, name, rate / PROCESSES)) for name in range(PROCESSES)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    seconds = time.monotonic() - started
    written = Counter(line.message for line in reader.read(path))
    rotations = sum(1 for _ in path.parent.glob(f"{path.name}.*")) / seconds
    arrived = Counter(_settled(shipper.messages, written.total()))
    lost, doubled = (written - arrived).total(), (arrived - written).total()
    print(f"  {per_second}/s ({rotations:.1f}/s): {lost} lost, {doubled} doubled, of {written.total()}", flush=True)
    share = f"{100 * lost / written.total():.1f} %" if lost else "0"
    return f"{share}, {doubled} doubled" if doubled else share


def measure_edges(name: str, program: str, folder: Path) -> list[str]:
    """Return the fate of a late line, of lines written while the shipper is stopped, and of other edge cases."""

    @contextlib.contextmanager
    def started(part: str) -> Iterator[Shipper]:
        logs = folder / part / "logs"
        logs.mkdir(parents=True)
        (logs / "tasks.log").touch()
        shipper = SHIPPERS[name](program, folder / part / "shipper", logs / "tasks.log", logs / "tasks.jsonl")
        with contextlib.closing(shipper):
            shipper.start()
            time.sleep(1.5)
            yield shipper

    def write(path: Path, *messages: str) -> None:
        with path.open("a") as file:
            file.writelines(f"[00000000] [count] 2026-01-01T12:00:00 {message}\n" for message in messages)

    def rotate(path: Path) -> None:
        path.rename(f"{path}.1")
        path.touch()

    def arrived(shipper: Shipper, expected: int) -> list[str]:
        return list(_settled(lambda: [line.message for line in shipper.lines("text")], expected))

    with started("late") as shipper:
        path = shipper.paths["text"]
        write(path, "before")
        arrived(shipper, 1)
        rotate(path)
        write(path, "after")
        arrived(shipper, 2)
        write(path.with_name("tasks.log.1"), "late")
        late = "read" if "late" in arrived(shipper, 3) else "lost"

    stopped = "no position kept"
    if SHIPPERS[name].keeps_position:
        with started("stopped") as shipper:
            path = shipper.paths["text"]
            write(path, "before")
            arrived(shipper, 1)
            shipper.stop()
            write(path, *map(str, range(100)))
            rotate(path)
            write(path, "after")
            shipper.start()
            stopped = f"{102 - len(arrived(shipper, 102))} of 100 lost"

    with started("nocreate") as shipper:
        path = shipper.paths["text"]
        write(path, "before")
        arrived(shipper, 1)
        path.rename(f"{path}.1")
        time.sleep(1)
        write(path, "after")
        nocreate = "read" if "after" in arrived(shipper, 2) else "lost"

    with started("copytruncate") as shipper:
        path = shipper.paths["text"]
        write(path, *map(str, range(100)))
        arrived(shipper, 100)
        shutil.copy(path, f"{path}.1")
        os.truncate(path, 0)
        write(path, "after")
        copytruncate = "read" if "after" in arrived(shipper, 101) else "lost"

    longest = 0
    with started("long") as shipper:
        for size in SIZES:
            write(shipper.paths["text"], str(size).ljust(size, "x"), "end")
            if any(len(message) == size for message in arrived(shipper, len(shipper.lines("text")) + 2)):
                longest = size
    return [name, late, stopped, nocreate, copytruncate, f"{longest:,}"]


def _settled(messages: Callable[[], Iterable[str]], expected: int) -> Iterable[str]:
    found, changed = list(messages()), time.monotonic()
    while len(found) < expected and time.monotonic() < changed + SETTLED:
        time.sleep(0.1)
        now = list(messages())
        if len(now) > len(found):
            found, changed = now, time.monotonic()
    return found


def _write(path: Path, max_bytes: int, name: int, rate: float) -> None:
    asyncio.run(_write_lines(path, max_bytes, name, rate))


async def _write_lines(path: Path, max_bytes: int, name: int, rate: float) -> None:
    logger = FileLogger(path, max_bytes=max_bytes, backup_count=BACKUPS)
    started = time.monotonic()
    for number in range(int(rate * SECONDS)):
        message = f"{name}-{number:05} {'x' * 40}"
        event = log_event(message, task_id=f"{name:08}", func_name="count", timestamp=datetime.now(timezone.utc))
        await logger.on_log(event)
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
    await logger.close()


def _start(name: str, program: str, path: Path) -> Follow | Shipped:
    if name == "follow":
        return Follow(path)
    folder = path.parent.parent / "shipper"
    return Shipped(SHIPPERS[name](program, folder, path, path.with_suffix(".jsonl")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="shippers: follow, " + ", ".join(SHIPPERS), metavar="NAME")
    parser.add_argument("--edges", action="store_true", help="measure the second table only")
    arguments = parser.parse_args()
    names = arguments.names or ["follow", *SHIPPERS]
    table, edges = [], []
    for name in names:
        program = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", str(OPT)]))
        if name != "follow" and program is None:
            print(f"{name}: not installed")
            continue
        print(name, flush=True)
        row = [name]
        for per_second in () if arguments.edges else ROTATIONS:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "logs").mkdir()
                path = Path(folder) / "logs/tasks.log"

                row.append(measure(partial(_start, name, program or ""), path, RATE, per_second))
        table.append(row)
        if program is not None:
            with tempfile.TemporaryDirectory() as folder:
                edges.append(measure_edges(name, program, Path(folder)))
    print()
    print(tabulate(table, ["", *(f"{rate}/s" for rate in ROTATIONS)], tablefmt="github"))
    print()
    headers = [
        "",
        "a line written to the moved file",
        "stopped for one rotation",
        "nocreate",
        "copytruncate",
        "longest line tried that came whole",
    ]
    print(tabulate(edges, headers, tablefmt="github"))


if __name__ == "__main__":
    main()
