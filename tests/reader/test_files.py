"""Selection and order of the files of a log."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from loguru import logger as app_logger

from taskflow_loguru.reader import read
from taskflow_loguru.sinks import WatchedFileSink
from tests.conftest import NOON
from tests.logrotate import Logrotate

from .logs import Following, compress, numbered, numbers_of, rotate, write, write_on_day


def test_only_backups_are_read_oldest_first_compressed_or_not(path: Path) -> None:
    for number in range(12, 0, -1):
        backup = Path(f"{path}.{number}")
        write(backup, -number)
        if number % 2:
            compress(backup)
    write(path, 0)
    for neighbour in (
        "tasks.log.bak",
        "tasks.log.1.gz.tmp",
        "tasks.log.01",
        "tasks-log.1",
        "x.tasks.log.1",
    ):
        write(path.with_name(neighbour), 99)
    assert numbers_of(read(path)) == list(range(-12, 1))


def test_the_backups_of_a_links_file_are_beside_that(path: Path, tmp_path: Path) -> None:
    write(Path(f"{path}.1"), 1)
    write(path, 2)
    link = tmp_path / "link.log"
    link.symlink_to(path)
    assert numbers_of(read(link)) == [1, 2]
    following = Following(link)
    rotate(path)
    write(path, 3)
    assert following.take(1) == [3]


def test_a_backup_that_is_being_compressed_is_read_once(path: Path) -> None:
    write(Path(f"{path}.1"), *range(5000))
    whole = gzip.compress(Path(f"{path}.1").read_bytes())
    for written in (b"", whole[:5], whole[: len(whole) // 2], whole):
        Path(f"{path}.1.gz").write_bytes(written)
        assert numbers_of(read(path)) == list(range(5000))


def test_compressed_backups_with_the_same_lines_are_all_read(path: Path) -> None:
    for number in (1, 2):
        write(Path(f"{path}.{number}"), 7, 7)
        compress(Path(f"{path}.{number}"))
    assert numbers_of(read(path)) == [7] * 4


DATE_FORMATS = {
    "days": ["-20260101", "-20260102", "-20260131", "-20260201"],
    "hours": ["-2026010113", "-2026010123", "-2026010200", "-2026020100"],
    "seconds": ["-20260101130059", "-20260101130100", "-20260102000000", "-20260201000000"],
    "seconds since 1970": ["-1767225600", "-1767225601", "-1769904000", "-1999999999"],
    "separated": [".2026-01-01", ".2026-01-02", ".2026-01-31", ".2026-02-01"],
    "months": ["-202512", "-202601", "-202602", "-202612"],
    "day first": ["-01012026", "-02012026", "-31012026", "-01022026"],
    "days, then hours": ["-20260101", "-20260102", "-2026010213", "-2026010214"],
}


@pytest.mark.parametrize("names", DATE_FORMATS.values(), ids=DATE_FORMATS)
@pytest.mark.parametrize("compressed", [0, 1, 2])
def test_dated_backups_are_read_oldest_first(path: Path, names: list[str], compressed: int) -> None:
    for day, name in enumerate(names):
        backup = Path(f"{path}{name}")
        write_on_day(backup, day, day)
        if compressed and day % compressed == 0:
            compress(backup)
    write_on_day(path, len(names), len(names))
    assert numbers_of(read(path)) == list(range(len(names) + 1))


@pytest.mark.parametrize("dates_first", [True, False])
def test_numbered_and_dated_backups_are_read_in_the_order_of_their_lines(path: Path, dates_first: bool) -> None:
    """This is so even if the naming scheme was changed from one to the other."""
    dated, numbered_ = ([1, 2], [3, 4]) if dates_first else ([3, 4], [1, 2])
    for day in dated:
        write_on_day(Path(f"{path}-2026010{day}"), day, day)
    for number, day in ((2, numbered_[0]), (1, numbered_[1])):
        write_on_day(Path(f"{path}.{number}"), day, day)
        compress(Path(f"{path}.{number}"))
    write_on_day(path, 5, 5)
    assert numbers_of(read(path)) == [1, 2, 3, 4, 5]


def test_numbers_and_dates_count_for_more_than_the_time_of_a_first_line(path: Path) -> None:
    """A worker process sends its lines when its task ends, with their original times."""
    for names in ((".2", ".1"), ("-20260101", "-20260102")):
        for number, (name, day) in enumerate(zip(names, (2, 1), strict=True)):
            write_on_day(Path(f"{path}{name}"), day, number)
        assert numbers_of(read(path)) == [0, 1]
        for name in names:
            Path(f"{path}{name}").unlink()


def test_backups_without_any_time_are_ordered_by_their_last_change(path: Path) -> None:
    for number, name in enumerate((".1", "-20260101", "-31012025")):
        backup = Path(f"{path}{name}")
        backup.write_text(f"[abc12345] [count] {number}\n")
        os.utime(backup, (number + 1, number + 1))
    assert numbers_of(read(path)) == [0, 1, 2]


@pytest.mark.parametrize(
    "neighbour",
    [
        "tasks.log.old",
        "tasks.log.10x",
        "tasks.log~",
        "tasks.log.gz.1",
        "tasks.log-8080",
        "tasks.log.4194304",
        "tasks.log-1.2.3",
        "tasks.log-20260101x",
        "tasks.log-20260101.bak",
        "tasks.log-20260101.gz.part",
        "tasks.log-old-20260101",
        "tasks.logger.log",
        "tasks.logger.log-20260101",
        "tasks.2026-01-01_12-00-00_000000.log",
        "tasks.errors.log",
        ".tasks.log.2.gz.a1b2c3",
        ".tasks.log-20260101",
        "x-tasks.log-20260101",
    ],
)
def test_a_neighbour_is_never_read(path: Path, neighbour: str) -> None:
    write(path.with_name(neighbour), 99)
    write(path, 1)
    assert numbers_of(read(path)) == [1]


@pytest.mark.parametrize("name", [".2", "-20260101"])
def test_a_backup_is_read_once_at_each_step_of_its_compression(path: Path, name: str) -> None:
    """A rotating sink writes the copy under a hidden name, renames it, and then removes the plain file."""
    write(path, 0)
    following = Following(path, from_start=True)
    assert following.take(1) == [0]
    write(path, 1)
    backup = path.rename(f"{path}{name}")
    write(path, 2)

    hidden = path.with_name(f".{backup.name}.gz.a1b2c3")
    hidden.write_bytes(gzip.compress(backup.read_bytes()))
    assert numbers_of(read(path)) == [0, 1, 2]
    hidden.rename(f"{backup}.gz")
    assert numbers_of(read(path)) == [0, 1, 2]
    assert following.take(2) == [1, 2]
    backup.unlink()
    assert numbers_of(read(path)) == [0, 1, 2]
    write(path, 3)
    assert following.rest() == [3]


@pytest.mark.parametrize("compression", [None, "gz"])
def test_loguru_backups_are_read_when_asked_for(path: Path, compression: str | None) -> None:
    write(path.with_name("tasks.2026-01-01.log"), 99)
    due = iter([False, False, True] * 4)
    sink = app_logger.add(
        path, format="{message}", rotation=lambda *_: next(due), compression=compression, level="CRITICAL"
    )
    for number in range(12):
        app_logger.critical(numbered(number).rstrip())
    app_logger.remove(sink)
    assert len(list(path.parent.iterdir())) == 6
    assert numbers_of(read(path, loguru_backups=True)) == list(range(12))
    assert numbers_of(read(path)) == [11]


def test_no_line_is_missed_when_loguru_rotates_a_followed_file(path: Path) -> None:
    due = iter([False, False, True] * 4)
    sink = app_logger.add(path, format="{message}", rotation=lambda *_: next(due), compression="gz", level="CRITICAL")
    following = Following(path, loguru_backups=True)
    for number in range(6):
        app_logger.critical(numbered(number).rstrip())
    assert following.take(6) == list(range(6))
    for number in range(6, 12):
        app_logger.critical(numbered(number).rstrip())
    app_logger.remove(sink)
    assert following.rest() == list(range(6, 12))


# The zones change the hour in the name of a backup: within one hour, logrotate could not rotate twice.
@pytest.mark.parametrize(
    ("dates", "zones"),
    [
        ("dateext", ["DAY+24", "DAY+0", "DAY-24"]),
        ("dateext\n    dateformat -%Y%m%d%H", [f"DAY{offset:+}" for offset in range(24, -25, -4)]),
        ("dateext\n    dateformat .%d-%m-%Y", ["DAY+24", "DAY+0", "DAY-24"]),
        ("dateext\n    dateformat -%Y%m%d\n    delaycompress", ["DAY+24", "DAY+0", "DAY-24"]),
    ],
)
def test_dated_and_compressed_backups_of_logrotate_are_read_and_followed(
    path: Path, program: Callable[[str], str], dates: str, zones: list[str]
) -> None:
    logrotate = Logrotate(program("logrotate"), path, rotate=100, more=dates)
    sink = WatchedFileSink(path)
    following = Following(path)
    number = 0
    for day, zone in enumerate(zones):
        for number in range(250 * day, 250 * (day + 1)):
            sink.write(numbered(number, NOON + timedelta(seconds=number)))
        logrotate.rotate(zone=zone)
        if day % 2:
            assert following.take(250 * 2) == list(range(number - 499, number + 1))
    sink.stop()
    assert len([file for file in path.parent.iterdir() if file != path]) == len(zones)
    assert numbers_of(read(path)) == list(range(250 * len(zones)))
    assert following.rest() == list(range(250 * (len(zones) - len(zones) % 2), 250 * len(zones)))
