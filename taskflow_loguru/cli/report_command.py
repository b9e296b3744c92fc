"""``taskflow-loguru report``: read the logs once, then print or write their figures."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import typer

from taskflow_loguru.reader._logs import Seen, Wanted

from .logs import Logs
from .printing import print_error
from .report import Report, Window

LONGEST_RUN = timedelta(days=1)
"""How long before ``since`` the start of a run is searched for."""

FAILURES_IN_TEXT = 10
FAILURES_IN_JSON = 100
FAILURES_IN_HTML = 1_000

TOO_MANY_FAILED = 3
"""The exit code if more runs failed than ``--fail-over`` allows."""

_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


def run_report(
    paths: Sequence[Path],
    window: Window,
    *,
    loguru_backups: bool,
    as_json: bool,
    html: Path | None,
    fail_over: str | None,
) -> None:
    """Print or write the figures; *fail_over* is the percentage of failed runs that is allowed."""
    if as_json and html:
        raise typer.BadParameter("--json and --html exclude each other")
    since = window.since and max(window.since, _EARLIEST + LONGEST_RUN) - LONGEST_RUN
    logs = Logs(
        paths, since=since, until=window.until, loguru_backups=loguru_backups, shows_progress=True, says_why=True
    )
    if html:
        from .report_page import check_target

        check_target(html)
    keep = FAILURES_IN_HTML if html else FAILURES_IN_JSON if as_json else FAILURES_IN_TEXT
    report = Report(window, keep_failures=keep, keep_lines=html is not None)
    if html:
        _write_page(html, report, logs)
    else:
        read_all(report, logs)
        if report.lines or not (logs.failed or (logs.has_explained and not as_json)):
            _print(report, logs, as_json=as_json)
    if logs.failed:
        raise typer.Exit(1)
    if fail_over is not None and 100 * report.failed > Fraction(fail_over) * report.ended:
        share = f"{100 * report.failed / report.ended:.3g}%"
        print_error(f"{report.failed:,} of {report.ended:,} runs failed: {share}, which is over {fail_over}%")
        raise typer.Exit(TOO_MANY_FAILED)


def read_all(report: Report, logs: Logs) -> None:
    """Add the lines of all logs to *report*, and print why a log has none."""
    gc.disable()  # the lines make no cycles, and thousands of objects that the collector would look at in vain
    try:
        counters = report.add_blocks([logs.blocks(path) for path in logs.paths])
    finally:
        gc.enable()
    logs.since = report.window.since
    for path, counter in zip(logs.paths, counters, strict=True):
        seen = Seen(Wanted())
        seen.blocks, seen.lines, seen.finder.later = counter.blocks, int(counter.found), counter.later
        seen.in_range = int(counter.first is not None or report.window.func_name is not None)
        logs.explain(path, seen)
    if report.other_functions and not report.lines:
        names = ", ".join(sorted(report.other_functions))
        print_error(f"no line of a function {report.window.func_name!r}; there are {names}")


def _print(report: Report, logs: Logs, *, as_json: bool) -> None:
    if as_json:
        from .report_json import report_fields

        print(json.dumps(report_fields(report, logs.paths), indent=2))
    else:
        from .report_text import print_report

        print_report(report, logs.paths)


def _write_page(target: Path, report: Report, logs: Logs) -> None:
    from .html import Timeline
    from .report_page import write_page

    timeline = Timeline()
    report.on_end = timeline.add
    read_all(report, logs)
    if report.lines or not logs.failed:
        write_page(target, report, timeline, logs)
