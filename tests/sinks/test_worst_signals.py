"""Signal handlers that raise or log at any moment: real alarms at random times."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from taskflow_loguru.sinks import RotatingFileSink
from tests.unit.sinks import interrupts
from tests.unit.sinks.interrupts import interrupted, moments

from .programs import EVENTS, output_of
from .writers import read_lines

STORM = """
import random, signal, time

class Storm:
    '''Alarms at random, up to *longest* seconds after each call has begun, whose handler raises *kind*.'''

    def __init__(self, kind, longest):
        self.kind = kind
        self.longest = longest
        self.raised = 0
        self.is_armed = False
        self.random = random.Random(8)
        signal.signal(signal.SIGALRM, self.handle)

    def handle(self, *_):
        if self.is_armed:
            self.is_armed = False
            self.raised += 1
            raise self.kind("time is up")

    def call(self, function, *arguments):
        '''Return whether the call has returned.'''
        try:
            self.is_armed = True
            signal.setitimer(signal.ITIMER_REAL, self.random.uniform(1e-6, self.longest))
            function(*arguments)
            self.is_armed = False
            return True
        except self.kind:
            return False
        finally:
            self.is_armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
"""

EXCEPTIONS = ["Exception", "TimeoutError", "KeyboardInterrupt"]

REPORT = """
import fcntl, gc, json, threading

def report(calls, storm, path):
    while any(thread.name == "taskflow-loguru-helper" for thread in threading.enumerate()):
        time.sleep(0.001)  # it syncs backups
    gc.collect()
    left = [file.path for file in os.scandir("/proc/self/fd") if os.path.dirname(path) in os.path.realpath(file.path)]
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    swallowed = storm.raised - calls.count(False)
    print(json.dumps({"calls": calls, "swallowed": swallowed, "descriptors": len(left)}))
"""


def assert_each_line_once(printed: str, path: Path, name: str = "line ") -> None:
    """Check that a call that returned has written its line once, and one that was interrupted once at most."""
    report = json.loads(printed)
    assert (report["swallowed"], report["descriptors"]) == (0, 0)
    calls = report["calls"]
    assert calls.count(False) > len(calls) // 20, "the alarms come too late"
    counts = Counter(text.rpartition(name)[2].strip() for text in read_lines(path))
    lost = [number for number, returned in enumerate(calls) if returned and not counts[str(number)]]
    doubled = [number for number, count in counts.items() if count > 1]
    unknown = counts.keys() - set(map(str, range(len(calls))))
    assert (lost, doubled, unknown) == ([], [], set())


@pytest.mark.parametrize("kind", EXCEPTIONS)
@pytest.mark.parametrize("sink", ["RotatingFileSink(path, max_bytes=2000, backup_count=99)", "WatchedFileSink(path)"])
def test_an_alarm_that_raises_in_write_spoils_nothing(kind: str, sink: str, tmp_path: Path) -> None:
    """It reaches the caller; no line is doubled, torn, or lost though its call returned.

    No lock is left held, and no descriptor open.
    """
    code = f"""
import os, sys
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink
{STORM}{REPORT}
path = sys.argv[1]
sink = {sink}
storm = Storm({kind}, 200e-6)
calls = [storm.call(sink.write, f"line {{number}}") for number in range(3000)]
sink.stop()
report(calls, storm, path)
"""
    path = tmp_path / "app.log"
    assert_each_line_once(output_of(code, path), path)


def test_an_alarm_that_raises_in_a_retry_doubles_no_kept_line(tmp_path: Path) -> None:
    """A kept line is removed in the same step as it is written."""
    code = f"""
import contextlib, errno, io, os, sys
from taskflow_loguru.sinks import RotatingFileSink
{STORM}{REPORT}
path = sys.argv[1]
sink = RotatingFileSink(path, max_bytes=0, backup_count=0)
storm = Storm(TimeoutError, 120e-6)
calls, really_write = [], os.write
def full(fd, data):
    raise OSError(errno.ENOSPC, "full")
stops = 0
while storm.raised < 300:
    os.write = full
    with contextlib.redirect_stderr(io.StringIO()):
        for _ in range(5):
            sink.write(f"line {{len(calls)}}")
            calls.append(True)
    os.write = really_write
    stops += not storm.call(sink.stop)
    sink.stop()
