"""Promises of ``BackgroundSink``: nobody waits for a slow disk, and no line is lost by it."""

from __future__ import annotations

import multiprocessing
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loguru import logger

from taskflow_loguru import FileLogger
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
from taskflow_loguru.sinks._kept import encode
from tests.conftest import log_event
from tests.sinks.disks import BlockDisk
from tests.sinks.writers import read_lines

SHORT_STOP = "from taskflow_loguru.sinks import background; background.STOP_TIMEOUT = 0.5"
LINES = [f"line {number}\n" for number in range(5000)]
PATIENCE = 60


@pytest.fixture
def short_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeout of ``stop()``."""
    monkeypatch.setattr("taskflow_loguru.sinks.background.STOP_TIMEOUT", 0.5)


class ListSink(WatchedFileSink):
    """A sink whose writes wait while *gate* is closed."""

    def __init__(self) -> None:
        super().__init__(os.devnull)
        self.lines: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def write(self, message: str) -> None:
        self.write_encoded([encode(message)])

    def write_encoded(self, lines: list[bytes]) -> None:
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        self.lines += [line.decode() for line in lines]

    def stop(self) -> None:
        pass


class StoppableSink(ListSink):
    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1


def stuck(sink: ListSink, background: BackgroundSink) -> None:
    """Make the thread wait in the middle of a first line."""
    sink.gate.clear()
    background.write("first\n")
    assert sink.entered.wait(PATIENCE)


def wait_for_threads(count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while threading.active_count() != count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


# -- the thread -----------------------------------------------------------------------------------


def test_every_line_is_written_once_and_in_order() -> None:
    sink = ListSink()
    background = BackgroundSink(sink)
    for line in LINES:
        background.write(line)
    background.stop()
    assert sink.lines == LINES


def test_lines_of_many_threads_are_all_written_in_order_of_each() -> None:
    sink = ListSink()
    background = BackgroundSink(sink)

    def write(name: str) -> None:
        for number in range(500):
            background.write(f"{name} {number}")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    background.stop()
    assert len(sink.lines) == 2000
    for name in "abcd":
        assert [line for line in sink.lines if line[0] == name] == [f"{name} {number}\n" for number in range(500)]


def test_a_writer_does_not_wait_for_a_disk_that_hangs() -> None:
    sink = ListSink()
    background = BackgroundSink(sink)
    stuck(sink, background)
    for line in LINES:
        background.write(line)  # returns, though the disk has not
    assert not sink.lines
    sink.gate.set()
    background.stop()
    assert sink.lines == ["first\n", *LINES]


def test_lines_that_wait_are_written_many_at_once() -> None:
    class BatchSink(ListSink):
        def __init__(self) -> None:
            super().__init__()
            self.batches: list[list[str]] = []

        def write_encoded(self, lines: list[bytes]) -> None:
            self.entered.set()
            assert self.gate.wait(PATIENCE)
            self.batches.append([line.decode() for line in lines])

    sink = BatchSink()
    background = BackgroundSink(sink)
    stuck(sink, background)
    for line in LINES:
        background.write(line)
    sink.gate.set()
    background.stop()
    assert [line for batch in sink.batches for line in batch] == ["first\n", *LINES]
    assert len(sink.batches) < len(LINES) / 100


def test_it_is_a_sink_for_any_loguru_logger(tmp_path: Path) -> None:
    background = BackgroundSink(RotatingFileSink(tmp_path / "app.log", max_bytes=0, backup_count=0))
    handler = logger.add(background, format="{level} {message}")
    logger.info("first")
    logger.remove(handler)
    assert (tmp_path / "app.log").read_text() == "INFO first\n"


def test_there_is_one_thread_per_sink_and_none_after_stop() -> None:
    before = threading.active_count()
    first, second = BackgroundSink(ListSink()), BackgroundSink(ListSink())
    for _ in range(10):
        first.write("line")
        second.write("line")
    wait_for_threads(before + 2)
    first.stop()
    second.stop()
    wait_for_threads(before)


# -- the bound ------------------------------------------------------------------------------------


def test_lines_that_do_not_fit_are_counted_in_their_place() -> None:
    sink = ListSink()
    background = BackgroundSink(sink, max_pending_bytes=46)
    stuck(sink, background)  # 6 bytes, which count until they are written
    for _ in range(100):
        background.write("x" * 9 + "\n")
    sink.gate.set()
    background.stop()
    background.write("last\n")
    background.stop()
    assert sink.lines[:5] == ["first\n"] + ["x" * 9 + "\n"] * 4
    assert "96 lines lost: more than 46 bytes were waiting to be written" in sink.lines[5]
    assert sink.lines[6:] == ["last\n"]


def test_the_bound_is_in_bytes_of_utf_8() -> None:
    sink = ListSink()
    background = BackgroundSink(sink, max_pending_bytes=6 + 8)
    stuck(sink, background)
    background.write("äöü\n")  # 7 bytes
    background.write("äöü\n")
    sink.gate.set()
    background.stop()
    assert sink.lines[1] == "äöü\n"
    assert "1 line lost" in sink.lines[2]


# -- stopping -------------------------------------------------------------------------------------


def test_stop_stops_the_sink_behind_and_a_later_line_starts_it_again() -> None:
    sink = StoppableSink()
    background = BackgroundSink(sink)
    background.write("first")
    background.stop()
    assert sink.stops == 1
    background.write("second")
    background.stop()
    assert sink.lines == ["first\n", "second\n"]
    assert sink.stops == 2


def test_stop_gives_up_on_a_hung_disk_and_its_lines_are_still_written(short_stop: None) -> None:
    """They are written once the disk answers again."""
    sink = StoppableSink()
    background = BackgroundSink(sink)
    stuck(sink, background)
    background.write("second\n")
    background.stop()  # returns, though the gate is closed
    assert not sink.lines
    sink.gate.set()
    background.stop()
    assert sink.lines == ["first\n", "second\n"]


def test_stop_gives_up_on_a_sink_that_never_stops(short_stop: None) -> None:
    class NeverStops(ListSink):
        def stop(self) -> None:
            assert self.gate.wait(PATIENCE)

    sink = NeverStops()
    background = BackgroundSink(sink)
    background.write("first")
    assert sink.entered.wait(PATIENCE)
    sink.gate.clear()
    background.stop()  # returns, though the sink has not stopped
    assert not sink.gate.is_set()
    sink.gate.set()
    background.stop()
    assert sink.lines == ["first\n"]


async def test_a_file_logger_with_enqueue_has_written_all_when_it_is_closed(tmp_path: Path) -> None:
    file_logger = FileLogger(tmp_path / "tasks.log", enqueue=True, max_bytes=10_000, backup_count=1000)
    for number in range(1000):
        await file_logger.on_log(log_event(str(number)))
    await file_logger.close()
    lines = read_lines(tmp_path / "tasks.log")
    assert [line.split(" ")[-1] for line in lines] == [f"{number}\n" for number in range(1000)]
    await file_logger.on_log(log_event("after close()"))
    await file_logger.close()
    assert read_lines(tmp_path / "tasks.log")[1000].endswith("after close()\n")


# -- forks and ends -------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_after_a_fork_parent_and_child_write_their_own_lines(tmp_path: Path) -> None:
    """The parent writes the lines that were queued before the fork."""
    path = tmp_path / "tasks.log"
    background = BackgroundSink(WatchedFileSink(path))
    for _ in range(20):
        for number in range(50):
            background.write(f"parent {number}")
        child = os.fork()
        if not child:
            background.write("child")
            background.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    background.stop()
    lines = path.read_text().splitlines()
    assert lines.count("child") == 20
    assert [line for line in lines if line != "child"] == [f"parent {number}" for number in range(50)] * 20


def log_and_leave(background: BackgroundSink, name: str) -> None:
    for number in range(200):
        background.write(f"{name} {number}")


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_multiprocessing_child_that_logs_and_ends_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    background = BackgroundSink(RotatingFileSink(path, max_bytes=0, backup_count=0))
    log_and_leave(background, "parent")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=log_and_leave, args=(background, name)) for name in "abc"]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    background.stop()
    lines = path.read_text().splitlines()
    for name in ["parent", *"abc"]:
        assert [line for line in lines if line.startswith(name)] == [f"{name} {number}" for number in range(200)]
    assert len(lines) == 800


def run_program(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(0)", "raise SystemExit", "signal.raise_signal(signal.SIGINT)", "1 / 0"],
    ids=["falls off the end", "sys.exit", "SystemExit", "interrupted", "an exception"],
)
def test_the_end_of_the_interpreter_loses_nothing(tmp_path: Path, end: str) -> None:
    code = f"""
