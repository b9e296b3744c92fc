"""Lines and loguru's own settings: the environment changes none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from loguru import _defaults

from tests.hosting import lines_of

PROGRAM = """
import sys
from fastapi.testclient import TestClient
from loguru import logger
from taskflow_loguru import FileLogger, StdoutLogger, TaskManager, capture, task_log
from tests.hosting import app_with

logger.remove()
capture()

def send_email():
    task_log("one", level="warning")
    logger.error("two")
    raise OSError("refused")

ours, users = FileLogger("ours.log", log_lifecycle=True), FileLogger("users.log", format="{level} {message}")
manager = TaskManager(loggers=[ours, users, StdoutLogger(log_lifecycle=False)])
manager.task()(send_email)
with TestClient(app_with(manager, send_email)) as client:
    client.post("/run/send_email")
"""
WORDS = ["one", "two"]
SPECIAL = {"LOGURU_LEVEL": "CRITICAL", "LOGURU_COLORIZE": "yes", "LOGURU_CONTEXT": "spawn", "LOGURU_FILTER": "nobody"}


def other_value(name: str) -> str:
    """Return a value of loguru's environment variable *name* that is not the default."""
    match getattr(_defaults, name):
        case bool() as default:
            return "no" if default else "yes"
        case int() as default:
            return str(default + 1)
        case _:
            return SPECIAL.get(name, "<red>" if name.endswith("COLOR") else "another")


def test_no_environment_variable_of_loguru_changes_a_line(tmp_path: Path) -> None:
    variables = {name: other_value(name) for name in dir(_defaults) if name.startswith("LOGURU_")}
    assert {"LOGURU_SERIALIZE", "LOGURU_FILTER", "LOGURU_ENQUEUE", *SPECIAL} <= set(variables)
    environment = {**os.environ, **variables, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    assert [line.split(" ", 3)[3] for line in lines_of(tmp_path / "ours.log")] == ["-- RUNNING", *WORDS, "-- FAILED"]
    assert lines_of(tmp_path / "users.log") == ["WARNING one", "ERROR two"]
    assert [line.split(" ", 3)[3] for line in done.stdout.splitlines()] == WORDS
