"""``taskflow-loguru report``: read the logs once, then print or write their figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import typer

from .logs import Logs
from .progress import with_progress
from .report import Report, Window

LONGEST_RUN = timedelta(days=1)
"""How long before ``since`` the start of a run is searched for."""

FAILURES_IN_TEXT = 10
FAILURES_IN_JSON = 100
FAILURES_IN_HTML = 1_000


def run_report(paths: Sequence[Path], window: Window, *, as_json: bool, html: Path | None) -> None:
    if as_json and html:
        raise typer.BadParameter("--json and --html exclude each other")
    logs = Logs(paths, since=window.since and window.since - LONGEST_RUN)
    keep = FAILURES_IN_HTML if html else FAILURES_IN_JSON if as_json else FAILURES_IN_TEXT
    report = Report(window, keep_failures=keep)
    if html:
        _write_page(html, report, logs)
    else:
        report.add_all(with_progress(logs.lines(), logs.paths))
        if report.lines or not logs.failed:
            _print(report, logs, as_json=as_json)
    if logs.failed:
        raise typer.Exit(1)


def _print(report: Report, logs: Logs, *, as_json: bool) -> None:
    if as_json:
        from .report_json import report_fields

        print(json.dumps(report_fields(report, logs.paths), indent=2))
    else:
        from .report_text import print_report

        print_report(report, logs.paths)


def _write_page(file: Path, report: Report, logs: Logs) -> None:
    from .html import Timeline, render_page
    from .report_json import report_fields

    timeline = Timeline()
    report.on_end = timeline.add
    report.add_all(with_progress(logs.lines(), logs.paths))
    if report.lines or not logs.failed:
        fields = report_fields(report, logs.paths)
        file.write_text(render_page({**fields, "timeline": timeline.fields(report.open)}), "utf-8")
