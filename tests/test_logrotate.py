"""Watched mode under real logrotate."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from taskflow_loguru import FileLogger
from tests.conftest import log_event
from tests.logrotate import Logrotate

PROCESSES = 4
ROTATIONS = 50

# Logs until its stdin ends, and then prints the number of its lines.
WRITER = """
import asyncio, select, sys
from taskflow_loguru import FileLogger
from tests.conftest import log_event

async def main(path, name, enqueue):
    logger = FileLogger(path, mode="watched", enqueue=enqueue)
    number = 0
    while not select.select([sys.stdin], [], [], 0.0005)[0]:
        for number in range(number, number + 5):
            await logger.on_log(log_event(f"{name} {number} end", task_id=name))
            if not number:
                print(flush=True)
        number += 1
    await logger.close()
    print(number)

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "True"))
"""


@pytest.mark.parametrize(
    ("when", "enqueue"), [("daily", False), ("size 1k", True)], ids=["daily, written at once", "by size, enqueue"]
)
def test_four_processes_lose_no_line_in_fifty_rotations(
    tmp_path: Path, program: Callable[[str], str], when: str, enqueue: bool
) -> None:
    path = tmp_path / "logs" / "tasks.log"
    path.parent.mkdir()
    logrotate = Logrotate(program("logrotate"), path, when=when, rotate=2 * ROTATIONS)
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = {
        name: subprocess.Popen(
            [*command, name, str(enqueue)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        for name in [f"writer{number}" for number in range(PROCESSES)]
    }
    try:
        for writer in writers.values():
            assert writer.stdout is not None
            assert writer.stdout.readline() == "\n"
        while len(logrotate.backups()) < ROTATIONS:
            logrotate.rotate()
        written = {name: int(writer.communicate()[0]) for name, writer in writers.items()}
    finally:
        for writer in writers.values():
            writer.kill()
            writer.communicate()
    files = logrotate.files()
    for name, count in written.items():
        numbers = [[number_of(line) for line in file if line.startswith(f"[{name}]")] for file in files]
        for file in numbers:
            assert file == sorted(set(file)), "doubled or out of order in one file"
        # Only lines that were written during the rotation may be repeated in the next file.
        in_order = [number for number, _ in groupby(sorted(number for file in numbers for number in file))]
        assert in_order == list(range(count))


def number_of(line: str) -> int:
    """Return the number of the line, which must be complete."""
    number, end = line.split(" ")[-2:]
    assert end == "end\n", line
    return int(number)


async def test_files_created_by_logrotate_are_used_and_compressed_ones_whole(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    path = tmp_path / "logs" / "tasks.log"
    logger = FileLogger(path, mode="watched")
    logrotate = Logrotate(program("logrotate"), path)
    for number in range(5):
        await logger.on_log(log_event(str(number)))
        logrotate.rotate()
    await logger.on_log(log_event("5"))
    assert [[line.split(" ")[-1] for line in file] for file in logrotate.files()] == [[f"{n}\n"] for n in range(6)]
    assert path.stat().st_mode & 0o777 == 0o644
    await logger.close()


async def test_a_file_without_lines_is_not_rotated(tmp_path: Path, program: Callable[[str], str]) -> None:
    path = tmp_path / "logs" / "tasks.log"
    logger = FileLogger(path, mode="watched")
    logrotate = Logrotate(program("logrotate"), path)
    logrotate.rotate()
    assert not logrotate.backups()
    await logger.on_log(log_event("first"))
    logrotate.rotate()
    logrotate.rotate()
    assert len(logrotate.backups()) == 1
    await logger.close()
