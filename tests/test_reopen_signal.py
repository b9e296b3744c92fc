"""``reopen_signal``: the effect of a signal on the file, and on the app's handlers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru import FileLogger
from tests.conftest import log_event
from tests.hosting import WAIT_SECONDS, wait_until
from tests.logrotate import Logrotate

APP = """
import os, signal
from fastapi import FastAPI
from fastapi_taskflow import task_log
from taskflow_loguru import FileLogger, TaskManager
from tests.hosting import app_with

def work():
    task_log("worked")

number = os.environ.get("REOPEN_SIGNAL")
options = {"reopen_signal": signal.Signals[number]} if number else {}
app = app_with(TaskManager(loggers=[FileLogger(os.environ["TASK_LOG"], mode="watched", **options)]), work)
"""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore the signal handlers after each test."""
    numbers = (signal.SIGHUP, signal.SIGUSR1, signal.SIGVTALRM)
    before = [(number, signal.getsignal(number)) for number in numbers]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def has_open(file: Path | os.stat_result, pid: int | str = "self") -> bool:
    """Return whether a process has a file open: *file* is its path, or its device and inode."""
    wanted = file.stat() if isinstance(file, Path) else file
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(fd.stat(), wanted):
                return True
    return False


def watched(folder: Path, **more: Any) -> FileLogger:
    return FileLogger(folder / "tasks.log", mode="watched", **more)


# -- real uvicorn, real logrotate, and the guide's postrotate -------------------------------------


class Server:
    """``uvicorn app:app`` in its own process, with its pid in a file."""

    def __init__(self, folder: Path, log: Path, **environment: str) -> None:
        (folder / "served_app.py").write_text(APP)
        self._log = log
        self._socket = socket.create_server(("127.0.0.1", 0))
        fd = self._socket.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "--fd", str(fd), "served_app:app"],
            pass_fds=[fd],
            env={**os.environ, **environment, "TASK_LOG": str(log), "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid_file = folder / "app.pid"
        self.pid_file.write_text(f"{self.process.pid}\n")

    def run_task(self) -> None:
        """Have a task log a line to the empty file; return when the line is there."""
        port = self._socket.getsockname()[1]
        # The socket already listens: the request waits in its queue until the server has started.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/run/work", data=b"", timeout=WAIT_SECONDS) as answer:
            answer.read()
        wait_until(lambda: self._log.stat().st_size > 0, "no line came")

    def end(self) -> None:
        self._socket.close()
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**environment: str) -> Server:
        (tmp_path / "logs").mkdir()
        servers.append(Server(tmp_path, tmp_path / "logs" / "tasks.log", **environment))
        return servers[0]

    yield start
    for server in servers:
        server.end()


def rotate_and_kill(server: Server, path: Path, program: Callable[[str], str]) -> Logrotate:
    logrotate = Logrotate(program("logrotate"), path, postrotate=f"kill -HUP $(cat {server.pid_file})")
    logrotate.rotate()
    return logrotate


def test_the_guide_s_postrotate_kills_a_server_without_reopen_signal(
    tmp_path: Path, start_server: Callable[..., Server], program: Callable[[str], str]
) -> None:
    server = start_server()
    server.run_task()
    rotate_and_kill(server, tmp_path / "logs" / "tasks.log", program)
    assert server.process.wait(WAIT_SECONDS) == -signal.SIGHUP


def test_with_reopen_signal_the_server_closes_the_moved_file(
    tmp_path: Path, start_server: Callable[..., Server], program: Callable[[str], str]
) -> None:
    path = tmp_path / "logs" / "tasks.log"
    server = start_server(REOPEN_SIGNAL="SIGHUP")
    server.run_task()
    old = path.stat()
    assert has_open(old, server.process.pid)
    logrotate = rotate_and_kill(server, path, program)
    wait_until(lambda: not has_open(old, server.process.pid), "the old file stays open")
    assert not has_open(path, server.process.pid)
    server.run_task()
    assert has_open(path, server.process.pid)
    assert server.process.poll() is None
    assert [len(file) for file in logrotate.files()] == [1, 1]


# -- the file -------------------------------------------------------------------------------------


async def test_the_signal_closes_the_file_and_the_next_line_reopens_the_path(tmp_path: Path) -> None:
    logger = watched(tmp_path, reopen_signal=signal.SIGHUP)
    await logger.on_log(log_event("first"))
    path = tmp_path / "tasks.log"
    path.rename(tmp_path / "moved")
    signal.raise_signal(signal.SIGHUP)
    assert not has_open(tmp_path / "moved")
    await logger.on_log(log_event("second"))
    assert path.read_text().endswith("second\n")
    assert (tmp_path / "moved").read_text().endswith("first\n")


async def test_a_storm_of_signals_in_the_middle_of_writes_loses_no_line(tmp_path: Path, unmeasured: None) -> None:
    received = 0

    def count(number: int, frame: object) -> None:
        nonlocal received
        received += 1

    signal.signal(signal.SIGVTALRM, count)
    loggers = [
        watched(tmp_path, reopen_signal=signal.SIGVTALRM),
        watched(tmp_path, reopen_signal=signal.SIGVTALRM, enqueue=True),
    ]
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0003, 0.0003)
    written = 0
    try:
        while received < 50:
            for logger in loggers:
                await logger.on_log(log_event(f"{written} end"))
            written += 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    for logger in loggers:
        await logger.close()
    lines = (tmp_path / "tasks.log").read_text().splitlines()
    assert sorted(int(line.split(" ")[-2]) for line in lines) == sorted(2 * [*range(written)])


