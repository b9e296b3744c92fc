"""Files of numbered lines, rotated and compressed step by step, and readers that poll step by step."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from taskflow_loguru.reader import TaskLine, follow
from tests.conftest import NOON


def numbered(number: int, time: datetime = NOON) -> str:
    return f"[abc12345] [count] {time:%Y-%m-%dT%H:%M:%S} {number}\n"


def numbers_of(lines: Iterator[TaskLine]) -> list[int]:
    return [int(line.message) for line in lines]


def write(path: Path, *numbers: int) -> None:
    with path.open("a") as file:
        file.writelines(map(numbered, numbers))


def write_on_day(path: Path, day: int, *numbers: int) -> None:
    """Append lines with the time of noon, ``day`` days after the first of January."""
    with path.open("a") as file:
        file.writelines(numbered(number, NOON + timedelta(days=day)) for number in numbers)


def compress(path: Path) -> None:
    """Compress like logrotate: write the copy, then delete the file."""
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def rotate(path: Path) -> None:
    """Move the file and its backups, compressed or not, up by one."""
    found = {
        backup: re.fullmatch(r"\.([0-9]+)(\.gz)?", backup.name.removeprefix(path.name)) for backup in siblings(path)
    }
    for backup, match in sorted(found.items(), key=lambda item: -int(item[1][1]) if item[1] else 0):
        if match:
            backup.rename(f"{path}.{int(match[1]) + 1}{match[2] or ''}")
    path.rename(f"{path}.1")


def rotate_and_compress(path: Path) -> None:
    """Rotate like a rotating sink: move the file up, and compress all backups except the newest.

    The copy is written under a hidden name and moved into place before the plain file is removed.
    """
    rotate(path)
    backup = Path(f"{path}.2")
    if backup.exists():
        hidden = path.with_name(f".{backup.name}.gz.a1b2c3")
        hidden.write_bytes(gzip.compress(backup.read_bytes()))
        hidden.rename(f"{backup}.gz")
        backup.unlink()


def siblings(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.*"))


def run_beside(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


class Following:
    """A reader that polls the file only when it is asked for a line."""

    def __init__(self, path: Path, **options: Any) -> None:
        self._stop = threading.Event()
        self._lines = follow(path, stop=self._stop, **options)

    def take(self, count: int) -> list[int]:
        """Return the next ``count`` lines."""
        return [int(next(self._lines).message) for _ in range(count)]

    def rest(self) -> list[int]:
        """Return all remaining lines."""
        self._stop.set()
        return numbers_of(self._lines)


def follow_to_the_end(path: Path) -> Iterator[TaskLine]:
    stop = threading.Event()
    stop.set()
    return follow(path, from_start=True, stop=stop)