import signal, sys
from taskflow_loguru.sinks import *
background = BackgroundSink(WatchedFileSink(sys.argv[1]))
for number in range(5000):
    background.write(str(number))
{end}
"""
    run_program(code, tmp_path / "tasks.log")
    assert (tmp_path / "tasks.log").read_text().split() == [str(number) for number in range(5000)]


@pytest.mark.parametrize("stopped", ["", "background.stop()"], ids=["running", "stopped"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_lines_of_other_exit_handlers_are_written(tmp_path: Path, stopped: str, order: str) -> None:
    register = "atexit.register(lambda: background.write('at exit'))"
    code = f"""
import atexit, sys
{register if order == "before" else ""}
from taskflow_loguru.sinks import *
background = BackgroundSink(WatchedFileSink(sys.argv[1]))
{register if order == "after" else ""}
background.write("first")
{stopped}
"""
    ended = run_program(code, tmp_path / "tasks.log")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "tasks.log").read_text() == "first\nat exit\n"


def test_the_end_does_not_wait_for_a_hung_disk_and_reports_the_loss() -> None:
    code = f"""
import threading
import time
{SHORT_STOP}
from taskflow_loguru.sinks import *
class Dead(WatchedFileSink):
    entered = threading.Event()
    def write_encoded(self, lines):
        self.entered.set()
        threading.Event().wait()
