"""Reading a file with its backups, also during rotations."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from taskflow_loguru import FileLogger, json_line, task_line
from taskflow_loguru.reader import follow, read
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink
from tests.conftest import NOON, log_event
from tests.logrotate import Logrotate

from .logs import numbered, numbers_of, rotate_and_compress, run_beside, siblings, write, write_on_day


@pytest.mark.parametrize("format", [task_line, json_line])
async def test_what_a_file_logger_wrote_is_read_as_it_was_logged(path: Path, format: Any) -> None:
    logger = FileLogger(path, max_bytes=2000, backup_count=1000, format=format)
    for number in range(200):
        await logger.on_log(log_event(str(number)))
    await logger.close()
    assert len(siblings(path)) > 3
    assert numbers_of(read(str(path))) == list(range(200))


def test_a_missing_file_has_no_lines(path: Path) -> None:
    assert list(read(path)) == []
    assert list(read(path.parent / "missing" / "tasks.log")) == []


def test_an_unreadable_file_is_an_error(path: Path) -> None:
    path.write_text("")
    Path(f"{path}.1").mkdir()
    with pytest.raises(IsADirectoryError):
        list(read(path))


@pytest.mark.parametrize("given", ["", b"tasks.log", 5, "."])
@pytest.mark.parametrize("function", [read, follow])
def test_an_invalid_path_is_rejected_at_the_call(function: Any, given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^path must be "):
        function(given)


def test_a_path_without_a_folder_is_in_the_current_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    write(Path("tasks.log.1"), 1)
    write(Path("tasks.log"), 2)
    assert numbers_of(read("tasks.log")) == [1, 2]


@pytest.mark.parametrize("count", [3, 100_000])
@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:5],
        lambda whole: whole[:1],
        lambda whole: b"",
        lambda whole: whole[:20] + b"x" * len(whole),
        lambda whole: b"\0" * len(whole),
    ],
    ids=["half", "begin of the header", "first byte", "empty", "overwritten", "zeros"],
)
def test_a_torn_gzip_file_is_an_error_behind_what_can_be_read(
    path: Path, damage: Callable[[bytes], bytes], count: int
) -> None:
    write(path, count)
    backup = Path(f"{path}.1.gz")
    backup.write_bytes(damage(gzip.compress("".join(map(numbered, range(count))).encode())))
    lines = read(path)
    with pytest.raises(OSError, match=re.escape(str(backup))):
        numbers_of(lines)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_concurrent_rotation_neither_hides_nor_repeats_a_line(
    path: Path, compression: Literal["gzip"] | None
) -> None:
    acknowledged = -1

    def write_all() -> None:
        nonlocal acknowledged
        sink = RotatingFileSink(path, max_bytes=40 * len(numbered(1000)), backup_count=20, compression=compression)
        for number in range(1000, 9000):
            sink.write(numbered(number))
            acknowledged = number
        sink.stop()

    writer = run_beside(write_all)
    is_last = False
    while not is_last:
        is_last = not writer.is_alive()
        written = acknowledged
        found = numbers_of(read(path))
        if written >= 0:
            assert found == list(range(found[0], found[-1] + 1))
            assert found[-1] >= written
    assert found[-1] == 8999
    assert len(found) > 800


def test_compression_by_logrotate_neither_hides_nor_repeats_a_line(path: Path, program: Callable[[str], str]) -> None:
    logrotate = Logrotate(program("logrotate"), path, rotate=100)
    acknowledged = -1

    def write_all() -> None:
        nonlocal acknowledged
        sink = WatchedFileSink(path)
        for number in range(2000):
            sink.write(numbered(number))
            acknowledged = number
            if number % 200 == 199:
                logrotate.rotate()
        sink.stop()

    writer = run_beside(write_all)
    is_last = False
    while not is_last:
        is_last = not writer.is_alive()
        written = acknowledged
        found = numbers_of(read(path))
        assert found == list(range(len(found)))
        assert len(found) > written
    assert len(found) == 2000


SINCE = NOON + timedelta(days=2)


def test_since_leaves_out_older_lines_and_their_lines_without_a_time(path: Path) -> None:
    for day in range(4):
        write_on_day(path, day, day)
        with path.open("a") as file:
            file.write(f"[abc12345] [count] --- Retry {day} ---\n")
    assert [line.message for line in read(path, since=SINCE)] == ["2", "--- Retry 2 ---", "3", "--- Retry 3 ---"]
    assert numbers_of(read(path, since=SINCE + timedelta(days=2))) == []


def test_since_reads_no_backup_that_was_last_changed_before_it(path: Path) -> None:
    for day, name in enumerate((".3.gz", ".2", ".1", "")):
        file = Path(f"{path}{name}")
        write_on_day(file, day, day)
        os.utime(file, (0, (NOON + timedelta(days=day, hours=1)).timestamp()))
    with pytest.raises(gzip.BadGzipFile):  # it is not a gzip file: reading it would fail
        list(read(path))
    assert numbers_of(read(path, since=SINCE)) == [2, 3]


def test_since_leaves_out_nothing_of_a_file_without_times(path: Path) -> None:
    """The host's own FileLogger writes such files."""
    path.write_text("[abc12345] [count] 1\n[abc12345] [count] 2\n")
    assert numbers_of(read(path, since=SINCE)) == [1, 2]


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=-5))])
def test_since_is_a_moment_in_any_time_zone(path: Path, zone: timezone) -> None:
    for day in range(4):
        write_on_day(path, day, day)
    assert numbers_of(read(path, since=SINCE.astimezone(zone))) == [2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"since": NOON.replace(tzinfo=None)}, "since must be a datetime with a time zone, not datetime"),
        ({"since": "2026-01-01"}, "since must be a datetime with a time zone, or None, not '2026-01-01'"),
        ({"since": 3}, "since must be a datetime with a time zone, or None, not 3"),
        ({"since": NOON.date()}, "since must be a datetime with a time zone, or None, not datetime.date"),
        ({"loguru_backups": 1}, "loguru_backups must be True or False, not 1"),
        ({"loguru_backups": "no"}, "loguru_backups must be True or False, not 'no'"),
    ],
)
@pytest.mark.parametrize("function", [read, follow])
def test_a_wrong_option_is_refused_at_the_call(path: Path, function: Any, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}"):
        function(path, **options)


def test_compression_by_a_thread_neither_hides_nor_repeats_a_line(path: Path) -> None:
    """This is a rotating sink's way: ``.1`` stays plain, the others become ``.gz`` while lines are written."""

    def write_all() -> None:
        for number in range(0, 2000, 20):
            rotate_and_compress(path)
            write(path, *range(number, number + 20))

    write(path)
    writer = run_beside(write_all)
    seen = 0
    is_last = False
    while not is_last:
        is_last = not writer.is_alive()
        found = numbers_of(read(path))
        assert found == list(range(len(found)))
        assert len(found) >= seen
        seen = len(found)
    assert seen == 2000
