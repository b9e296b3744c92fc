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


def print_logrotate_rule(path: Path) -> None:
    with _usage_errors():
        _print(shippers.logrotate_rule(path))


def print_shipper(name: str, path: Path, *, format: str) -> None:
    with _usage_errors():
        _print(shippers.render(name, path, format="json" if format == "json" else "text"))


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


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn an error about a name or a path into a usage error."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _print(text: str) -> None:
    print(text, end="" if text.endswith("\n") else "\n")
