from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import partial

import pytest

from taskflow_loguru.sinks import _spool
from taskflow_loguru.sinks._spool import WINDOW, Spool, encode

from .files import Clock, error
from .interrupts import InterruptError, interrupted, moments

FULL = error(errno.ENOSPC)


def loss_line(count: int, reason: str) -> str:
    return f"{count} lost: {reason}"


class File:
    """A file that takes *room* bytes, and then fails with *failure*."""

    def __init__(self, room: int = 10**9, failure: BaseException = FULL) -> None:
        self.room = room
        self.failure = failure
        self.content = b""
        self.batches: list[int] = []
        self.replaced = 0

    def append(self, lines: Sequence[bytes], written: list[int], started: float) -> None:
        self.batches.append(len(lines))
        if self.replaced:
            self.replaced -= 1
            return
        data = b"".join(lines)[: self.room]
        self.content += data
        self.room -= len(data)
        written.append(len(data))
        if len(data) < len(b"".join(lines)):
            raise self.failure


def slow_append(clock: Clock, file: File, lines: Sequence[bytes], written: list[int], started: float) -> None:
    clock.now += 1
    file.append(lines, written, started)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, _spool)


def spool_of(*lines: bytes, max_bytes: int = 100) -> Spool:
    spool = Spool(max_bytes, loss_line)
    for line in lines:
        spool.put(line)
    return spool


def test_lines_are_written_in_order_many_at_once() -> None:
    lines = [b"%d\n" % number for number in range(2 * WINDOW + 1)]
    spool, file = spool_of(*lines), File()
    spool.write(file.append)
    assert file.content == b"".join(lines)
    assert file.batches == [WINDOW, WINDOW, 1]
    assert spool.backlog.count_written == len(lines)
    assert spool.backlog.bytes_written == len(file.content)
    assert spool.fault is None


def test_nothing_is_done_without_lines() -> None:
    file = File()
    spool_of().write(file.append)
    assert not file.batches


def test_a_file_that_was_replaced_meanwhile_is_tried_again() -> None:
    spool, file = spool_of(b"one\n"), File()
    file.replaced = 2
    spool.write(file.append)
    assert (file.content, file.batches) == (b"one\n", [1, 1, 1])


@pytest.mark.parametrize(
    ("lines", "first"), [([b"one\n"], 2), ([b"one\n", b"two\n"], 4), ([b"1\n", b"2\n", b"3\n"], 2)]
)
def test_what_took_two_system_calls_is_written_and_counted_once(lines: list[bytes], first: int) -> None:
    """The first wrote *first* bytes: a part of a line, or exactly one of several lines."""
    spool, content = spool_of(*lines), b""

    def append(batch: Sequence[bytes], written: list[int], started: float) -> None:
        nonlocal content
        data = b"".join(batch)
        content += data
        written += [first, len(data) - first]

    spool.write(append)
    assert content == b"".join(lines)
    assert (spool.backlog.count_written, spool.backlog.bytes_written) == (len(lines), len(content))


def test_lines_that_do_not_fit_on_the_disk_are_kept_whole(clock: Clock) -> None:
    """Two lines and a part of the third are on the disk; the third stays, and its part is truncated or ended."""
    spool, file = spool_of(b"one\n", b"two\n", b"three\n", b"four\n"), File(room=10)
    spool.write(file.append)
    assert spool.fault is FULL
    assert (spool.backlog.count_written, spool.backlog.bytes_written) == (2, 8)
    file.content, file.room = b"", 100
    spool.put(b"five\n")
    spool.write(file.append, retry_now=True)
    assert file.content == b"three\nfour\nfive\n"
    assert spool.fault is None


def test_after_a_failure_there_is_a_pause_of_ten_times_its_length(clock: Clock) -> None:
    spool, file = spool_of(b"one\n"), File(room=0)

    def append(lines: Sequence[bytes], written: list[int], started: float) -> None:
        clock.now += 0.25
        file.append(lines, written, started)

    spool.write(append)
    assert clock.now == 1000.25
    file.room = 100
    clock.now += 2.49
    spool.write(append)
    assert file.content == b""
    clock.now += 0.01
    spool.write(append)
    assert file.content == b"one\n"


