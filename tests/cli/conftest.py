"""Fixtures that run the command as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

COMMAND = str(Path(sys.executable).parent / "taskflow-loguru")

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Return ``cli("report", path)``: run the command in a pipe to its end, with ``tmp_path`` as its folder."""
    # The workers of pytest-xdist have COLUMNS=80, and a shell may export it: the output would have that width.
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}

    def run(
        *arguments: str | Path, exit_code: int = 0, stdin: IO[Any] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env={**inherited, **environment},
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr + done.stdout
        return done

    return run
