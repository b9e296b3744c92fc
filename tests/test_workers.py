"""One rotating file for all workers of a server, against the advice of the host's guide."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hosting import WAIT_SECONDS, lines_of

WORKERS = 4
LINES = 50

APP = f"""
import os
from taskflow_loguru import FileLogger, TaskManager, task_log
from tests.hosting import app_with

def work():
    for number in range({LINES}):
        task_log(f"{{os.getpid()}} {{number}}")

logger = FileLogger(os.environ["TASK_LOG"], max_bytes=5000, backup_count=10_000)
app = app_with(TaskManager(loggers=[logger]), work)
"""


def test_the_workers_of_uvicorn_share_one_rotating_file_and_lose_no_line(tmp_path: Path) -> None:
    (tmp_path / "served_app.py").write_text(APP)
    logs = tmp_path / "logs"
    options = ["--app-dir", str(tmp_path), "--workers", str(WORKERS), "served_app:app"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/run/work"
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--fd", str(listener.fileno()), *options],
            pass_fds=[listener.fileno()],
            env={**os.environ, "TASK_LOG": str(logs / "tasks.log"), "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            requests = run_tasks_until_all_workers_have_written(address, logs)
            server.send_signal(signal.SIGTERM)
            server.wait(WAIT_SECONDS)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
    messages = Counter(line.split(" ", 3)[3] for file in logs.iterdir() for line in lines_of(file))
    by_number: Counter[int] = Counter()
    for message, times in messages.items():
        by_number[int(message.split()[1])] += times
    assert by_number == dict.fromkeys(range(LINES), requests)
    assert len(list(logs.iterdir())) > 1
    assert all(file.stat().st_size <= 5000 for file in logs.iterdir())


def run_tasks_until_all_workers_have_written(address: str, logs: Path) -> int:
    """Return the number of tasks, after all of them have ended."""
    requests = 0
    deadline = time.monotonic() + WAIT_SECONDS
    with ThreadPoolExecutor(8) as pool:
        while len(writers(logs)) < WORKERS or line_count(logs) < requests * LINES:
            assert time.monotonic() < deadline, f"{line_count(logs)} lines of {requests} tasks by {writers(logs)}"
            if len(writers(logs)) < WORKERS:
                list(pool.map(request, [address] * 8))
                requests += 8
            else:
                time.sleep(0.01)
    return requests


def request(address: str) -> None:
    with urllib.request.urlopen(address, data=b"", timeout=WAIT_SECONDS) as answer:
        answer.read()


def writers(logs: Path) -> set[str]:
    return {line.split(" ")[3] for line in all_lines(logs)}


def line_count(logs: Path) -> int:
    return len(all_lines(logs))


def all_lines(logs: Path) -> set[str]:
    """Return the complete lines that exist now; during a rotation some may be missing, or come twice."""
    lines: set[str] = set()
    for file in logs.iterdir() if logs.exists() else ():
        try:
            whole, _, _ = file.read_text().rpartition("\n")
        except FileNotFoundError:  # renamed meanwhile
            continue
        lines.update(whole.splitlines())
    return lines
