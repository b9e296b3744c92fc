from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import WatchedFileSink, _log, watched
from taskflow_loguru.sinks.watched import SUCCESSION_TIMEOUT

from .files import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def moved(path: Path) -> Path:
    return path.with_name("app.log.1")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, watched, _log)


def before_each_write(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    really_write = os.write

    def write(fd: int, data: bytes) -> int:
        action()
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)


@pytest.mark.parametrize(
    ("seconds", "is_moved", "expected"),
    [
        (2**-11, True, "line\n"),  # it may be in a compressed file, or in none
        (2**-12, True, None),
        (1.0, False, "line\n"),
    ],
)
def test_only_a_slow_write_to_a_moved_file_is_repeated(
    seconds: float,
    is_moved: bool,
    expected: str | None,
    path: Path,
    moved: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the check of the path and a slow write, the file can be moved, compressed and deleted."""
    sink = WatchedFileSink(path)
    monkeypatch.setattr(_log, "_SLOW_SECONDS", 2**-11)
    actions: list[Callable[[], object]] = [lambda: is_moved and path.rename(moved)]

    def happen() -> None:
        if actions:
            clock.time += seconds
            actions.pop()()

    before_each_write(monkeypatch, happen)
    sink.write("line")
    assert (path.read_text() if path.exists() else None) == expected
    assert moved.exists() == is_moved
    assert sink.stats().lines_written == 1


def test_a_line_for_a_pipe_is_never_written_twice(
    path: Path, moved: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = WatchedFileSink(path)

    def happen() -> None:
        clock.time += 1
        path.rename(moved)

    before_each_write(monkeypatch, happen)
    sink.write("line")
    assert os.read(reader, 99) == b"line\n"
    assert not path.exists()
    os.close(reader)


def test_the_mover_has_a_tenth_of_a_second_to_make_the_new_file(path: Path, moved: Path, clock: Clock) -> None:
    """logrotate would take a file that is made between its two steps for one of its last run, and overwrite that."""
    sink = WatchedFileSink(path)
    path.rename(moved)
    sink.write("line")
    assert path.read_text() == "line\n"
    assert clock.time == pytest.approx(1000.0 + SUCCESSION_TIMEOUT, abs=0.001)
    assert clock.sleeps[0] == 0.0005


def test_a_file_that_the_mover_makes_is_used_at_once(path: Path, moved: Path, clock: Clock) -> None:
    sink = WatchedFileSink(path)
    path.rename(moved)
    clock.on_sleep = lambda: path.touch(0o600)
    sink.write("line")
    assert path.read_text() == "line\n"
    assert clock.sleeps == [0.0005]


def test_a_deleted_file_is_made_again_at_once(path: Path, clock: Clock) -> None:
    sink = WatchedFileSink(path)
    path.unlink()
    sink.write("line")
    assert path.read_text() == "line\n"
    assert not clock.sleeps


def test_a_fifo_that_was_moved_is_not_waited_for(path: Path, moved: Path, clock: Clock) -> None:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = WatchedFileSink(path)
    path.rename(moved)
    sink.write("line")
    assert path.read_text() == "line\n"
    assert not clock.sleeps
    os.close(reader)


def test_a_torn_line_is_ended(path: Path) -> None:
    path.write_text("torn")
    WatchedFileSink(path).write("line")
    assert path.read_text() == "torn\nline\n"


def test_its_arguments_are_those_of_every_file_sink(path: Path) -> None:
    def loss_line(count: int, reason: str) -> str:
        return ""

    sink = WatchedFileSink(path, backlog_bytes=7, loss_line=loss_line)
    assert repr(sink) == f"WatchedFileSink({str(path)!r}, backlog_bytes=7, loss_line={loss_line.__qualname__})"
    options: dict[str, Any] = {"backlog_bytes": -1}
    with pytest.raises(ValueError, match="backlog_bytes"):
        WatchedFileSink(path, **options)
    assert repr(WatchedFileSink(path)) == f"WatchedFileSink({str(path)!r})"
