"""Two FileLoggers on one file: a message if they interfere."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru import FileLogger, ecs_line, json_line
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink

MESSAGE = "two FileLoggers write this file, and differ in "
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.log"


def by_name(kind: str, path: Path) -> Path:
    """Return another name of *path*."""
    if kind == "relative":
        return Path(os.path.relpath(path))
    other = path.with_name("other.log")
    (other.symlink_to if kind == "a link" else other.hardlink_to)(path)
    return other


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"mode": "watched"}, "mode ('rotate' and 'watched')"),
        ({"format": json_line}, "format (task_line and json_line)"),
        ({"max_bytes": 5}, "max_bytes (10485760 and 5)"),
        ({"backup_count": 9, "format": "{message}"}, "format (task_line and '{message}'), backup_count (5 and 9)"),
    ],
)
async def test_different_settings_are_reported_once(
    path: Path, capsys: Capture, options: dict[str, Any], difference: str
) -> None:
    first, second = FileLogger(path), FileLogger(path, **options)
    for logger in (first, second):
        await logger.startup()
        await logger.close()
        await logger.startup()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"taskflow_loguru: {str(path)!r}: {MESSAGE}{difference}; give both")


@pytest.mark.parametrize("kind", ["relative", "a link", "a hard link"])
def test_another_name_of_the_file_hides_nothing(path: Path, capsys: Capture, kind: str) -> None:
    first = FileLogger(path)
    second = FileLogger(by_name(kind, path), mode="watched")
    assert capsys.readouterr().err.count(MESSAGE) == 1
    assert first.path != second.path or kind == "relative"


def test_a_sink_that_was_passed_in_counts_too(path: Path, capsys: Capture) -> None:
    loggers = [FileLogger(RotatingFileSink(path, max_bytes=9, backup_count=1)), FileLogger(WatchedFileSink(path))]
    assert capsys.readouterr().err.count(MESSAGE) == 1
    assert len(loggers) == 2


async def test_a_logger_that_starts_again_is_compared_again(path: Path, capsys: Capture) -> None:
    first = FileLogger(path)
    await first.close()
    second = FileLogger(path, format=json_line)
    assert capsys.readouterr().err == ""  # one after the other
    await first.startup()
    assert capsys.readouterr().err.count(MESSAGE) == 1
    await second.close()


def test_equal_settings_and_other_files_are_fine(path: Path, capsys: Capture) -> None:
    ecs = [FileLogger(path, format=partial(ecs_line, service="shop"), min_level=level) for level in ("info", "error")]
    other = FileLogger(path.with_name("other.log"), mode="watched")
    assert capsys.readouterr().err == ""
    assert len([*ecs, other]) == 3
