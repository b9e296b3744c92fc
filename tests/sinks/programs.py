"""Separate programs for tests of signals, limits, descriptors, and the end of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

EVENTS = """
import asyncio, os, sys
from datetime import datetime, timezone
from fastapi_taskflow import LogEvent

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

def log(logger, message):
    event = LogEvent(
        task_id="abc12345", func_name="work", message=message, level="info", timestamp=NOON, attempt=0
    )
    call = logger.on_log(event)
    try:
        call.send(None)
    except StopIteration:
        pass
"""
"""Code with which a program logs an event as the host does: ``on_log`` never suspends."""


def run(
    code: str, *arguments: object, launcher: list[str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run *code* with *arguments* in ``sys.argv``, for at most *timeout* seconds."""
    command = [*(launcher or []), sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, text=True, timeout=timeout, check=False, capture_output=True)


def output_of(code: str, *arguments: object, launcher: list[str] | None = None) -> str:
    """Run *code*, which must exit with 0 and an empty stderr; return its output."""
    ended = run(code, *arguments, launcher=launcher)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr[-2000:]
    return ended.stdout
