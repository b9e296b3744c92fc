"""What all sinks promise to code that interrupts them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink

MAKERS: dict[str, Callable[[str], Any]] = {
    "rotating": lambda path: RotatingFileSink(path, max_bytes=5000, backup_count=10_000),
    "watched": WatchedFileSink,
    "background": lambda path: BackgroundSink(WatchedFileSink(path)),
}


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], None]], None]]:
    """``alarm(action)`` runs ``action`` in a signal handler, again and again, in the middle of whatever runs."""
    previous = signal.getsignal(signal.SIGVTALRM)

    def start(action: Callable[[], None]) -> None:
        signal.signal(signal.SIGVTALRM, lambda *_: action())
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)

    yield start
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, previous)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_signal_handler_that_logs_to_the_sink_it_interrupts_neither_hangs_nor_loses_a_line(
    tmp_path: Path, alarm: Callable[[Callable[[], None]], None], kind: str
) -> None:
    sink = MAKERS[kind](str(tmp_path / "app.log"))
    interruptions: list[str] = []

    def log() -> None:
        interruptions.append(f"signal {len(interruptions)}\n")
        sink.write(interruptions[-1])

    alarm(log)
    count = 0
    while len(interruptions) < 50:
        sink.write(f"line {count}\n")
        count += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    sink.stop()

    written = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines(keepends=True)]
    assert sorted(written) == sorted([f"line {number}\n" for number in range(count)] + interruptions)


@pytest.mark.parametrize("kind", ["rotating", "watched"])
def test_an_exception_out_of_a_signal_handler_leaves_a_sink_that_goes_on(
    tmp_path: Path, alarm: Callable[[Callable[[], None]], None], kind: str
) -> None:
    sink = MAKERS[kind](str(tmp_path / "app.log"))

    is_writing = False
    interruptions = 0

    def interrupt() -> None:
        if is_writing:
            raise KeyboardInterrupt

    alarm(interrupt)
    while interruptions < 50:
        try:
            is_writing = True
            sink.write("interrupted\n")
            is_writing = False
        except KeyboardInterrupt:
            is_writing = False
            interruptions += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    sink.write("last\n")
    sink.stop()

    assert (tmp_path / "app.log").read_text().endswith("last\n")
    assert {line for file in tmp_path.iterdir() for line in file.read_text().splitlines()} == {"interrupted", "last"}
