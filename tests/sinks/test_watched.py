"""Promises of ``WatchedFileSink`` to one process whose file others move, delete, replace and truncate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from taskflow_loguru import FileLogger
from taskflow_loguru.sinks import WatchedFileSink
from tests.conftest import log_event
from tests.sinks.writers import read_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "tasks.log"


@pytest.fixture
def sink(path: Path) -> WatchedFileSink:
    return WatchedFileSink(path)


def test_the_file_and_its_folder_are_made_at_construction(path: Path, sink: WatchedFileSink) -> None:
    assert path.read_bytes() == b""


def test_a_line_is_in_the_file_when_write_returns(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first\n")
    assert path.read_text() == "first\n"
    sink.write("second")
    assert path.read_text() == "first\nsecond\n"


def test_lines_follow_the_earlier_content_of_the_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("old\n")
    WatchedFileSink(path).write("new")
    assert path.read_text() == "old\nnew\n"


async def test_it_never_rotates(path: Path) -> None:
    file_logger = FileLogger(path, mode="watched", max_bytes=100, backup_count=3)
    for _ in range(50):
        await file_logger.on_log(log_event())
    await file_logger.close()
    assert os.listdir(path.parent) == ["tasks.log"]
    assert len(read_lines(path)) == 50


def test_after_a_move_the_next_line_is_in_a_new_file(path: Path, sink: WatchedFileSink) -> None:
    """The old file keeps its lines."""
    sink.write("first")
    path.rename(path.with_name("moved"))
    sink.write("second")
    assert path.read_text() == "second\n"
    assert path.with_name("moved").read_text() == "first\n"


def test_after_a_deletion_the_next_line_is_in_a_new_file(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    path.unlink()
    sink.write("second")
    assert path.read_text() == "second\n"


def test_after_a_replacement_the_next_line_is_in_the_new_file(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    other = path.with_name("other")
    other.write_text("other\n")
    other.chmod(0o600)
    other.replace(path)
    sink.write("second")
    assert path.read_text() == "other\nsecond\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_a_move_a_file_made_in_its_place_is_used(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    path.rename(path.with_name("moved"))
    path.touch(0o640)
    sink.write("second")
    assert path.read_text() == "second\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_after_the_folder_is_gone_it_is_made_again(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    path.unlink()
    path.parent.rmdir()
    sink.write("second")
    assert path.read_text() == "second\n"


def test_after_the_folder_was_moved_lines_go_to_the_path(path: Path, sink: WatchedFileSink, tmp_path: Path) -> None:
    sink.write("first")
    path.parent.rename(tmp_path / "moved")
    sink.write("second")
    assert path.read_text() == "second\n"
    assert (tmp_path / "moved" / "tasks.log").read_text() == "first\n"


def test_after_a_truncation_lines_continue_at_the_start(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    os.truncate(path, 0)
    sink.write("second")
    sink.write("third")
    assert path.read_bytes() == b"second\nthird\n"


def test_a_link_that_is_changed_leads_the_next_line_to_its_new_target(tmp_path: Path) -> None:
    link = tmp_path / "tasks.log"
    link.symlink_to("a")
    sink = WatchedFileSink(link)
    sink.write("first")
    (tmp_path / "new").symlink_to("b")
    (tmp_path / "new").replace(link)
    sink.write("second")
    assert (tmp_path / "a").read_text() == "first\n"
    assert (tmp_path / "b").read_text() == "second\n"


def test_a_line_without_end_does_not_swallow_the_next(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    with path.open("a") as file:
        file.write("torn")
    sink.write("second")
    assert path.read_text().splitlines() == ["first", "torn", "second"]


def test_a_thousand_moves_leave_no_descriptor_open(path: Path, sink: WatchedFileSink) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(1000):
        sink.write(str(number))
        path.rename(path.with_name("moved"))
        path.touch()
    assert len(os.listdir("/proc/self/fd")) == before


def test_after_stop_the_next_line_opens_the_file_again(path: Path, sink: WatchedFileSink) -> None:
    sink.write("first")
    sink.stop()
    sink.stop()
    path.rename(path.with_name("moved"))
    sink.write("second")
    assert path.read_text() == "second\n"
    assert path.with_name("moved").read_text() == "first\n"


def test_two_sinks_on_one_path_do_not_disturb_each_other(path: Path, sink: WatchedFileSink) -> None:
    other = WatchedFileSink(path)
    sink.write("first")
    other.write("second")
    sink.stop()
    other.write("third")
    path.unlink()
    other.write("fourth")
    sink.write("fifth")
    assert path.read_text() == "fourth\nfifth\n"


def test_it_is_a_sink_for_any_loguru_logger(path: Path, sink: WatchedFileSink) -> None:
    handler = logger.add(sink, format="{level} {message}")
    try:
        logger.info("first")
        path.unlink()
        logger.warning("second")
    finally:
        logger.remove(handler)
    assert path.read_text() == "WARNING second\n"


def test_braces_in_a_path_are_not_placeholders(tmp_path: Path) -> None:
    WatchedFileSink(tmp_path / "{time}.log").write("line")
    assert os.listdir(tmp_path) == ["{time}.log"]


@pytest.mark.parametrize("given", [None, 1, b"tasks.log", True])
def test_a_path_that_is_not_text_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="path"):
        WatchedFileSink(given)


@pytest.mark.parametrize("given", ["", "/tmp", "logs/", "a\0b"])
def test_a_path_without_a_file_name_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="path"):
        WatchedFileSink(given)


@pytest.mark.parametrize(("given", "error"), [(True, TypeError), (1.5, TypeError), (-1, ValueError)])
def test_a_backlog_that_is_not_a_size_is_refused(path: Path, given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="backlog_bytes"):
        WatchedFileSink(path, backlog_bytes=given)
