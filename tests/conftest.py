"""Shared by all tests: real programs or a named skip, and events in the form of the host's."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import loguru
import pytest
from fastapi_taskflow import LifecycleEvent, LogEvent
from fastapi_taskflow.models import TaskStatus
from hypothesis import HealthCheck, settings
from loguru._better_exceptions import ExceptionFormatter

from tests.hosting import Records
from tests.packages import Packages, missing

sys.meta_path.append(Packages())

# A busy machine is not a defect: no test limits the time of an example. Under CI, each run tries the same examples: a
# change is judged by its own effects, and the runs by hand find new examples.
settings.register_profile(
    "any machine",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

# For each handler, loguru asks sysconfig for the folders of all libraries. That takes longer than most tests.
ExceptionFormatter._get_lib_dirs = staticmethod(cache(ExceptionFormatter._get_lib_dirs))  # type: ignore[method-assign]

OPT = Path(__file__).parents[1] / ".venv/opt/bin"
"""The folder into which ``tests/shippers/install.sh`` installs programs."""

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report at how many moments calls were interrupted: each interpreter has its own."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    named = [pair for report in reports if report.when == "teardown" for pair in report.user_properties]
    if moments := sum(value for name, value in named if name == "moments"):
        terminalreporter.write_line(f"{moments:,} moments of Python {platform.python_version()} were interrupted")


@pytest.fixture
def program() -> Callable[[str], str]:
    """``program("logrotate")``: the path of a program that the test runs for real."""

    def find(name: str) -> str:
        folders = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(OPT)]
        path = shutil.which(name, path=os.pathsep.join(folders))
        if path is None:
            missing(f"the program {name}")
        return path

    return find


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Turn coverage.py off, for tests whose signal handlers log at any moment.

    Its lock is acquired by a function in Python. A handler that runs in the middle of it would wait forever.
    """
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.fixture
def fresh_loguru() -> Iterator[None]:
    """Start the test like an app that has called ``logger.remove()``, and leave no trace in loguru's global logger."""
    reset_loguru()
    yield
    reset_loguru()


def leave_alone(record: object) -> None:
    pass


def reset_loguru() -> None:
    loguru.logger.configure(handlers=[], extra={}, patcher=leave_alone, activation=[("taskflow_loguru", True)])


@pytest.fixture
def records(fresh_loguru: None) -> Records:
    """Return a sink that the app's logger has from its start."""
    sink = Records()
    loguru.logger.add(sink, level=0, format="{message}")
    return sink


@pytest.fixture
def as_root() -> None:
    """Skip the test without root: it mounts or freezes file systems, or changes owners."""
    if os.geteuid() != 0:
        missing("root")


def log_event(
    message: Any = "hello", *, task_id: str = "abc12345-6789", func_name: str = "send_email", **more: Any
) -> LogEvent:
    """Return a LogEvent like the host's."""
    fields: dict[str, Any] = {"level": "info", "timestamp": datetime(2026, 1, 1, 12, tzinfo=timezone.utc), "attempt": 0}
    return LogEvent(task_id=task_id, func_name=func_name, message=message, **{**fields, **more})


def lifecycle_event(
    status: str = "running", *, task_id: str = "abc12345-6789", func_name: str = "send_email", **more: Any
) -> LifecycleEvent:
    """Return a LifecycleEvent like the host's."""
    fields: dict[str, Any] = {"timestamp": datetime(2026, 1, 1, 12, tzinfo=timezone.utc), "attempt": 0}
    fields["retries_used"] = more.get("attempt", 0)
    return LifecycleEvent(task_id=task_id, func_name=func_name, status=TaskStatus(status), **{**fields, **more})


def formatted(format: Callable[[Any], str], message: str = "hello", *, level: str = "INFO", **extra: Any) -> str:
    """Return the line of a format function for a record, as written by any loguru handler, without its newline."""
    event = {"task_id": "abc12345-6789", "func_name": "send_email", "event": "log", "attempt": 0, "timestamp": NOON}
    record = {
        "level": loguru.logger.level(level),
        "message": message,
        "exception": None,
        "function": "main",
        "extra": {**event, **extra},
    }
    template = format(record)
    line = template.format(**record)
    assert line.endswith("\n")
    return line.removesuffix("\n")
