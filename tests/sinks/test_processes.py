"""Promises of ``RotatingFileSink`` to many processes with one file, and to processes that are stopped or killed."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import RotatingFileSink
from tests.sinks import families
from tests.sinks.model import found_at
from tests.sinks.writers import (
    ROOT,
    Writer,
    assert_each_once,
    assert_each_once_in_order,
    backups_of,
    line,
    lines,
    read_lines,
)

ALL = 100_000  # more backups than any test makes, so that none is deleted

StartWriter = Callable[..., Writer]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def sizes(path: Path) -> list[int]:
    return [file.stat().st_size for file in (*backups_of(path), path)]


def assert_no_file_over(max_bytes: int, path: Path, stderr: str) -> None:
    """Check the sizes of the files, and that the writers reported nothing but a lock that a busy machine delayed."""
    assert re.fullmatch(r"(taskflow_loguru: writing to .* without its lock: could not acquire it .*\n)*", stderr)
    if not stderr:
        assert max(sizes(path)) <= max_bytes


# -- many processes, one file ---------------------------------------------------------------------


def test_separately_started_processes_lose_double_and_tear_no_line(path: Path, start_writer: StartWriter) -> None:
    writers = [start_writer(name, path, max_bytes=50_000, backup_count=ALL) for name in "abcd"]
    for writer in writers:
        writer.write(5000)
    assert [writer.finish() for writer in writers] == [5000] * 4
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})
    assert_no_file_over(50_000, path, "".join(writer.stderr() for writer in writers))


def test_a_file_that_is_rotated_for_almost_every_line_loses_none(path: Path, start_writer: StartWriter) -> None:
    writers = [start_writer(name, path, max_bytes=100, backup_count=ALL) for name in "abcd"]
    for writer in writers:
        writer.write(150)
    for writer in writers:
        writer.finish()
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})


def test_processes_keep_the_newest_backups_up_to_backup_count(path: Path, start_writer: StartWriter) -> None:
    writers = [start_writer(name, path, max_bytes=1000, backup_count=5) for name in "abcd"]
    for writer in writers:
        writer.write(500)
    for writer in writers:
        writer.finish()
    found = read_lines(path)
    assert len(backups_of(path)) == 5
    for writer in writers:
        own = [text for text in found if text.startswith(f"<{writer.name}-")]
        assert own == writer.lines()[len(writer.lines()) - len(own) :]
    assert min(sizes(path)[:-1]) > 1000 - 100


@pytest.mark.parametrize("how", ["os.fork", "os.fork while threads write", "fork", "spawn", "forkserver"])
def test_processes_that_share_a_sink_made_before_them_lose_no_line(path: Path, how: str) -> None:
    # From Python 3.12 on, os.fork() warns of threads, such as the one that syncs backups.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.sinks.families", how, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    names = ["before", "parent", "after", *(f"child{number}" for number in range(families.CHILDREN))]
    names += ["thread0", "thread1"] if "threads" in how else []
    written = {name: lines(name, range(families.LINES)) for name in names}
    assert_each_once_in_order(read_lines(path), written)
    assert_no_file_over(families.MAX_BYTES, path, done.stderr)


def test_processes_with_different_limits_lose_no_line(path: Path, start_writer: StartWriter) -> None:
    limits = [(2000, ALL), (5000, 2 * ALL), (700, ALL), (0, 0)]
    writers = [
        start_writer(f"w{number}", path, max_bytes=max_bytes, backup_count=backup_count)
        for number, (max_bytes, backup_count) in enumerate(limits)
    ]
    for writer in writers:
        writer.write(800)
    for writer in writers:
        writer.finish()
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})


def test_a_file_that_is_moved_away_again_and_again_loses_no_line(path: Path, start_writer: StartWriter) -> None:
    writers = [start_writer(name, path, max_bytes=1000, backup_count=ALL) for name in "abc"]
    for writer in writers:
        writer.write(1000)
    for number in range(100):
        writers[number % 3].wait_for((number // 3 + 1) * 10)
        with contextlib.suppress(FileNotFoundError):  # in the middle of a rotation there is none
            path.rename(path.with_name(f"moved-{number}"))
    for writer in writers:
        writer.finish()
    found = [text for file in path.parent.iterdir() for text in file.read_text().splitlines(keepends=True)]
    assert_each_once(found, (text for writer in writers for text in writer.lines()))


# -- a process that is stopped --------------------------------------------------------------------

HOLD_LOCK = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_lock_never_released_costs_no_line_and_is_reported_once(path: Path, start_writer: StartWriter) -> None:
    writers = [start_writer(name, path, max_bytes=1000, backup_count=ALL) for name in "ab"]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        for writer in writers:
            writer.write(1000)  # were each of them delayed, it would take more than 8 minutes
        for writer in writers:
            writer.wait_for(1000)
        assert backups_of(path) == []
    for writer in writers:
        writer.write_and_wait(100)
    for writer in writers:
        writer.finish()
        assert re.fullmatch(r"taskflow_loguru: writing to .* without its lock: .*\n", writer.stderr())
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})
    assert all(size <= 1000 for size in sizes(path)[1:])


# -- a process that is stopped or killed at each step of a rotation -------------------------------


class Rotation:
    """A file with three backups, rotated by its next line, and a writer that gets a signal at a step of that."""

    def __init__(self, folder: Path, start_writer: StartWriter, signal_name: str, step: int, backup_count: int) -> None:
        folder.mkdir()
        self.path = folder / "app.log"
        before = RotatingFileSink(self.path, max_bytes=1, backup_count=6)
        for text in lines("before", range(4)):
            before.write(text)
        before.stop()
        self.limits: dict[str, Any] = {"max_bytes": 1, "backup_count": backup_count}
        self.writer = start_writer("a", self.path, **self.limits)
        self.writer.arm(step, signal_name)
        self.writer.write(1)
        self.writer.quit()


def rotations(folder: Path, start_writer: StartWriter, signal_name: str, backup_count: int = ALL) -> list[Rotation]:
    """Yield one for each step of a rotation, whose writer gets its signal there."""
    found: list[Rotation] = []
    while True:
        rotation = Rotation(folder / str(len(found)), start_writer, signal_name, len(found) + 1, backup_count)
        if rotation.writer.ends_unsignalled():
            assert len(found) > 6, "a rotation with three backups has more steps"
            return found
        found.append(rotation)


@pytest.mark.parametrize("backup_count", [2, 3, ALL])
def test_a_rotation_killed_at_any_step_is_completed_by_the_next_writer(
    tmp_path: Path, start_writer: StartWriter, backup_count: int
) -> None:
    for rotation in rotations(tmp_path, start_writer, "SIGKILL", backup_count):
        written = rotation.writer.kill()
        sink = RotatingFileSink(rotation.path, **rotation.limits)
        if line("a", 0) not in read_lines(rotation.path):
            assert written == 0
            sink.write(line("a", 0))
        sink.write(line("b", 0))
        sink.stop()
        expected = [*lines("before", range(4)), line("a", 0), line("b", 0)]
        assert found_at(rotation.path).texts == dict(enumerate(reversed(expected[-1 - backup_count :])))


def test_a_rotation_stopped_at_any_step_costs_no_line(tmp_path: Path, start_writer: StartWriter) -> None:
    """It delays the other writers once."""
    stopped = rotations(tmp_path, start_writer, "SIGSTOP")
    others = [start_writer("b", rotation.path, **rotation.limits) for rotation in stopped]
    for other in others:
        other.write(20)
    for other in others:
        other.finish()
        assert other.stderr().count("\n") <= 1
    for rotation, other in zip(stopped, others, strict=True):
        rotation.writer.resume()
        rotation.writer.finish()
        found = read_lines(rotation.path)
        assert_each_once_in_order(
            found, {"before": lines("before", range(4)), "a": lines("a", [0]), "b": other.lines()}
        )


def test_a_stopped_rotation_of_a_moved_file_overwrites_no_backup(tmp_path: Path, start_writer: StartWriter) -> None:
    stopped = rotations(tmp_path, start_writer, "SIGSTOP")
    for rotation in stopped:
        if rotation.path.exists():
            rotation.path.rename(rotation.path.with_name("moved"))
    others = [start_writer("b", rotation.path, **rotation.limits) for rotation in stopped]
    for other in others:
        other.write(20)
    for rotation, other in zip(stopped, others, strict=True):
        other.finish()
        rotation.writer.resume()
        rotation.writer.finish()
        found = [text for file in rotation.path.parent.iterdir() for text in file.read_text().splitlines(True)]
        assert_each_once(found, [*lines("before", range(4)), *lines("a", [0]), *other.lines()])


def test_hundreds_of_killed_writers_lose_no_acknowledged_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.sinks.killings", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    killed = 0
    for path, acknowledged in json.loads(done.stdout).items():
        found = read_lines(Path(path))
        written = {name: lines(name, range(count)) for name, count in acknowledged.items()}
        for name, texts in written.items():
            if line(name, len(texts)) in found:  # written, but killed before the acknowledgement
                texts.append(line(name, len(texts)))
        assert_each_once_in_order(found, written)
        killed += len(written)
    assert killed >= 300


# -- a file system without flock ------------------------------------------------------------------


def test_without_flock_no_line_is_lost_and_it_is_reported_once(
    path: Path, start_writer: StartWriter, program: Callable[[str], str]
) -> None:
    # strace gives the writers the answer of the kernel for an NFS mount without a lock daemon.
    strace = [program("strace"), "-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK", "-e", "trace=flock"]
    writers = [start_writer(name, path, max_bytes=1000, backup_count=ALL, launcher=strace) for name in "ab"]
    for writer in writers:
        writer.write(200)
    for writer in writers:
        writer.finish()
        assert re.fullmatch(r"taskflow_loguru: writing to .* without its lock: .*No locks available\n", writer.stderr())
    assert_each_once_in_order(read_lines(path), {writer.name: writer.lines() for writer in writers})
    assert backups_of(path) == []
