"""The app of ``examples/deploy`` under a real server, reached through a Unix socket."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.hosting import WAIT_SECONDS, lines_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "deploy"
ROWS = 5


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, which ends with the block; its output is in ``folder``/output."""
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server in order, as systemd and ``docker stop`` do."""
    process.send_signal(signal.SIGTERM)
    process.wait(WAIT_SECONDS)


def client(socket: Path) -> httpx.Client:
    """A client that opens a connection for each request, so that no worker that ends takes one along."""
    limits = httpx.Limits(max_keepalive_connections=0)
    transport = httpx.HTTPTransport(uds=str(socket), limits=limits)
    return httpx.Client(transport=transport, base_url="http://app", timeout=WAIT_SECONDS)


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that another program does, and of which it gives no sign."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {WAIT_SECONDS} s"
        time.sleep(0.02)


def wait_until_up(socket: Path) -> None:
    def answers() -> bool:
        try:
            with client(socket) as app:
                return app.get("/openapi.json").is_success
        except httpx.TransportError:
            return False

    wait_until(answers, "the app did not answer")


class Load:
    """Requests from a few threads, one after the other, until the block ends or ``most`` have been answered.

    ``answered`` holds the ids of the tasks that the app has promised to run.
    """

    def __init__(self, socket: Path, *, threads: int = 4, most: int = 2000) -> None:
        self.answered: list[str] = []
        self._socket = socket
        self._most = most
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()

    def wait_for(self, answers: int) -> None:
        wait_until(lambda: len(self.answered) >= answers, f"only {len(self.answered)} of {answers} requests answered")

    def _send(self) -> None:
        with client(self._socket) as app:
            while not self._ended.is_set() and len(self.answered) < self._most:
                try:
                    answer = app.post(f"/imports/{ROWS}")
                except httpx.TransportError:  # the worker that had taken it has ended; nothing was promised
                    self._ended.wait(0.01)
                else:
                    answer.raise_for_status()
                    self.answered.append(answer.json())


def records(*files: Path) -> list[dict[str, Any]]:
    """The JSON lines of whole files, of which those named ``.gz`` are compressed."""
    return [json.loads(line) for file in files for line in whole_lines(file)]


def lines_so_far(file: Path) -> list[str]:
    """The whole lines of a file that is being written: a line that crosses a page can be seen in part."""
    return file.read_text("utf-8").split("\n")[:-1] if file.exists() else []


def whole_lines(file: Path) -> list[str]:
    if file.suffix != ".gz":
        return lines_of(file)
    text = gzip.decompress(file.read_bytes()).decode()
    assert text.endswith("\n")
    return text.split("\n")[:-1]


def messages_by_task(lines: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        found[line["task_id"]].append(line["message"])
    return dict(found)


AN_IMPORT = ["-- RUNNING", *(f"Row {row}" for row in range(ROWS)), "-- SUCCESS"]
