"""Following a file as it grows, across rotations."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from taskflow_loguru.reader import follow, read
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink
from tests.conftest import NOON
from tests.logrotate import Logrotate

from .logs import Following, compress, numbered, rotate, rotate_and_compress, run_beside, write, write_on_day


def test_it_starts_at_the_end_of_the_file(path: Path) -> None:
    write(path, 1)
    following = Following(path)
    write(path, 2)
    assert following.take(1) == [2]
    write(path, 3, 4)
    assert following.rest() == [3, 4]


def test_from_start_includes_the_file_and_not_its_backups(path: Path) -> None:
    write(Path(f"{path}.1"), 1)
    write(path, 2)
    following = Following(path, from_start=True)
    write(path, 3)
    assert following.rest() == [2, 3]


def test_it_waits_for_a_missing_file_and_for_each_line(path: Path) -> None:
    following = Following(path)
    found: list[int] = []
    has_one = threading.Event()

    def take() -> None:
        for _ in range(2):
            found.extend(following.take(1))
            has_one.set()

    taker = run_beside(take)
    write(path, 1)
    assert has_one.wait(30)
    write(path, 2)
    taker.join(30)
    assert found == [1, 2]


def test_stop_ends_it_after_the_existing_lines(path: Path) -> None:
    following = Following(path)
    for number in range(5):
        write(path, number)
        rotate(path)
    assert following.rest() == list(range(5))
    assert Following(path).rest() == []


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("is_compressed", [True, False])
@pytest.mark.parametrize("has_file_at_the_look", [True, False])
def test_no_line_is_missed_in_several_rotations_between_two_polls(
    path: Path, exists: bool, is_compressed: bool, has_file_at_the_look: bool
) -> None:
    write(Path(f"{path}.1"), -2)
    if exists:
        write(path, -1)
    following = Following(path)
    taken = 0
    for rotations in (1, 2, 5, 0, 1):
        numbers = list(range(taken, taken + 2 * rotations + 1))
        write(path, numbers[0])
        for number in numbers[1::2]:
            write(path, number)
            rotate(path)
            if is_compressed:
                compress(Path(f"{path}.1"))
            write(path, number + 1)
        if not has_file_at_the_look:
            rotate(path)
        assert following.take(len(numbers)) == numbers
        taken += len(numbers)
    assert following.rest() == []


def test_remaining_files_are_read_if_more_were_deleted_than_known(path: Path) -> None:
    write(path, 0)
    following = Following(path)
    sink = RotatingFileSink(path, max_bytes=len(numbered(1)), backup_count=3)
    for number in range(1, 10):
        sink.write(numbered(number))
    sink.stop()
    assert following.take(4) == [6, 7, 8, 9]
    assert following.rest() == []


def test_a_file_that_is_cut_short_is_read_from_its_start(path: Path) -> None:
    write(path, 1, 2, 3)
    following = Following(path, from_start=True)
    assert following.take(3) == [1, 2, 3]
    os.truncate(path, 0)
    write(path, 4)
    assert following.take(1) == [4]
    assert following.rest() == []


@pytest.mark.parametrize("deleted", [[""], ["", ".1"], ["", ".1", ".2", ".3"]])
def test_a_deleted_file_is_read_to_its_end_and_so_are_its_successors(path: Path, deleted: list[str]) -> None:
    for number in (1, 2, 3):
        write(Path(f"{path}.{number}"), -number)
    write(path, 0)
    following = Following(path)
    for number in range(10, 20):  # more than once: the file system reuses the inode number of a deleted file
        write(path, number)
        for name in deleted:
            Path(f"{path}{name}").unlink(missing_ok=True)
        write(path, number + 100)
        assert following.take(2) == [number, number + 100]
    assert following.rest() == []


def test_a_line_that_comes_in_parts_comes_once_and_whole(path: Path) -> None:
    path.touch()
    following = Following(path)
    line = numbered(1)
    for part in (line[:5], line[5:20]):
        with path.open("a") as file:
            file.write(part)
    write(Path(f"{path}.other"), 0)
    with path.open("a") as file:
        file.write(line[20:])
    assert following.take(1) == [1]


def test_the_torn_end_of_a_file_does_not_spoil_the_next_files_first_line(path: Path) -> None:
    write(path, 1)
    following = Following(path, from_start=True)
    assert following.take(1) == [1]
    with path.open("a") as file:
        file.write(numbered(2)[:10])
    rotate(path)
    write(path, 3)
    assert following.take(1) == [3]


def test_lines_appended_to_a_moved_file_come_before_the_next_file(path: Path) -> None:
    write(path, 1)
    following = Following(path, from_start=True)
    rotate(path)
    assert following.take(1) == [1]
    write(Path(f"{path}.1"), 2)
    write(path, 3)
    assert following.take(2) == [2, 3]


def test_a_dangling_link_as_a_backup_is_skipped(path: Path) -> None:
    write(path, 1)
    following = Following(path, from_start=True)
    path.rename(f"{path}.2")
    Path(f"{path}.1").symlink_to(path.parent / "nowhere")
    write(path, 2)
    assert following.rest() == [1, 2]


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_no_line_is_missed_while_a_writer_rotates_the_file(path: Path, compression: Literal["gzip"] | None) -> None:
    following = Following(path)

    def write_all() -> None:
        sink = RotatingFileSink(path, max_bytes=20 * len(numbered(1000)), backup_count=1000, compression=compression)
        for number in range(1000, 8000):
            sink.write(numbered(number))
        sink.stop()

    writer = run_beside(write_all)
    assert following.take(7000) == list(range(1000, 8000))
    writer.join(30)
    assert following.rest() == []


def test_no_line_is_missed_if_logrotate_compresses_between_two_polls(path: Path, program: Callable[[str], str]) -> None:
    logrotate = Logrotate(program("logrotate"), path, rotate=100)
    sink = WatchedFileSink(path)
    following = Following(path)
    number = 0
    for rotations in (1, 3, 0, 2):
        first = number
        for _ in range(rotations):
            for _ in range(3):
                sink.write(numbered(number))
                number += 1
            logrotate.rotate()
        sink.write(numbered(number))
        number += 1
        assert following.take(number - first) == list(range(first, number))
    sink.stop()
    assert following.rest() == []


def test_it_leaves_no_file_open(path: Path) -> None:
    def open_files() -> set[str]:
        links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        return {os.readlink(link) for link in links if os.path.islink(link)}

    for _ in range(3):
        write(path, 1)
        rotate(path)
    write(path, 1)
    lines = follow(path, from_start=True)
    next(lines)
    assert str(path) in open_files()
    lines.close()  # type: ignore[attr-defined]
    half_read = read(path)
    next(half_read)
    half_read.close()  # type: ignore[attr-defined]
    assert not [name for name in open_files() if name.startswith(str(path))]


def test_since_starts_in_the_backups_and_continues(path: Path) -> None:
    for day, name in enumerate((".2", "-20260102", ".1", "")):
        write_on_day(Path(f"{path}{name}"), day, day)
    compress(Path(f"{path}-20260102"))
    following = Following(path, since=NOON + timedelta(days=1))
    write_on_day(path, 4, 4)
    rotate(path)
    write_on_day(path, 5, 5)
    assert following.take(5) == [1, 2, 3, 4, 5]
    rotate(path)
    write_on_day(path, 6, 6)
    assert following.rest() == [6]


def test_no_line_is_missed_while_a_thread_compresses_the_backups(path: Path) -> None:
    write(path)
    following = Following(path)

    def write_all() -> None:
        for number in range(0, 2000, 20):
            rotate_and_compress(path)
            write(path, *range(number, number + 20))

    writer = run_beside(write_all)
    assert following.take(2000) == list(range(2000))
    writer.join(30)
    assert following.rest() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stop": True}, "stop must be a threading.Event or None, not True"),
        ({"stop": threading.Event}, "stop must be a threading.Event or None, not <class"),
        ({"from_start": "no"}, "from_start must be True or False, not 'no'"),
        ({"from_start": None}, "from_start must be True or False, not None"),
        ({"from_start": True, "since": NOON}, "since must be None with from_start=True, not datetime"),
    ],
)
def test_a_wrong_option_is_refused_at_the_call(path: Path, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}"):
        follow(path, **options)