def test_no_pause_is_longer_than_five_seconds(clock: Clock) -> None:
    spool, file = spool_of(b"one\n"), File(room=0)

    def append(lines: Sequence[bytes], written: list[int], started: float) -> None:
        clock.now += 30
        file.append(lines, written, started)

    spool.write(append)
    file.room = 100
    clock.now += 4.9
    spool.write(append)
    assert file.content == b""
    clock.now += 0.1
    spool.write(append)
    assert file.content == b"one\n"


def test_stop_does_not_wait_for_the_end_of_the_pause(clock: Clock) -> None:
    spool, file = spool_of(b"one\n"), File(room=0)
    spool.write(partial(slow_append, clock, file))
    file.room = 100
    spool.write(file.append)
    assert file.content == b""
    spool.write(file.append, retry_now=True)
    assert file.content == b"one\n"


def test_an_incident_begins_with_its_first_failure(clock: Clock) -> None:
    spool, file = spool_of(b"one\n"), File(room=0)
    spool.write(file.append)
    assert spool.failing_since == 1000.0
    clock.now += 10
    other = file.failure = error(errno.EIO)
    spool.write(file.append, retry_now=True)
    assert (spool.failing_since, spool.fault) == (1000.0, other)
    file.room = 100
    spool.write(file.append, retry_now=True)
    file.room = 0
    clock.now += 10
    spool.put(b"two\n")
    spool.write(file.append)
    assert spool.failing_since == 1020.0


def test_lines_that_cannot_be_kept_are_reported_in_their_place(clock: Clock) -> None:
    spool, file = spool_of(b"one\n", b"two\n", b"3\n", max_bytes=6), File(room=0)
    file.failure = error(errno.EIO)
    spool.write(file.append)
    spool.put(b"four\n")
    spool.write(partial(slow_append, clock, file))
    spool.put(b"five\n")
    spool.write(file.append)  # in the pause
    assert spool.backlog.count_lines() == 5
    assert spool.backlog.count_kept() == 2
    file.room = 100
    spool.write(file.append, retry_now=True)
    assert file.content.decode() == f"one\n1 lost: {file.failure}\n3\n2 lost: {file.failure}\n"


def test_an_error_without_errno_is_a_signal_handlers_and_passes(clock: Clock) -> None:
    spool, file = spool_of(b"one\n"), File(room=2, failure=TimeoutError("time limit"))
    with pytest.raises(TimeoutError, match="time limit"):
        spool.write(file.append)
    assert spool.fault is None
    file.content, file.room = b"", 100
    spool.write(file.append)
    assert file.content == b"one\n"


def test_an_interrupt_neither_loses_nor_doubles_a_line() -> None:
    """Lines that were written are counted, even if the call that wrote them never returned."""
    lines = [b"one\n", b"two\n", b"three\n"]
    for room in (0, 4, 6, 100):
        for moment in moments():
            spool, file = spool_of(*lines), File(room)
            goes_on = interrupted(partial(spool.write, file.append), moment)
            file.content = file.content[: file.content.rfind(b"\n") + 1]  # as a real file is truncated
            file.room = 100
            spool.put(b"four\n")
            spool.write(file.append, retry_now=True)
            assert file.content == b"".join([*lines, b"four\n"]), moment
            assert spool.backlog.count_written == 4, moment
            assert spool.backlog.bytes_written == len(file.content), moment
            if not goes_on:
                break
        assert moment > 10


def test_an_interrupted_write_counts_what_it_wrote() -> None:
    spool, file = spool_of(b"one\n", b"two\n", b"three\n"), File(room=9, failure=InterruptError())
    with pytest.raises(InterruptError):
        spool.write(file.append)
    file.content, file.room = b"", 100
    spool.write(file.append)
    assert file.content == b"three\n"


def test_a_signal_handler_may_put_a_line_at_any_moment() -> None:
    for moment in moments():
        spool, file = spool_of(b"one\n"), File()
        goes_on = interrupted(partial(spool.write, file.append), moment, partial(spool.put, b"two\n"), raises=False)
        spool.write(file.append)
        assert file.content == (b"one\ntwo\n" if goes_on else b"one\n"), moment
        if not goes_on:
            break


@pytest.mark.parametrize(
    ("message", "line"),
    [("ä\n", "ä\n".encode()), ("ä", "ä\n".encode()), ("\ud800", b"\\ud800\n"), ("", b"\n"), ("a\n\n", b"a\n\n")],
)
def test_a_message_is_a_line_of_utf_8(message: str, line: bytes) -> None:
    assert encode(message) == line
