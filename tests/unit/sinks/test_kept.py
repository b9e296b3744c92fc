from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru.sinks import _kept
from taskflow_loguru.sinks._kept import KeptLines, Loss, encode, loss_message, plain_loss_line

from .files import Clock, error
from .interrupts import interrupted, moments


def kept_lines(max_bytes: int) -> KeptLines:
    return KeptLines(max_bytes, lambda count, reason: f"{count} lost: {reason}")


def shown(kept: KeptLines) -> list[bytes | int]:
    """Return the lines that wait, and how many are missing in each gap."""
    return [entry.count if isinstance(entry, Loss) else entry for entry in kept.entries]


def test_lines_fit_up_to_the_last_byte_and_gaps_count_in_their_place() -> None:
    kept = kept_lines(6)
    lines = [b"one\n", b"2\n", b"three\n", b"four\n"]
    kept.take(lines)
    assert not lines
    assert shown(kept) == [b"one\n", b"2\n", 2]
    assert (kept.count, kept.count_missing, kept.count_lost) == (2, 2, 2)


def test_lines_that_are_written_make_room() -> None:
    kept = kept_lines(4)
    kept.take([b"one\n", b"two\n"])
    taken = kept.pop(1)
    kept.take([b"3\n"])
    assert shown(kept) == [2], "its bytes count until it is written"
    kept.release(taken)
    kept.take([b"four", b"5\n"])
    assert shown(kept) == [2, b"four", 1]
    kept.release(kept.pop(3))
    assert (kept.count, kept.count_missing, kept.count_lost, kept._size) == (0, 0, 3, 0)


@given(st.integers(0, 12), st.lists(st.one_of(st.binary(max_size=4), st.integers(1, 3)), max_size=20))
def test_no_more_bytes_are_kept_and_no_line_is_forgotten(max_bytes: int, orders: list[bytes | int]) -> None:
    kept = kept_lines(max_bytes)
    offered = written = reported = 0
    for order in orders:
        if isinstance(order, bytes):
            kept.take([order])
            offered += 1
        else:
            taken = kept.pop(order)
            written += sum(isinstance(entry, bytes) for entry in taken)
            reported += sum(entry.count for entry in taken if isinstance(entry, Loss))
            kept.release(taken)
        assert sum(len(entry) for entry in kept.entries if isinstance(entry, bytes)) <= max_bytes
        assert kept.count == sum(isinstance(entry, bytes) for entry in kept.entries)
        assert offered == written + reported + kept.count + kept.count_missing
        assert kept.count_lost == reported + kept.count_missing


@pytest.mark.parametrize("max_bytes", [0, 4, 8, 100])
def test_no_interrupt_loses_or_doubles_a_line(max_bytes: int) -> None:
    """The rest of the lines is still in the list that was handed over, and is taken by the next call."""
    for moment in moments():
        kept, lines = kept_lines(max_bytes), [b"one\n", b"two\n", b"six\n"]

        def take(kept: KeptLines = kept, lines: list[bytes] = lines) -> None:
            kept.take(lines)

        goes_on = interrupted(take, moment)
        take()
        gaps = sum(entry.count for entry in kept.entries if isinstance(entry, Loss))
        assert [entry for entry in kept.entries if isinstance(entry, bytes)] == [b"one\n", b"two\n", b"six\n"][
            : max_bytes // 4
        ]
        assert gaps == kept.count_lost == 3 - min(3, max_bytes // 4), moment
        if not goes_on:
            break
    assert moment > 3


def test_a_failure_is_retried_after_ten_times_as_long_as_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, _kept)
    kept, first, second = kept_lines(9), error(28), error(5)
    kept.fail(first, clock.time - 0.1)
    assert (kept.fault, kept.failing_since) == (first, clock.time - 0.1)
    assert kept.retry_at == pytest.approx(clock.time + 1)
    kept.fail(second, clock.time - 3.0)
    assert (kept.fault, kept.failing_since, kept.retry_at) == (second, clock.time - 0.1, clock.time + 5)


def test_a_loss_is_a_sentence_with_its_time_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noon:
        @staticmethod
        def now(zone: Any) -> datetime:
            assert zone is timezone.utc
            return datetime(2026, 1, 1, 12)

    monkeypatch.setattr(_kept, "datetime", Noon)
    assert plain_loss_line(2, "why") == "2026-01-01T12:00:00 2 lines lost: why\n"
    assert loss_message(1, "why") == "1 line lost: why"


def test_a_loss_line_that_raises_still_has_the_loss_reported() -> None:
    def fail(count: int, reason: str) -> str:
        raise ValueError("format")

    kept = KeptLines(0, fail)
    kept.take([b"line\n"])
    assert kept.line_of(kept.entries[0], "why").endswith(b" 1 line lost: why\n")
    assert kept_lines(0).line_of(kept.entries[0], "why") == b"1 lost: why\n"
    assert kept.line_of(b"line\n", "why") == b"line\n"


def test_a_line_ends_with_one_newline_and_is_utf_8() -> None:
    assert [encode(text) for text in ("a", "a\n", "ä\ud800")] == [b"a\n", b"a\n", "ä\\ud800\n".encode()]
