"""docs/deploy.md, the servers: no line is lost when workers come and go under load."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.serving import (
    AN_IMPORT,
    EXAMPLES,
    Load,
    messages_by_task,
    records,
    running,
    stop,
    wait_until,
    wait_until_up,
)

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
UVICORN, GUNICORN, PRELOADED, REPLACED = (
    shlex.split(line) for line in re.findall(r"^(?:uvicorn|gunicorn) .+", PAGE.read_text("utf-8"), re.MULTILINE)
)
"""The commands that the page shows."""

AT_HOME = ["--pythonpath", str(EXAMPLES), "--bind", "unix:app.sock"]


class Server:
    """A server on a socket in its folder, with the log of all its workers."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.socket = folder / "app.sock"
        self._logs = folder / "logs"

    def pids(self) -> set[int]:
        """The processes that have written so far."""
        log = self._logs / "tasks.jsonl"
        return {line["pid"] for line in records(log)} if log.exists() else set()

    def tasks(self) -> dict[str, list[str]]:
        return messages_by_task(records(*sorted(self._logs.iterdir(), reverse=True)))


@contextlib.contextmanager
def serving(folder: Path, *command: str) -> Iterator[Server]:
    log = str(folder / "logs" / "tasks.jsonl")
    with running([sys.executable, "-m", *command], folder, TASK_LOG=log) as process:
        server = Server(process, folder)
        wait_until_up(server.socket)
        yield server


def assert_each_task_is_whole(server: Server, answered: list[str]) -> None:
    """Every task that was promised ran to its end, and its lines are there once and in order."""
    tasks = server.tasks()
    assert set(answered) <= tasks.keys()
    assert [task for task in tasks.items() if task[1] != AN_IMPORT] == []


def test_four_workers_of_uvicorn_write_one_file_and_stop_without_a_loss(tmp_path: Path) -> None:
    with serving(tmp_path, *UVICORN, "--app-dir", str(EXAMPLES), "--uds", "app.sock") as server:
        with Load(server.socket) as load:
            wait_until(lambda: len(server.pids()) == 4, "not every worker has written")
        stop(server.process)
        assert_each_task_is_whole(server, load.answered)


@pytest.mark.parametrize("command", [GUNICORN, PRELOADED], ids=["", "preload"])
def test_gunicorn_reloads_under_load_without_a_loss(command: list[str], tmp_path: Path) -> None:
    """At SIGHUP the master starts new workers and ends the old ones, which finish their tasks."""
    with serving(tmp_path, *command, *AT_HOME) as server:
        with Load(server.socket) as load:
            wait_until(lambda: len(server.pids()) == 2, "not every worker has written")
            before = server.pids()
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(server.pids() - before) == 2, "not every new worker has written")
        stop(server.process)
        assert_each_task_is_whole(server, load.answered)


def test_gunicorn_replaces_workers_under_load_without_a_loss(tmp_path: Path) -> None:
    """With ``--max-requests`` a worker ends after that many requests, while the others go on."""
    often = ["--max-requests", "20", "--max-requests-jitter", "5"]  # the last of an option counts
    with serving(tmp_path, *REPLACED, *AT_HOME, *often) as server:
        with Load(server.socket) as load:
            wait_until(lambda: len(server.pids()) >= 6, "workers were not replaced")
        stop(server.process)
        assert_each_task_is_whole(server, load.answered)
