"""Checks of the lines: whether some were lost, and whether all have the same format."""

from __future__ import annotations

import os

from taskflow_loguru.reader import parse, read

from ..moments import clock
from ..progress import with_progress
from ..report import Report
from .findings import Findings, Settings

_TAIL_BYTES = 256 * 1024


def check(settings: Settings, findings: Findings) -> None:
    _check_formats(settings, findings)
    report = Report().add_all(with_progress(read(settings.path), [settings.path]))
    if report.lines_lost or report.losses:
        last = report.losses[-1]
        findings.problem(
            f"{report.lines_lost:,} lines were lost, the last at {clock(last.time)}: {last.reason}",
            "remove the cause; a larger backlog_bytes keeps more lines until then",
        )
    else:
        findings.ok(f"{report.lines:,} lines of tasks, no line was lost")


def _check_formats(settings: Settings, findings: Findings) -> None:
    if not settings.path.is_file():
        return
    with settings.path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "backslashreplace").split("\n")[:-1]
    if os.stat(settings.path).st_size > _TAIL_BYTES:
        del lines[:1]  # the first line is incomplete
    parsed = [line for line in lines if parse(line) is not None]
    as_json = sum(line.startswith("{") for line in parsed)
    if 0 < as_json < len(parsed):
        findings.problem(
            f"of the last {len(parsed)} lines {as_json} are JSON and the others text: processes have different formats",
            "give all processes the same format",
        )
    if len(parsed) < len(lines):
        findings.note(
            f"{len(lines) - len(parsed)} of the last {len(lines)} lines are not from a task, or in a format of the app"
        )
