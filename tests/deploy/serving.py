"""The app of ``examples/deploy`` under a real server, reached through a Unix socket."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.hosting import WAIT_SECONDS, lines_of, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples" / "deploy"
ROWS = 5


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in its own process group until the end of the block; its output is in ``folder``/output."""
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
    """Stop a server with SIGTERM, like systemd and ``docker stop``."""
    process.send_signal(signal.SIGTERM)
    process.wait(WAIT_SECONDS)


def client(socket: Path) -> httpx.Client:
    """Return a client with a new connection for each request, so that the end of a worker breaks none."""
    limits = httpx.Limits(max_keepalive_connections=0)
    transport = httpx.HTTPTransport(uds=str(socket), limits=limits)
    return httpx.Client(transport=transport, base_url="http://app", timeout=WAIT_SECONDS)


def wait_until_up(socket: Path) -> None:
    def answers() -> bool:
        try:
            with client(socket) as app:
                return app.get("/openapi.json").is_success
        except httpx.TransportError:
            return False

    wait_until(answers, "the app did not answer")


class Load:
    """Requests from a few threads, until the block ends or ``most`` have been answered.

    ``answered`` has the ids of the tasks that the app has accepted.
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
                except (
                    httpx.TransportError
                ):  # the worker that had accepted the connection has ended; the task was not accepted
                    self._ended.wait(0.01)
                else:
                    answer.raise_for_status()
                    self.answered.append(answer.json())


def records(*files: Path) -> list[dict[str, Any]]:
    """Return the JSON lines of complete files; those named ``.gz`` are compressed."""
    return [json.loads(line) for file in files for line in whole_lines(file)]


def lines_so_far(file: Path) -> list[str]:
    """Return the complete lines of a file that is being written: a line that crosses a page can be visible in part."""
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
