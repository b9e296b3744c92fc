from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru.sinks._backlog import Backlog, Loss, loss_message, plain_loss_line, render_loss

from .interrupts import interrupted, moments


def backlog_of(max_bytes: int, *lines: str | int) -> Backlog[str]:
    """Return a backlog of *lines*; a number stands for the loss of so many lines."""
    backlog = Backlog[str](max_bytes, len)
    backlog.entries.extend(Loss(line) if isinstance(line, int) else line for line in lines)
    return backlog


def shown(backlog: Backlog[str]) -> list[str | int]:
    """Return the entries: lines, and how many are missing between them."""
    return [entry.count if isinstance(entry, Loss) else entry for entry in backlog.entries]


def test_lines_fit_up_to_the_last_byte() -> None:
    backlog = backlog_of(6, "abc", "def")
    backlog.admit()
    assert shown(backlog) == ["abc", "def"]
    assert backlog.count_lost == 0
    backlog.entries.append("")
    backlog.entries.append("g")
    backlog.admit()
    assert shown(backlog) == ["abc", "def", "", 1]


def test_lines_that_do_not_fit_are_counted_in_their_place() -> None:
    backlog = backlog_of(5, "abc", "def", "ghi", "jk", "lmn")
    backlog.admit()
    assert shown(backlog) == ["abc", 2, "jk", 1]
    assert backlog.count_lost == 3


def test_a_gap_grows_where_it_is() -> None:
    backlog = backlog_of(3, "abc", "def")
    for _ in range(3):
        backlog.admit()
        backlog.entries.append("ghi")
    backlog.admit()
    assert shown(backlog) == ["abc", 4]
    assert backlog.count_lost == 4


def test_lines_that_are_written_make_room() -> None:
    backlog = backlog_of(5, "abc", "def", "gh")
    backlog.admit()
    assert shown(backlog) == ["abc", 1, "gh"]
    backlog.batch = ("abc",)
    backlog.drop(1, 3)
    assert not backlog.batch
    backlog.entries += ["klmn", "ijk"]
    backlog.admit()
    assert shown(backlog) == [1, "gh", 1, "ijk"]
    backlog.drop(2, 9)
    assert shown(backlog) == [1, "ijk"]
    assert (backlog.count_written, backlog.bytes_written, backlog.count_lost) == (3, 12, 2)
    backlog.drop(2, 0)
    backlog.entries += ["abcde", "f"]
    backlog.admit()
    assert shown(backlog) == ["abcde", 1]


def test_lines_may_be_written_before_they_are_admitted() -> None:
    backlog = backlog_of(3, "abc", "def", "ghi")
    backlog.drop(2, 6)
    backlog.admit()
    assert shown(backlog) == ["ghi"]
    backlog.drop(1, 3)
    backlog.entries.append("jkl")
    backlog.admit()
    assert shown(backlog) == ["jkl"]


def test_a_loss_is_not_counted_as_a_waiting_line() -> None:
    backlog = backlog_of(9, "abc", 3, "def")
    assert backlog.count_lines() == 5
    assert backlog.count_kept() == 2


@given(st.integers(0, 12), st.lists(st.one_of(st.text("ab", max_size=4), st.integers(1, 3)), max_size=20))
def test_no_more_bytes_are_kept_and_no_line_is_forgotten(max_bytes: int, orders: list[str | int]) -> None:
    """Whatever is appended (text) and written (a number of entries), in which order."""
    backlog = Backlog[str](max_bytes, len)
    put = written = 0
    for order in orders:
        if isinstance(order, str):
            backlog.entries.append(order)
            put += 1
            backlog.admit()
        else:
            done = backlog.entries[:order]
            written += sum(entry.count if isinstance(entry, Loss) else 1 for entry in done)
            backlog.drop(len(done), 0)
        assert sum(len(entry) for entry in backlog.entries if isinstance(entry, str)) <= max_bytes
        assert backlog.count_lines() + written == put
        losses = [isinstance(entry, Loss) for entry in backlog.entries]
        assert (True, True) not in pairwise(losses), "one gap is counted twice"


def test_an_interrupt_leaves_every_line_counted_once() -> None:
    for moment in moments():
        backlog = backlog_of(3, "abc", "def")
        backlog.admit()
        backlog.entries += ["", "ghi", "jkl"]
        goes_on = interrupted(backlog.admit, moment)
        backlog.admit()
        assert shown(backlog) == ["abc", 1, "", 2], moment
        assert backlog.count_lost == 3, moment
        backlog.batch = ("abc",)
        goes_on |= interrupted(partial(backlog.drop, 2, 42), moment)
        if len(backlog.entries) == 4:
            backlog.drop(2, 42)
        assert (shown(backlog), list(backlog.batch)) == (["", 2], []), moment
        assert (backlog.count_written, backlog.bytes_written) == (2, 42), moment
        backlog.entries += ["mno", "pqr"]
        backlog.admit()
        assert shown(backlog) == ["", 2, "mno", 1], moment
        if not goes_on:
            break
    assert moment > 10


def test_a_handler_may_append_at_any_moment() -> None:
    for moment in moments():
        backlog = backlog_of(10, "abc", "def")
        put = partial(backlog.entries.append, "ghi")
        goes_on = interrupted(backlog.admit, moment, put, raises=False)
        goes_on |= interrupted(partial(backlog.drop, 1, 3), moment, put, raises=False)
        backlog.admit()
        assert shown(backlog)[:1] == ["def"]
        assert backlog.count_lines() == len(shown(backlog)) == (3 if len(backlog.entries) == 3 else 2 if goes_on else 1)
        if not goes_on:
            break


def test_the_entries_that_others_append_to_stay_the_same_list() -> None:
    backlog = backlog_of(3, "abc", "def")
    put = backlog.entries.append
    backlog.admit()
    backlog.drop(2, 3)
    put("ghi")
    assert shown(backlog) == ["ghi"]


def test_a_loss_is_a_sentence_with_its_time_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    line = plain_loss_line(2, "disk full")
    assert line.endswith(" 2 lines lost: disk full\n")
    monkeypatch.undo()
    time.tzset()
    when = datetime.strptime(line[:20], "%Y-%m-%dT%H:%M:%S ").replace(tzinfo=timezone.utc)
    assert abs((datetime.now(timezone.utc) - when).total_seconds()) < 60


@pytest.mark.parametrize(("count", "words"), [(1, "1 line lost: why"), (2, "2 lines lost: why")])
def test_one_line_is_not_lines(count: int, words: str) -> None:
    assert loss_message(count, "why") == words


def test_a_loss_line_that_raises_still_has_the_loss_reported() -> None:
    def broken(count: int, reason: str) -> str:
        raise RuntimeError

    assert render_loss(lambda count, reason: f"{count}{reason}", 3, "why") == "3why"
    assert render_loss(broken, 3, "why").endswith("3 lines lost: why\n")