background = BackgroundSink(Dead("/dev/null"))
background.write("first")
Dead.entered.wait()
for _ in range(6):
    background.write("more")
"""
    ended = run_program(code)
    assert ended.returncode == 0
    assert "7 lines lost: not written in time" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_frozen_disk_delays_neither_close_nor_the_end(
    tmp_path: Path, as_root: None, program: Callable[[str], str]
) -> None:
    """The end reports the lost lines; the process itself ends when the disk is thawed."""
    for name in ("mkfs.ext4", "fsfreeze"):
        program(name)
    code = f"""
import asyncio, sys
{SHORT_STOP}
from taskflow_loguru import FileLogger
from tests.conftest import log_event
logger = FileLogger(sys.argv[1], enqueue=True)
async def main():
    sys.stdin.readline()
    for number in range(10):
        await logger.on_log(log_event(str(number)))
    print("logged", flush=True)
    await logger.close()
    print("closed", flush=True)
asyncio.run(main())
"""
    disk = BlockDisk(tmp_path)
    with disk.mounted() as point:
        path = point / "tasks.log"
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdin.write("\n")
            while not path.exists():
                assert child.poll() is None
            with disk.frozen():
                child.stdin.flush()
                # All three are printed while nothing can be written. The kernel ends a process that waits in a write
                # only after that write.
                for text in ("logged", "closed", "10 lines lost: not written in time"):
                    stream = child.stderr if "lost" in text else child.stdout
                    assert select.select([stream], [], [], 30)[0], f"{text!r} was not printed"
                    assert text in stream.readline()
                assert path.stat().st_size == 0
            assert child.wait(PATIENCE) == 0
        finally:
            child.kill()
            child.communicate()
