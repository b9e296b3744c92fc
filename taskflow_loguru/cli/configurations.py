"""Configurations for other programs: logrotate, log shippers, lnav."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from taskflow_loguru import shippers

from .printing import one_line
from .regular import last_lines


def print_logrotate_rule(path: Path) -> None:
    with _usage_errors():
        _print(shippers.logrotate_rule(path))


def print_shipper(name: str, path: Path, *, format: str | None) -> None:
    """Print a configuration; without *format*, the one for the lines of the file."""
    found = _format_of(path)
    used = format or found or "text"
    with _usage_errors():
        text = shippers.render(name, path, format="json" if used == "json" else "text")
    if format and found and format != found:
        _note(path, f"its lines are {found}, and this is the configuration for {format}")
    elif used == "json" and not format:
        _note(path, "its lines are JSON: this is the configuration of --format json")
    _print(text)


def print_lnav_format() -> None:
    _print(shippers.lnav_format())


def install_lnav_format() -> None:
    """Install the format for this user, through lnav itself."""
    program = shutil.which("lnav")
    if program is None:
        print("taskflow-loguru: lnav is not installed, or not on the PATH", file=sys.stderr)
        raise typer.Exit(1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "taskflow_loguru.json")
        file.write_text(shippers.lnav_format(), "utf-8")
        installed = subprocess.run([program, "-i", str(file)], check=False)
    if installed.returncode:
        raise typer.Exit(1)


def _format_of(path: Path) -> str | None:
    """Return "json" or "text", by the last line of a file; None if there is none, or it cannot be read."""
    try:
        lines = last_lines(path)
    except (OSError, ValueError):
        return None
    return ("json" if lines[-1].startswith("{") else "text") if lines else None


def _note(path: Path, text: str) -> None:
    print(f"taskflow-loguru: {one_line(str(path))}: {text}", file=sys.stderr)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn an error about a name or a path into a usage error."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _print(text: str) -> None:
    print(text, end="" if text.endswith("\n") else "\n")
