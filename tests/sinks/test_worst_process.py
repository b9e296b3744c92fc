"""Processes that close descriptors they do not own, may start no thread, or end while threads still log."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .owners import ALICE, public_folder
from .programs import EVENTS, output_of, run
from .writers import read_lines

__all__ = ["public_folder"]

PATIENCE = 15


# -- descriptors closed behind our back ---------------------------------------------------------------


@pytest.mark.parametrize("make", ["RotatingFileSink({!r}, max_bytes=10_000, backup_count=9)", "WatchedFileSink({!r})"])
def test_after_closerange_no_sink_writes_into_the_file_of_another(make: str, tmp_path: Path) -> None:
    """The first one to write gets a number that another one had."""
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    code = f"""
import os
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink
sinks = [{make.format(str(first))}, {make.format(str(second))}]
for number in range(200):
    os.closerange(3, 256)
    for index in ((0, 1), (1, 0), (0, 0), (1, 1))[number % 4]:
        sinks[index].write(f"{{index}} {{number}}")
"""
    output_of(code)
    for index, path in enumerate((first, second)):
        found = Counter(text.split()[0] for text in read_lines(path))
        assert found == {str(index): 200}


def test_a_fork_closes_no_socket_that_has_the_number_of_a_file(tmp_path: Path) -> None:
    code = """
import os, socket, sys
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink(sys.argv[1], max_bytes=100, backup_count=1)
os.closerange(3, 256)
ours, theirs = socket.socketpair()
if not os.fork():
    sink.write("child")
    ours.send(b"from the child")
    os._exit(0)
os.wait()
theirs.setblocking(False)
print(theirs.recv(100).decode())
"""
    path = tmp_path / "app.log"
    assert output_of(code, path) == "from the child\n"
    assert path.read_text() == "child\n"


# -- no thread can be started -------------------------------------------------------------------------


def test_without_threads_enqueue_still_writes(public_folder: Path) -> None:
    """``RLIMIT_NPROC`` forbids a thread for the sink, and one for ``close()``, which raises nothing.

    It does not limit root. The process changes its user itself: another user may not be able to start this Python.
    """
    code = f"""
import resource
{EVENTS}
from taskflow_loguru import FileLogger
os.setgroups([])
os.setgid({ALICE})
os.setuid({ALICE})
logger = FileLogger(sys.argv[1], enqueue=True)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
for number in range(3):
    log(logger, str(number))
print(open(sys.argv[1]).read(), end="")
asyncio.run(logger.close())
log(logger, "after")
asyncio.run(logger.close())
"""
    path = public_folder / "logs" / "app.log"
    path.parent.mkdir()
    path.parent.chmod(0o777)
    output_of(code, path)
    assert [text.split()[-1] for text in read_lines(path)] == ["0", "1", "2", "after"]


# -- the end of the process ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        "FileLogger({path}, max_bytes=2000)",
        "FileLogger({path}, max_bytes=2000, enqueue=True)",
        "RotatingFileSink({path}, max_bytes=2000, backup_count=2)",
        "BackgroundSink(RotatingFileSink({path}, max_bytes=2000, backup_count=2))",
    ],
)
def test_the_end_does_not_wait_for_a_daemon_thread_that_logs(make: str, tmp_path: Path) -> None:
    """Threads that log forever, and an object that logs when modules are gone, do not keep the interpreter."""
    code = f"""
{EVENTS}
import builtins, threading
from taskflow_loguru import FileLogger
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, _process
_process.EXIT_TIMEOUT = 0.5  # shorter than that of a user
loggers = [{make.format(path="sys.argv[1] + name")} for name in "ab"]
write = log if hasattr(loggers[0], "on_log") else type(loggers[0]).write
def log_for_ever(logger):
    while True:
        write(logger, "from a thread")
for logger in loggers:
    for _ in range(2):
        threading.Thread(target=log_for_ever, args=(logger,), daemon=True).start()
class Late:
    def __del__(self, write=write, loggers=loggers):
        for logger in loggers:
            write(logger, "late")
builtins.late = Late()
"""
    assert run(code, tmp_path / "app.log", timeout=PATIENCE).returncode == 0


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 15)", "os.kill(os.getpid(), 9)", "os._exit(0)"])
def test_a_line_after_close_is_in_the_file_at_once(end: str, tmp_path: Path) -> None:
    """uvicorn and gunicorn end by a signal after the app has closed its loggers, while task threads still log."""
    code = f"""
{EVENTS}
from taskflow_loguru import FileLogger
logger = FileLogger(sys.argv[1], enqueue=True)
log(logger, "before")
asyncio.run(logger.close())
for number in range(100):
    log(logger, str(number))
{end}
"""
    path = tmp_path / "app.log"
    assert not run(code, path).stderr
    assert [text.split()[-1] for text in read_lines(path)] == ["before", *map(str, range(100))]


# -- dropped loggers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["FileLogger", "BackgroundSink"])
def test_a_dropped_logger_leaves_neither_thread_nor_descriptor(make: str, tmp_path: Path) -> None:
    """Its lines are written nevertheless."""
    code = f"""
{EVENTS}
import gc, threading, time
from taskflow_loguru import FileLogger
from taskflow_loguru.sinks import BackgroundSink, WatchedFileSink
def use(path):
    if {make!r} == "FileLogger":
        log(FileLogger(path, enqueue=True), "line")
    else:
        BackgroundSink(WatchedFileSink(path)).write("line")
before = len(os.listdir("/proc/self/fd"))
for number in range(40):
    use(f"{{sys.argv[1]}}.{{number}}")
deadline = time.monotonic() + 20
while (threading.active_count(), len(os.listdir("/proc/self/fd"))) != (1, before):
    if time.monotonic() > deadline:
        sys.exit(f"{{threading.active_count()}} threads, {{len(os.listdir('/proc/self/fd')) - before}} descriptors")
    gc.collect()
    time.sleep(0.01)
"""
    output_of(code, tmp_path / "app.log")
    assert all(file.read_text().endswith("line\n") for file in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 40
