"""``taskflow-loguru lines``: print lines, those of several files merged by time, to the end or as they are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from functools import cache, partial

import typer

from taskflow_loguru.formats._detailed_line import text_of
from taskflow_loguru.reader._filter import Filter
from taskflow_loguru.reader._ids import TaskIds
from taskflow_loguru.reader._live import merged_live
from taskflow_loguru.reader._logs import LogLine, Wanted

from .lines_json import line_fields
from .logs import Logs
from .printing import LEVEL_STYLES, STATUS_STYLES, coloured, has_colours, one_line, print_error

FAILED = b"-- FAILED"
"""The message of a status line of a task that failed: each format has it."""

_MAX_LISTED = 20


class Failures(Wanted):
    """The status lines of tasks that failed."""

    needles = (FAILED,)

    def __call__(self, line: LogLine) -> bool:
        return line.line.status == "failed" and line.line.task_id is not None


def run_lines(logs: Logs, wanted: Filter, *, follow: bool, count: int | None, only_failed: bool, as_json: bool) -> None:
    if only_failed:
        logs.copy_streams()
        wanted.failed = TaskIds()
        for line in logs.found(Failures()):
            wanted.failed.add(line.line.task_id or "")
    wanted.on_missing = _tell_missing
    lines: Iterable[LogLine]
    if follow:
        logs.tell_missing()
        lines = merged_live(logs.live(wanted, count))
    else:
        lines = logs.found(wanted) if count is None else logs.last(wanted, count)
    is_live = follow or any(str(path).startswith("/dev/") for path in logs.paths)
    shown = _printer(as_json=as_json, has_names=len(logs.paths) > 1)
    out = sys.stdout.buffer
    is_any = False
    for line in lines:
        is_any = True
        out.write(shown(line) + b"\n")
        if is_live:
            out.flush()
    out.flush()
    if not is_any and count != 0 and not logs.failed and not logs.has_explained:
        _explain(wanted)
    if logs.failed:
        raise typer.Exit(1)


@cache
def _tell_missing(condition: str) -> None:
    """Print, once, that a condition leaves out the lines of task_line."""
    missing, effect = {"tag": "tags"}.get(condition, condition), "leaves them out"
    if condition == "level":
        effect = "shows status lines"
    print_error(f"lines of task_line have no {missing}: --{condition} {effect}")


def _explain(wanted: Filter) -> None:
    """Print why no line was printed."""
    if wanted.funcs and wanted.names and not wanted.has_func:
        names = sorted(wanted.names)
        rest = f" and {len(names) - _MAX_LISTED:,} more" if len(names) > _MAX_LISTED else ""
        print_error(
            f"no function matches {' or '.join(wanted.funcs)}; there are: {', '.join(names[:_MAX_LISTED])}{rest}"
        )
    else:
        print_error("no line matches")


def _printer(*, as_json: bool, has_names: bool) -> Callable[[LogLine], bytes]:
    if as_json:
        return partial(_json, has_names=has_names)
    if sys.stdout.isatty():
        return partial(_for_terminal, has_names=has_names, has_colours=has_colours())
    return partial(_for_pipe, has_names=has_names)


def _json(line: LogLine, *, has_names: bool) -> bytes:
    values = line_fields(line.line)
    if has_names:
        values["path"] = str(line.path)
    return json.dumps(values, default=str).encode()


def _for_pipe(line: LogLine, *, has_names: bool) -> bytes:
    """Return a text line as it is in the file, and a JSON line as text."""
    raw = text_of(line.line).encode() if line.raw[:1] == b"{" else line.raw
    return _name(line, has_names).encode("utf-8", "backslashreplace") + raw


def _for_terminal(line: LogLine, *, has_names: bool, has_colours: bool) -> bytes:
    """Return the same without control characters, the message in the colour of its status or level."""
    is_json = line.raw[:1] == b"{"
    text = text_of(line.line) if is_json else one_line(line.raw.removesuffix(b"\r").decode("utf-8", "backslashreplace"))
    name = _name(line, has_names)
    if has_colours:
        task_id, separator, rest = text.partition("] [")
        func_name, end, message = rest.partition("] ")
        style = STATUS_STYLES.get(line.line.status or "") or LEVEL_STYLES.get(line.line.level or "", "")
        text = coloured(f"{name}{task_id}{separator}{func_name}{end}", "dim") + coloured(message, style)
    else:
        text = name + text
    return text.encode(sys.stdout.encoding, "backslashreplace")


def _name(line: LogLine, has_names: bool) -> str:
    return f"{one_line(str(line.path))}: " if has_names else ""
