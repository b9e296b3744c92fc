"""A disk that blocks for two seconds, and the stall of the event loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from .contenders import CONTENDERS, HOST_ROTATE, ROTATE_ENQUEUE, log_events

BLOCKED = 2
ROUNDS = 3
_BEAT = 0.001
_PROGRAMS = ("mkfs.ext4", "mount", "umount", "fsfreeze")

# In its own session and process, which ignore the signals that end the benchmark: the disk is always thawed.
_FREEZE_AND_THAW = f"""
trap '' HUP INT TERM
sleep 0.3
fsfreeze -f "$1" && sleep {BLOCKED}
fsfreeze -u "$1"
"""


@dataclass
class Stall:
    """The results of all rounds: the longest gap of each in milliseconds, and lines."""

    gaps: list[float] = field(default_factory=list)
    lost: int = 0
    written: int = 0


def missing() -> str | None:
    """Return the reason why this machine cannot freeze a disk, if any."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [program for program in _PROGRAMS if which(program) is None]
    return f"needs {', '.join(absent)}" if absent else None


def stall(folder: Path, rounds: int) -> dict[str, Stall]:
    """Log to a disk that freezes, and watch the heartbeat of the event loop."""
    stalls = {ROTATE_ENQUEUE: Stall(), HOST_ROTATE: Stall()}
    for number in range(rounds):
        for name, result in stalls.items():
            with _disk(folder) as point:
                path = point / f"{number}.log"
                gap, count = asyncio.run(_log_while_frozen(name, path))
                result.gaps.append(gap * 1000)
                result.written += count
                result.lost += count - len(path.read_bytes().splitlines())
    return stalls


async def _log_while_frozen(name: str, path: Path) -> tuple[float, int]:
    observer = CONTENDERS[name](str(path), max_bytes=10_000_000, backup_count=5)
    events = iter(log_events(10_000))
    await observer.on_log(next(events))
    count = 1
    freezer = _start_freezer(path.parent)  # which is a stall too, but not one of the disk
    try:
        longest = 0.0
        last = time.perf_counter()
        while freezer.poll() is None:
            await observer.on_log(next(events))
            count += 1
            await asyncio.sleep(_BEAT)
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now
        await observer.close()
    finally:
        freezer.wait()  # a frozen disk that is no longer mounted cannot be thawed
    if freezer.returncode:
        raise RuntimeError("the disk could not be frozen")
    return longest, count


def _start_freezer(point: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sh", "-c", _FREEZE_AND_THAW, "sh", str(point)], start_new_session=True)


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """Mount an ext4 file system in a file of ``folder``."""
    image, point = folder / "disk.img", folder / "disk"
    point.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(16 * 1024**2)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)
