"""Following several files, merged by time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from taskflow_loguru.cli import live
from taskflow_loguru.reader import TaskLine
from tests.cli.test_runs import line

FAST, SLOW = Path("fast.log"), Path("slow.log")


def test_a_line_waits_for_an_older_one_of_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of the file with the older line is slower: its line arrives later, but comes first."""
    is_in = threading.Event()

    def follow(path: Path, *, since: datetime | None) -> Iterator[TaskLine]:
        if path == FAST:
            yield line(5, "log", "newer")
            is_in.set()
        else:
            is_in.wait()
            yield line(1, "log", "older")
            yield line(9, "log", "newest")

    monkeypatch.setattr(live, "follow", follow)
    monkeypatch.setattr(live, "MAX_WAIT", 60.0)
    lines = live.merged_live([FAST, SLOW], None)
    assert [next(lines)[0].message for _ in range(2)] == ["older", "newer"]


def test_an_error_of_one_file_comes_in_its_place_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(path: Path, *, since: datetime | None) -> Iterator[TaskLine]:
        yield line(0 if path == SLOW else 1, "log", "before")
        if path == FAST:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(live, "follow", follow)
    lines = live.merged_live([FAST, SLOW], None)
    assert [next(lines)[0].message for _ in range(2)] == ["before", "before"]
    with pytest.raises(PermissionError) as caught:
        next(lines)
    assert caught.value.filename == "fast.log"
