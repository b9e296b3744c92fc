"""A report as JSON, for programs. The page of ``--html`` is made from the same fields."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from taskflow_loguru.formats._words import STATUSES as ALL_STATUSES

from .durations import Durations
from .figures import Failure, FunctionFigures
from .moments import rfc3339
from .report import Report
from .run import Run
from .series import Bucket, start_time

STATUSES = tuple(name for name, status in ALL_STATUSES.items() if status.is_final)

MAX_CAUSES = 100
"""The maximum number of kinds of failures in a report."""

MAX_OPEN = 1_000
"""The maximum number of listed runs without an end."""


def report_fields(report: Report, paths: Iterable[Path]) -> dict[str, Any]:
    """Return all figures of *report*: times in RFC 3339 and UTC, durations in seconds, null for an unknown value."""
    starts = report.series.starts()
    exact = {name for name, figures in report.functions.items() if figures.timing.exact}
    return {
        "paths": [str(path) for path in paths],
        "since": rfc3339(report.window.since),
        "until": rfc3339(report.window.until),
        "first": rfc3339(report.first),
        "last": rfc3339(report.last),
        "lines": report.lines,
        "lines_lost": report.lines_lost,
        "functions": [_function(report.functions[name]) for name in sorted(report.functions)],
        "slowest": [run_fields(run) for run in report.slowest.runs()],
        "errors": [_cause(cause, report.failed) for cause in report.causes[:MAX_CAUSES]],
        "failures": [run_fields(run) for run in reversed(report.failures)],
        "open": [run_fields(run) for run in report.open[:MAX_OPEN]],
        "losses": [{"time": rfc3339(loss.time), "lines": loss.count, "reason": loss.reason} for loss in report.losses],
        "series": {
            "seconds": report.series.width,
            "buckets": [
                {
                    "time": rfc3339(start_time(start)),
                    "functions": {
                        name: _bucket(bucket, is_exact=name in exact)
                        for name, bucket in report.series.functions_at(start).items()
                    },
                    "all": _bucket(report.series.total_at(start), is_exact=bool(exact)),
                }
                for start in starts
            ],
        },
    }


def run_fields(run: Run) -> dict[str, Any]:
    fields = {
        "task_id": run.task_id,
        "func_name": run.func_name,
        "status": run.status,
        "started": rfc3339(run.started),
        "ended": rfc3339(run.ended),
        "last_seen": rfc3339(run.last_seen),
        "duration": run.duration,
        "total": run.total,
        "retries": run.retries,
    }
    if run.status == "failed":
        fields.update(error_type=run.error_type, reason=run.reason, stacktrace=run.stacktrace)
    return fields


def _function(figures: FunctionFigures) -> dict[str, Any]:
    slowest, shown = figures.slowest.runs(), figures.timing.shown
    return {
        "name": figures.name,
        "runs": figures.runs,
        **{status: figures.statuses[status] for status in STATUSES},
        "open": figures.open,
        "retries": figures.retries,
        "lines": figures.lines,
        "duration": {**_percentiles(shown), "max": shown.longest},
        "durations": shown.count,
        "durations_left_out": figures.timing.left_out,
        "slowest": run_fields(slowest[0]) if slowest else None,
    }


def _cause(cause: Failure, failed: int) -> dict[str, Any]:
    assert cause.latest is not None
    return {
        "error_type": cause.error_type,
        "func_name": cause.func_name,
        "count": cause.count,
        "share": cause.count / failed,
        "last_seen": rfc3339(cause.latest.ended),
        "task_id": cause.latest.task_id,
        "reason": cause.latest.reason,
    }


def _bucket(bucket: Bucket, *, is_exact: bool) -> dict[str, Any]:
    timing = bucket.timing
    return {
        "success": bucket.statuses["success"],
        "failed": bucket.statuses["failed"],
        "stopped": bucket.statuses.total() - bucket.statuses["success"] - bucket.statuses["failed"],
        **_percentiles(timing.exact if is_exact else timing.whole),
    }


def _percentiles(durations: Durations) -> dict[str, float | None]:
    return {"p50": durations.percentile(50), "p95": durations.percentile(95)}
