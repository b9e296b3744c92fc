"""Following several files, merged by time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskflow_loguru.reader import _live
from taskflow_loguru.reader._logs import LogLine
from tests.cli.test_runs import line

FAST, SLOW = Path("fast.log"), Path("slow.log")


def log_line(at: float, message: str) -> LogLine:
    one = line(at, "log", message)
    return LogLine(one.time, one, b"", FAST)


def test_a_line_waits_for_an_older_one_of_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of the file with the older line is slower: its line arrives later, but comes first."""
    is_in = threading.Event()

    def fast() -> Iterator[LogLine]:
        yield log_line(5, "newer")
        is_in.set()

    def slow() -> Iterator[LogLine]:
        is_in.wait()
        yield log_line(1, "older")
        yield log_line(9, "newest")

    monkeypatch.setattr(_live, "MAX_WAIT", 60.0)
    lines = _live.merged_live({FAST: fast(), SLOW: slow()})
    assert [one.line.message for one in lines] == ["older", "newer", "newest"]


def test_an_error_of_one_file_comes_in_its_place_and_names_it() -> None:
    def one(path: Path) -> Iterator[LogLine]:
        yield log_line(0 if path == SLOW else 1, "before")
        if path == FAST:
            raise PermissionError(13, "Permission denied")

    lines = _live.merged_live({path: one(path) for path in (FAST, SLOW)})
    assert [next(lines).line.message for _ in range(2)] == ["before", "before"]
    with pytest.raises(PermissionError) as caught:
        next(lines)
    assert caught.value.filename == "fast.log"
