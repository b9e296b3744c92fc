"""Checks of the lines: whether some were lost, and whether all have the same format."""

from __future__ import annotations

from collections.abc import Iterator
from gzip import BadGzipFile

from taskflow_loguru.reader import parse

from ..logs import Logs
from ..moments import clock
from ..regular import last_lines
from ..report import Report
from .findings import Finding, Settings, note, ok, problem


class _Log(Logs):
    """The log with its backups; what cannot be read becomes a finding."""

    def __init__(self, settings: Settings) -> None:
        self.findings: list[Finding] = []
        super().__init__([settings.path], shows_progress=True)

    def report(self, name: str, reason: OSError | str) -> None:
        if isinstance(reason, BadGzipFile):
            self.findings.append(problem(f"a backup is damaged: {reason}", "move it away: its other lines are lost"))
        else:
            text = reason if isinstance(reason, str) else reason.strerror or reason
            self.findings.append(note(f"{name}: {text}"))


def check(settings: Settings) -> Iterator[Finding]:
    yield from _check_formats(settings)
    log, report = _Log(settings), Report()
    report.add_blocks([log.blocks(settings.path)])
    yield from log.findings
    if report.lines_lost or report.losses:
        last = report.losses[-1]
        yield problem(
            f"{report.lines_lost:,} lines were lost, the last at {clock(last.time)}: {last.reason}",
            "remove the cause; a larger backlog_bytes keeps more lines until then",
        )
    else:
        yield ok(f"{report.lines:,} lines of tasks, no line was lost")


def _check_formats(settings: Settings) -> Iterator[Finding]:
    lines = last_lines(settings.path)
    parsed = [(line, task_line) for line in lines if (task_line := parse(line)) is not None]
    as_json = sum(line.startswith("{") for line, _ in parsed)
    if 0 < as_json < len(parsed):
        yield problem(
            f"of the last {len(parsed)} lines {as_json} are JSON and the others text: processes have different formats",
            "give all processes the same format",
        )
    # A retry separator has no time, but an attempt. fastapi-taskflow's own lines have neither.
    untimed = sum(task_line.time is None and task_line.attempt is None for _, task_line in parsed)
    if untimed:
        yield problem(
            f"of the last {len(parsed)} lines {untimed} have no time: fastapi-taskflow's own FileLogger writes to this "
            "file, too; it takes no lock, and its rotation loses lines",
            "use the TaskManager of taskflow_loguru, or leave out log_file=",
        )
    if len(parsed) < len(lines):
        yield note(
            f"{len(lines) - len(parsed)} of the last {len(lines)} lines are not from a task, or in a format of the app"
        )
