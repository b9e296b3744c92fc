"""Writing of the page of ``report --html``: never over a file that is no page, and never for more readers."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

from taskflow_loguru.formats._detailed_line import text_of
from taskflow_loguru.reader._parse import parse_line

from .html import Timeline, render_page
from .html.page import is_page
from .logs import Logs
from .printing import print_error
from .report import Report
from .report_json import report_fields, run_fields

_STDOUT = Path("-")
_HEAD_BYTES = 4096


def check_target(target: Path) -> None:
    """Check that the page may be written at *target*.

    Raises:
        typer.BadParameter: Something is there that is not a page of this command: a log, a link, a device.
    """
    if target == _STDOUT:
        return
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise typer.BadParameter(f"--html: there is no folder {str(target.parent)!r}") from None
        return
    except OSError as error:
        raise typer.BadParameter(f"--html: {str(target)!r}: {error.strerror}") from None
    if stat.S_ISLNK(mode):
        raise typer.BadParameter(f"--html: {str(target)!r} is a link. Give the file itself, or - for stdout")
    if not stat.S_ISREG(mode):
        raise typer.BadParameter(f"--html: {str(target)!r} is not a regular file. Use - for stdout")
    try:
        with target.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise typer.BadParameter(f"--html: {str(target)!r}: {error.strerror}") from None
    if head and not is_page(head):
        raise typer.BadParameter(f"--html: {str(target)!r} exists, and is not a page of this command")


def write_page(target: Path, report: Report, timeline: Timeline, logs: Logs) -> None:
    """Write the page of *report*: to stdout, or to a new file that then replaces *target*."""
    fields = report_fields(report, logs.paths)
    for one in fields["functions"]:
        one["slowest_runs"] = [run_fields(run) for run in report.functions[one["name"]].slowest.runs()]
    for failure, run in zip(fields["failures"], reversed(report.failures), strict=True):
        failure["lines"] = list(map(_readable, run.tail or ()))
    page = render_page({**fields, "timeline": timeline.fields(report.open)}).encode()
    if target == _STDOUT:
        sys.stdout.buffer.write(page)
        sys.stdout.buffer.flush()
        return
    try:
        _replace(target, page, logs.paths)
    except OSError as error:
        print_error(f"{target}: {error.strerror or error}")
        logs.failed = True


def _readable(raw: str) -> str:
    line = parse_line(raw) if raw.startswith("{") else None
    return raw if line is None else text_of(line)


def _replace(target: Path, page: bytes, logs: Sequence[Path]) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(page)
            _copy_access(file.fileno(), logs)
        check_target(target)  # again: reading the logs took its time
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _copy_access(descriptor: int, logs: Sequence[Path]) -> None:
    """Let only those read the page who may read all of its logs; a page of a pipe is its user's alone."""
    mode, groups = 0o666, set()
    for log in logs:
        try:
            status = os.stat(log)
        except OSError:
            mode &= 0o600  # stdin, whose readers are unknown
            continue
        mode &= status.st_mode if stat.S_ISREG(status.st_mode) else 0o600
        groups.add(status.st_gid)
    try:
        (group,) = groups
        os.chown(descriptor, -1, group)
    except (ValueError, OSError):  # several groups, or one that the user is not in: they get what others get
        mode &= ~0o070 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode | 0o600)