async def test_two_loggers_may_have_the_same_signal(tmp_path: Path) -> None:
    loggers = [FileLogger(tmp_path / name, mode="watched", reopen_signal=signal.SIGHUP) for name in "ab"]
    assert has_open(tmp_path / "a")
    assert has_open(tmp_path / "b")
    signal.raise_signal(signal.SIGHUP)
    assert not has_open(tmp_path / "a")
    assert not has_open(tmp_path / "b")
    for logger in loggers:
        await logger.close()


def test_the_chain_of_handlers_does_not_grow_with_each_logger(tmp_path: Path) -> None:
    for _ in range(2 * sys.getrecursionlimit()):
        watched(tmp_path, reopen_signal=signal.SIGHUP)
    logger = watched(tmp_path, reopen_signal=signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)
    assert not has_open(tmp_path / "tasks.log")
    assert logger.path == str(tmp_path / "tasks.log")


def test_the_handler_does_not_keep_a_logger_that_nobody_uses(tmp_path: Path) -> None:
    logger = weakref.ref(watched(tmp_path, reopen_signal=signal.SIGHUP))
    gc.collect()
    assert logger() is None
    assert not has_open(tmp_path / "tasks.log")
    signal.raise_signal(signal.SIGHUP)


def test_the_signal_is_ignored_while_the_interpreter_ends(tmp_path: Path) -> None:
    """Python restores the default action by then, which would end the process with the signal as its status."""
    program = """
import os, signal
from taskflow_loguru import FileLogger

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGHUP):
        kill(pid, number)
        os.write(1, b"sent")

logger = FileLogger("tasks.log", mode="watched", reopen_signal=signal.SIGHUP)
late = Late()
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert ended.stdout == b"sent"


# -- the app's own handlers -----------------------------------------------------------------------


def test_an_earlier_handler_is_called_with_the_same_arguments(tmp_path: Path) -> None:
    calls: list[tuple[int, Any]] = []
    signal.signal(signal.SIGHUP, lambda number, frame: calls.append((number, frame)))
    logger = watched(tmp_path, reopen_signal=signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)
    assert not has_open(tmp_path / "tasks.log")
    ((number, frame),) = calls
    assert number == signal.SIGHUP
    assert frame is not None
    assert logger.path == str(tmp_path / "tasks.log")


@pytest.mark.parametrize("earlier", [signal.SIG_IGN, signal.SIG_DFL])
def test_without_a_previous_handler_the_process_survives_the_signal(tmp_path: Path, earlier: Any) -> None:
    signal.signal(signal.SIGHUP, earlier)
    logger = watched(tmp_path, reopen_signal=signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)
    assert not has_open(Path(logger.path))


async def test_an_earlier_handler_of_the_event_loop_is_called(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, called.set)
    try:
        logger = watched(tmp_path, reopen_signal=signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(called.wait(), WAIT_SECONDS)
        assert not has_open(Path(logger.path))
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


@pytest.mark.parametrize("mode", ["rotate", "watched"])
async def test_without_the_option_no_signal_handling_is_touched(tmp_path: Path, mode: Any) -> None:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    logger = FileLogger(tmp_path / "tasks.log", mode=mode)
    await logger.on_log(log_event())
    await logger.close()
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before


def test_with_the_option_no_other_signal_is_touched(tmp_path: Path) -> None:
    others = signal.valid_signals() - {signal.SIGHUP}
    before = {number: signal.getsignal(number) for number in others}
    logger = watched(tmp_path, reopen_signal=signal.SIGHUP)
    assert logger.path
    assert {number: signal.getsignal(number) for number in others} == before


# -- wrong values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [True, "SIGHUP", 1.0, [signal.SIGHUP]])
def test_a_value_that_is_not_a_signal_is_rejected(tmp_path: Path, given: Any) -> None:
    with pytest.raises(TypeError, match="reopen_signal"):
        watched(tmp_path, reopen_signal=given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [0, -1, 10_000, signal.SIGKILL, signal.SIGSTOP])
def test_a_signal_that_cannot_be_handled_is_refused(tmp_path: Path, given: int) -> None:
    with pytest.raises(ValueError, match="reopen_signal"):
        watched(tmp_path, reopen_signal=given)
    assert not list(tmp_path.iterdir())


def test_rotate_mode_rejects_it(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGHUP)
    with pytest.raises(ValueError, match=r"reopen_signal.*watched"):
        FileLogger(tmp_path / "tasks.log", reopen_signal=signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is before


def test_outside_the_main_thread_it_is_refused(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def make() -> None:
        try:
            watched(tmp_path, reopen_signal=signal.SIGHUP)
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert "reopen_signal" in str(errors[0])
    assert "main thread" in str(errors[0])