assert stops == storm.raised
print(json.dumps(len(calls)))
"""
    path = tmp_path / "app.log"
    count = json.loads(output_of(code, path))
    assert read_lines(path) == [f"line {number}\n" for number in range(count)]


@pytest.mark.parametrize("kind", EXCEPTIONS)
@pytest.mark.parametrize("options", ["max_bytes=2000, backup_count=99", "mode='watched', format=json_line"])
def test_an_alarm_that_raises_in_on_log_spoils_nothing(kind: str, options: str, tmp_path: Path) -> None:
    """The promises of ``write`` hold, and no error of a handler or sink is reported as one of the format."""
    code = f"""
{EVENTS}
import warnings
warnings.filterwarnings("ignore", "coroutine .* was never awaited")  # Python 3.10: interrupted before its first step
from taskflow_loguru import FileLogger
from taskflow_loguru.formats import json_line
{STORM}{REPORT}
path = sys.argv[1]
logger = FileLogger(path, {options})
storm = Storm({kind}, 200e-6)
calls = [storm.call(log, logger, f"line {{number}}") for number in range(3000)]
asyncio.run(logger.close())
report(calls, storm, path)
"""
    path = tmp_path / "app.log"
    printed = output_of(code, path)
    if "json" in options:
        messages = [json.loads(text)["message"] for text in read_lines(path)]
        path.write_text("".join(f"{message}\n" for message in messages))
    assert_each_line_once(printed, path)


@pytest.mark.parametrize(
    "sink", ["BackgroundSink(WatchedFileSink(path))", "BackgroundSink(RotatingFileSink(path, **limits))"]
)
def test_an_alarm_that_raises_stops_no_background_thread(sink: str, tmp_path: Path) -> None:
    """Its thread writes the next line, whatever call was interrupted."""
    code = f"""
import os, sys
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
{STORM}{REPORT}
path = sys.argv[1]
limits = {{"max_bytes": 2000, "backup_count": 99}}
open(path, "a").close()
sink = {sink}
storm = Storm(KeyboardInterrupt, 50e-6)
calls = []
for number in range(3000):
    calls.append(storm.call(sink.write, f"line {{number}}"))
    if number % 20 == 0:
        time.sleep(0.0005)  # lets the thread fall asleep
sink.write("line 3000")
calls.append(True)
deadline = time.monotonic() + 20
while "line 3000\\n" not in open(path).read():
    assert time.monotonic() < deadline, "the thread is deaf"
    time.sleep(0.001)
sink.stop()
report(calls, storm, path)
"""
    path = tmp_path / "app.log"
    assert_each_line_once(output_of(code, path), path)


@pytest.mark.timeout(600)  # every moment of the standard library, on a busy machine
@pytest.mark.parametrize("is_moved", [False, True])
def test_no_library_swallows_a_time_limit(is_moved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ``TimeoutError`` is an ``OSError``, which ``os.path`` and others take for a missing file."""
    monkeypatch.setattr(interrupts, "PACKAGE", "")  # every moment of the standard library too
    monkeypatch.setattr(interrupts, "InterruptError", TimeoutError)
    for moment in moments():
        path = tmp_path / f"{moment}.log"
        sink = RotatingFileSink(path, max_bytes=1, backup_count=1)
        sink.write("one")
        if is_moved:
            path.rename(tmp_path / "moved")
        goes_on = interrupted(partial(sink.write, "two"), moment)
        sink.stop()
        if not goes_on:
            break
    assert moment > 100


def test_a_handler_that_logs_leaves_json_lines_json(tmp_path: Path) -> None:
    """A handler that interrupts a write of the same logger: both lines are there, in the logger's format."""
    code = f"""
{EVENTS}
import signal
from taskflow_loguru import FileLogger
from taskflow_loguru.formats import json_line
logger = FileLogger(sys.argv[1], format=json_line)
handled = 0
def handle(*_):
    global handled
    handled += 1
    log(logger, "handled")
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0003)
for number in range(5000):
    log(logger, "plain")
signal.setitimer(signal.ITIMER_REAL, 0)
print(handled)
"""
    path = tmp_path / "app.log"
    handled = int(output_of(code, path))
    assert handled > 100
    counts = Counter(json.loads(text)["message"] for text in read_lines(path))
    assert counts == {"plain": 5000, "handled": handled}


@pytest.mark.parametrize("moment", ["at exit", "when modules are gone"])
def test_the_reopen_signal_kills_no_process_that_ends(moment: str, tmp_path: Path) -> None:
    """logrotate may send it while the interpreter ends, when Python has removed all handlers."""
    code = f"""
import atexit, builtins, os, signal, sys
from taskflow_loguru import FileLogger
logger = FileLogger(sys.argv[1], mode="watched", reopen_signal=signal.SIGHUP)
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGHUP):
        kill(pid, number)
if {moment!r} == "at exit":
    atexit.register(Late().__del__)
else:
    builtins.late = Late()
"""
    output_of(code, tmp_path / "app.log")
