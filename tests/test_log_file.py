"""FileLogger with a path or a sink; its counters; rotation and reopening by hand."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru import FileLogger, json_line
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, Stats, WatchedFileSink
from tests.conftest import log_event
from tests.hosting import lines_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.log"


async def test_a_sink_that_was_passed_in_writes_the_lines(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    logger = FileLogger(sink)
    for word in ("one", "two", "three"):
        await logger.on_log(log_event(word))
    assert logger.sink is sink
    assert logger.path == str(path)
    assert [lines_of(Path(f"{path}{end}"))[0][-3:] for end in (".2", ".1", "")] == ["one", "two", "ree"]


async def test_a_sink_with_compression_and_when_is_used_unchanged(path: Path) -> None:
    logger = FileLogger(RotatingFileSink(path, max_bytes=1, backup_count=3, compression="gzip", when="day"))
    for word in ("one", "two", "three"):
        await logger.on_log(log_event(word))
    while not Path(f"{path}.2.gz").exists():
        await logger.close()
    assert gzip.decompress(Path(f"{path}.2.gz").read_bytes()).endswith(b" one\n")


@pytest.mark.parametrize("options", [{"max_bytes": 10485760}, {"backup_count": 5}, {"mode": "rotate"}])
def test_a_size_or_mode_beside_a_sink_is_an_error(path: Path, options: dict[str, Any]) -> None:
    """This includes the value of the default: it would have no effect either."""
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name} must be set on the sink itself, not beside it"):
        FileLogger(WatchedFileSink(path), **options)


def test_a_thread_for_a_sink_that_has_one_is_an_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"^enqueue must be False"):
        FileLogger(BackgroundSink(WatchedFileSink(path)), enqueue=True)


@pytest.mark.parametrize("is_own", [False, True])
async def test_a_sink_reports_a_loss_in_the_logger_s_format_or_its_own(path: Path, is_own: bool) -> None:
    options: dict[str, Any] = {"loss_line": lambda count, reason: "own words\n"} if is_own else {}
    sink = WatchedFileSink(path, backlog_bytes=0, **options)
    logger = FileLogger(sink, format=json_line)
    path.unlink()
    path.mkdir()
    await logger.on_log(log_event())
    path.rmdir()
    await logger.close()
    (line,) = lines_of(path)
    assert line == "own words" if is_own else '"event":"loss"' in line


async def test_stats_count_what_was_written_rotated_kept_and_lost(path: Path) -> None:
    logger = FileLogger(RotatingFileSink(path, max_bytes=1, backup_count=9, backlog_bytes=110))
    for _ in range(3):
        await logger.on_log(log_event("hello"))
    size = sum(file.stat().st_size for file in path.parent.iterdir())
    assert logger.stats() == Stats(3, size, rotations=2, lines_kept=0, lines_lost=0, seconds_failing=0.0)
    path.unlink()
    path.mkdir()
    for _ in range(3):
        await logger.on_log(log_event("hello"))
    stats = logger.stats()
    assert (stats.lines_written, stats.lines_kept, stats.lines_lost) == (3, 2, 1)
    assert stats.seconds_failing > 0
    path.rmdir()
    await logger.close()
    stats = logger.stats()
    assert (stats.lines_written, stats.lines_kept, stats.lines_lost, stats.seconds_failing) == (6, 0, 1, 0.0)


async def test_stats_count_the_lines_that_wait_for_the_thread(path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(WatchedFileSink):
        def write_encoded(self, lines: list[bytes]) -> None:
            entered.set()
            leave.wait(30)
            super().write_encoded(lines)

    logger = FileLogger(BackgroundSink(Slow(path)))
    await logger.on_log(log_event())
    assert entered.wait(30)
    await logger.on_log(log_event())
    assert logger.stats().lines_waiting == 2
    leave.set()
    await logger.close()
    assert (logger.stats().lines_waiting, logger.stats().lines_written) == (0, 2)


async def test_rotate_moves_the_lines_to_the_first_backup(path: Path) -> None:
    logger = FileLogger(path)
    await logger.on_log(log_event("one"))
    logger.rotate()
    logger.rotate()  # an empty file is not rotated
    await logger.on_log(log_event("two"))
    assert [line[-3:] for line in lines_of(Path(f"{path}.1"))] == ["one"]
    assert [line[-3:] for line in lines_of(path)] == ["two"]
    assert sorted(os.listdir(path.parent)) == ["tasks.log", "tasks.log.1"]


def test_rotate_of_a_watched_file_is_an_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"^mode must be 'rotate' to rotate the file, not 'watched'"):
        FileLogger(path, mode="watched").rotate()


def test_rotate_without_backups_is_an_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"^backup_count must be at least 1 to rotate, not 0"):
        FileLogger(path, backup_count=0).rotate()


async def test_rotate_raises_if_it_is_impossible(path: Path) -> None:
    logger = FileLogger(path, backup_count=1)
    await logger.on_log(log_event("one"))
    Path(f"{path}.1").mkdir()
    with pytest.raises(FileExistsError, match="unexpected file"):
        logger.rotate()
    assert [line[-3:] for line in lines_of(path)] == ["one"]


async def test_reopen_closes_a_file_that_was_moved(path: Path) -> None:
    logger = FileLogger(path, mode="watched")
    await logger.on_log(log_event("one"))
    path.rename(path.with_name("moved"))
    logger.reopen()
    assert not [fd for fd in os.listdir("/proc/self/fd") if _leads_to(fd, path.with_name("moved"))]
    await logger.on_log(log_event("two"))
    assert [line[-3:] for line in lines_of(path)] == ["two"]


async def test_with_enqueue_a_line_after_close_is_in_the_file_at_once(path: Path) -> None:
    logger = FileLogger(path, enqueue=True)
    await logger.on_log(log_event("one"))
    await logger.close()
    await logger.on_log(log_event("two"))
    assert [line[-3:] for line in lines_of(path)] == ["one", "two"]


async def test_with_enqueue_startup_after_close_restarts_the_thread(path: Path) -> None:
    logger = FileLogger(path, enqueue=True)
    await logger.on_log(log_event("one"))
    await logger.close()
    await logger.startup()
    names = {thread.name for thread in threading.enumerate()}
    assert "taskflow-loguru-writer" not in names
    await logger.on_log(log_event("two"))
    while "taskflow-loguru-writer" not in {thread.name for thread in threading.enumerate()}:
        pass
    await logger.close()
    assert [line[-3:] for line in lines_of(path)] == ["one", "two"]


def _leads_to(fd: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == str(path)
    except FileNotFoundError:
        return False
