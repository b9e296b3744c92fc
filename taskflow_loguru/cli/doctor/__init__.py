"""``taskflow-loguru doctor``: problems of a log file, its folder and its readers, and how to fix them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer
from rich.text import Text

from ..printing import console, one_line
from . import contents, disk, logrotate, place, processes, shippers
from .findings import Findings, Settings

_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def run_doctor(path: Path, *, mode: Literal["rotate", "watched"], max_bytes: int, backup_count: int) -> None:
    settings = Settings(path.resolve(strict=True), mode, max_bytes, backup_count)
    out = console()
    out.print(Text(one_line(str(settings.path)), "bold"), soft_wrap=True)
    findings = Findings()
    for check in (
        place.check,
        processes.check,
        disk.check,
        logrotate.check,
        shippers.check,
        contents.check,
    ):
        for finding in findings.added_by(check, settings):
            out.print(
                Text.assemble((f"{finding.kind:>7}", _STYLES[finding.kind]), f"  {one_line(finding.text)}"),
                soft_wrap=True,
            )
            if finding.fix:
                out.print(Text.assemble(" " * 9, ("fix: ", "bold"), one_line(finding.fix)), soft_wrap=True)
    if findings.problems:
        raise typer.Exit(1)
