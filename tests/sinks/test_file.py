"""Promises of all sinks to code that interrupts them."""

from __future__ import annotations

import signal
import subprocess
import sys
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
def alarm(unmeasured: None) -> Iterator[Callable[[Callable[[], None]], None]]:
    """``alarm(action)`` runs *action* in a signal handler, again and again, whatever it interrupts."""
    previous = signal.getsignal(signal.SIGVTALRM)

    def start(action: Callable[[], None]) -> None:
        signal.signal(signal.SIGVTALRM, lambda *_: action())
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)

    yield start
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, previous)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_signal_handler_may_log_to_the_sink_that_it_interrupts(
    tmp_path: Path, alarm: Callable[[Callable[[], None]], None], kind: str
) -> None:
    """It neither hangs nor loses a line."""
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


INTERRUPTED = """
import signal, sys
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink

sink = eval(sys.argv[1])

def interrupt(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
interruptions = 0
while interruptions < 50:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.000_01 + interruptions * 0.000_002)
        sink.write("interrupted")
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interruptions += 1
sink.write("last")
sink.stop()
"""


@pytest.mark.parametrize(
    "sink", ["RotatingFileSink('app.log', max_bytes=5000, backup_count=10_000)", "WatchedFileSink('app.log')"]
)
def test_a_sink_still_works_after_a_signal_handler_raised(tmp_path: Path, sink: str) -> None:
    """In a process of its own: the exception would also strike a tool that measures coverage, and keep its lock."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, sink],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "app.log").read_text().endswith("last\n")
    assert {line for file in tmp_path.iterdir() for line in file.read_text().splitlines()} == {"interrupted", "last"}
