"""A report as JSON, for programs. The page of ``--html`` is made from the same fields."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .figures import FunctionFigures
from .moments import rfc3339
from .report import Report
from .runs import Run
from .series import Bucket

STATUSES = ("success", "failed", "interrupted", "cancelled", "rejected")


def report_fields(report: Report, paths: Iterable[Path]) -> dict[str, Any]:
    """Return all figures of *report*: times in RFC 3339 and UTC, durations in seconds, null for an unknown value."""
    starts = report.series.starts()
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
        "failures": [run_fields(run) for run in reversed(report.failures)],
        "open": [run_fields(run) for run in report.open],
        "losses": [{"time": rfc3339(loss.time), "lines": loss.count, "reason": loss.reason} for loss in report.losses],
        "series": {
            "seconds": report.series.width,
            "buckets": [
                {
                    "time": rfc3339(datetime.fromtimestamp(start, timezone.utc)),
                    "functions": {name: _bucket(bucket) for name, bucket in report.series.functions_at(start).items()},
                    "all": _bucket(report.series.total_at(start)),
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
        "retries": run.retries,
    }
    if run.status == "failed":
        fields.update(reason=run.reason, stacktrace=run.stacktrace)
    return fields


def _function(figures: FunctionFigures) -> dict[str, Any]:
    return {
        "name": figures.name,
        "runs": figures.runs,
        **{status: figures.statuses[status] for status in STATUSES},
        "open": figures.open,
        "retries": figures.retries,
        "lines": figures.lines,
        "duration": {
            "p50": figures.quantile(0.5),
            "p95": figures.quantile(0.95),
            "max": figures.slowest and figures.slowest.duration,
        },
        "slowest": figures.slowest and run_fields(figures.slowest),
    }


def _bucket(bucket: Bucket) -> dict[str, Any]:
    durations = bucket.durations
    return {
        "success": bucket.statuses["success"],
        "failed": bucket.statuses["failed"],
        "stopped": bucket.statuses.total() - bucket.statuses["success"] - bucket.statuses["failed"],
        "p50": durations.get_quantile_value(0.5),
        "p95": durations.get_quantile_value(0.95),
    }
