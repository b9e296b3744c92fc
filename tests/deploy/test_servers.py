"""docs/deploy.md, the servers: no line is lost when workers come and go under load."""

from __future__ import annotations

import contextlib
import json
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
    lines_so_far,
    messages_by_task,
    records,
    running,
    stop,
    wait_until_up,
)
from tests.hosting import wait_until
from tests.packages import package

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
UVICORN, GUNICORN, PRELOADED, REPLACED = (
    shlex.split(line) for line in re.findall(r"^(?:uvicorn|gunicorn) .+", PAGE.read_text("utf-8"), re.MULTILINE)
)
"""The commands in the page."""


class Server:
    """A server on a socket in its own folder, with the log of all its workers."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, socket: Path) -> None:
        self.process = process
        self.socket = socket
        self._log = log
        self._pids: set[int] = set()

    def pids(self) -> set[int]:
        """Return the ids of the processes that have written lines."""
        self._pids |= {json.loads(line)["pid"] for line in lines_so_far(self._log)}
        return set(self._pids)

    def tasks(self) -> dict[str, list[str]]:
        backups = self._log.parent.glob("tasks.jsonl.*")
        oldest_first = sorted(backups, key=lambda backup: -int(backup.suffix[1:]))
        assert oldest_first != []
        return messages_by_task(records(*oldest_first, self._log))


SMALL_FILES = """
from functools import partial
import taskflow_loguru

taskflow_loguru.FileLogger = partial(taskflow_loguru.FileLogger, max_bytes=10_000, backup_count=1000)

from app import app
"""


@contextlib.contextmanager
def serving(folder: Path, *command: str) -> Iterator[Server]:
    """Run the example under one of the page's commands, with files so small that they rotate continuously."""
    (folder / "small_files.py").write_text(SMALL_FILES)
    program = [sys.executable, "-m", *("small_files:app" if word == "app:app" else word for word in command)]
    log, socket = folder / "logs" / "tasks.jsonl", folder / "app.sock"
    with running(program, folder, TASK_LOG=str(log), PYTHONPATH=f"{folder}:{EXAMPLES}") as process:
        wait_until_up(socket)
        yield Server(process, log, socket)


def assert_each_task_is_whole(server: Server, answered: list[str]) -> None:
    """Assert that every accepted task ran to its end, and that its lines are there once and in order."""
    tasks = server.tasks()
    assert set(answered) <= tasks.keys()
    assert [task for task in tasks.items() if task[1] != AN_IMPORT] == []


def test_four_workers_of_uvicorn_write_one_file_and_stop_without_a_loss(tmp_path: Path) -> None:
    with serving(tmp_path, *UVICORN, "--uds", "app.sock") as server:
        with Load(server.socket) as load:
            wait_until(lambda: len(server.pids()) == 4, "not every worker has written")
        stop(server.process)
        assert_each_task_is_whole(server, load.answered)


@pytest.mark.parametrize("command", [GUNICORN, PRELOADED], ids=["", "preload"])
def test_gunicorn_reloads_under_load_without_a_loss(command: list[str], tmp_path: Path) -> None:
    """On SIGHUP the master starts new workers and ends the old ones, which finish their tasks."""
    package("gunicorn")
    package("uvicorn_worker")
    with serving(tmp_path, *command, "--bind", "unix:app.sock") as server:
        with Load(server.socket) as load:
            wait_until(lambda: len(server.pids()) == 2, "not every worker has written")
            before = server.pids()
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(server.pids() - before) == 2, "not every new worker has written")
        stop(server.process)
        assert_each_task_is_whole(server, load.answered)


def test_gunicorn_replaces_workers_under_load_without_a_loss(tmp_path: Path) -> None:
    """With ``--max-requests`` a worker ends after that many requests, while the others continue."""
    package("gunicorn")
    package("uvicorn_worker")
    often = ["--max-requests", "20", "--max-requests-jitter", "5"]  # of a repeated option, the last counts
    with serving(tmp_path, *REPLACED, "--bind", "unix:app.sock", *often) as server:
        with Load(server.socket) as load:
            wait_until(lambda: len(server.pids()) >= 6, "workers were not replaced")
        stop(server.process)
        assert_each_task_is_whole(server, load.answered)
