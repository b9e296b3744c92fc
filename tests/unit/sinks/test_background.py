from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from taskflow_loguru.sinks import BackgroundSink, WatchedFileSink, background
from taskflow_loguru.sinks._linux import now
from taskflow_loguru.sinks.background import DEFAULT_MAX_PENDING_BYTES, STOP_TIMEOUT


class Disk(WatchedFileSink):
    """A file sink whose disk a test can stop."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.works, self.is_asked = threading.Event(), threading.Event()

    def write_encoded(self, lines: list[bytes]) -> None:
        self.is_asked.set()
        assert self.works.wait(30)
        super().write_encoded(lines)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def disk(path: Path) -> Iterator[Disk]:
    disk = Disk(path)
    yield disk
    disk.works.set()


def loss_line(count: int, reason: str) -> str:
    return f"{count} lost"


def test_the_numbers_are_exact_while_the_thread_is_inside_its_batch(disk: Disk, path: Path) -> None:
    """Each line is counted in one place, and a loss line in the file is the number of the lost lines."""
    sink = BackgroundSink(disk, max_pending_bytes=8, loss_line=loss_line)
    sink.write("one")
    assert disk.is_asked.wait(30)
    for line in ("two", "3", "four", "five"):
        sink.write(line)
    stats = sink.stats()
    assert (stats.lines_waiting, stats.lines_kept, stats.lines_lost) == (2, 0, 3)
    disk.works.set()
    sink.stop()
    assert path.read_text() == "one\ntwo\n3 lost\n"
    stats = sink.stats()
    assert (stats.lines_written, stats.lines_waiting, stats.lines_lost) == (3, 0, 3)


def test_logger_complete_waits_until_the_lines_are_written(disk: Disk, path: Path) -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(sink.complete())
        assert await asyncio.to_thread(disk.is_asked.wait, 30)
        assert not waiting.done()
        disk.works.set()
        await waiting
        assert path.read_text() == "line\n"

    sink = BackgroundSink(disk)
    sink.write("line")
    asyncio.run(main())
    sink.stop()


def test_loguru_knows_that_it_can_be_completed(path: Path) -> None:
    async def main() -> None:
        for number in range(1000):
            logger.info(number)
        await logger.complete()
        assert len(path.read_text().splitlines()) == 1000

    handler = logger.add(BackgroundSink(WatchedFileSink(path)), format="{message}")
    try:
        asyncio.run(main())
    finally:
        logger.remove(handler)


def test_complete_gives_up_on_a_hung_disk(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "STOP_TIMEOUT", 0.02)
    sink = BackgroundSink(disk)
    sink.write("line")
    asyncio.run(sink.complete())
    assert sink.stats().lines_waiting == 1
    disk.works.set()


def test_at_exit_lines_that_are_not_written_in_time_are_reported(
    disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = BackgroundSink(disk)
    sink.write("one")
    assert disk.is_asked.wait(30)
    sink.write("two")
    sink._writer.at_exit(now() + 0.01)
    assert capsys.readouterr().err == f"taskflow_loguru: {disk!r}: 2 lines lost: not written in time (at exit)\n"
    disk.works.set()


def test_a_child_begins_with_nothing(disk: Disk, path: Path) -> None:
    sink = BackgroundSink(disk, max_pending_bytes=9, loss_line=loss_line)
    sink.write("parent's")
    sink._writer.after_fork()
    assert sink.stats().lines_waiting == 0
    assert repr(sink) == f"BackgroundSink({disk!r}, max_pending_bytes=9, loss_line=loss_line)"
    disk.works.set()
    sink.write("child's")
    sink.stop()
    assert path.read_text().endswith("child's\n")


@pytest.mark.parametrize("sink", ["tmp.log", None, object(), print, os.sys.stderr])  # type: ignore[attr-defined]
def test_another_kind_of_sink_is_refused_and_its_way_named(sink: Any) -> None:
    with pytest.raises(TypeError, match=r"^sink must be a RotatingFileSink or a WatchedFileSink, not .*enqueue=True"):
        BackgroundSink(sink)


@pytest.mark.parametrize("options", [{"max_pending_bytes": -1}, {"loss_line": "gone"}])
def test_a_wrong_argument_is_named(options: Any, path: Path) -> None:
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        BackgroundSink(WatchedFileSink(path), **options)


def test_the_loss_line_can_be_changed_to_another_one_only(path: Path) -> None:
    sink = BackgroundSink(WatchedFileSink(path))
    sink.loss_line = loss_line
    with pytest.raises(TypeError, match="loss_line"):
        sink.loss_line = "gone"  # type: ignore[assignment]
    assert sink.loss_line is loss_line


def test_its_bounds_are_those_that_are_documented() -> None:
    assert (STOP_TIMEOUT, DEFAULT_MAX_PENDING_BYTES) == (5.0, 64 * 1024 * 1024)
