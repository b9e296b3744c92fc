"""``taskflow-loguru follow``: print lines as they are written, those of several files merged by time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from taskflow_loguru import reader
from taskflow_loguru.formats import TaskLine

from .live import merged_live
from .logs import without_backups
from .printing import LEVEL_STYLES, STATUS_STYLES, one_line
from .story import SHORT_ID, matches

LEVELS = {"trace": 5, "debug": 10, "info": 20, "success": 25, "warning": 30, "error": 40, "critical": 50}
_STATUS_LEVELS = {"success": "success", "failed": "error", "interrupted": "warning"}


@dataclass
class Filter:
    """The conditions for a line to be printed.

    Attributes:
        task_id: An id or its beginning.
        func_name: A function.
        level: The lowest level. A line of task_line has no level: a status line has that of its status, others are left
            out.
        status: A status, in lower case: only its status lines.
        has_unknown_levels: Whether a line was left out because it has no level.
    """

    task_id: str | None = None
    func_name: str | None = None
    level: str | None = None
    status: str | None = None
    has_unknown_levels: bool = False

    def __call__(self, line: TaskLine) -> bool:
        if self.task_id is not None and not matches(self.task_id, line.task_id):
            return False
        if self.func_name is not None and line.func_name != self.func_name:
            return False
        if self.status is not None and line.status != self.status:
            return False
        return self.level is None or self._has_level(line, self.level)

    def _has_level(self, line: TaskLine, least: str) -> bool:
        level = line.level
        if level is None and line.event == "loss":
            level = "error"
        if level is None and line.status is not None:
            level = _STATUS_LEVELS.get(line.status, "info")
        if level is None:
            self.has_unknown_levels = True
            return False
        return LEVELS.get(level, 0) >= LEVELS[least]


def run_follow(paths: Sequence[Path], wanted: Filter, *, since: datetime | None, as_json: bool) -> None:
    paths = without_backups(paths)
    show = _json_printer(paths) if as_json else _text_printer(paths)
    has_warned = False
    for line, path in _live(paths, since):
        if wanted(line):
            show(line, path)
        elif wanted.has_unknown_levels and not has_warned:
            has_warned = True
            print("taskflow-loguru: lines of task_line have no level: --level shows status lines", file=sys.stderr)


def _live(paths: Sequence[Path], since: datetime | None) -> Iterator[tuple[TaskLine, Path]]:
    if len(paths) > 1:
        return merged_live(paths, since)
    return ((line, paths[0]) for line in reader.follow(paths[0], since=since))


def _json_printer(paths: Sequence[Path]) -> Callable[[TaskLine, Path], None]:
    from .lines_json import line_fields

    def show(line: TaskLine, path: Path) -> None:
        values = line_fields(line)
        if len(paths) > 1:
            values["path"] = str(path)
        print(json.dumps(values, default=str), flush=True)

    return show


def _text_printer(paths: Sequence[Path]) -> Callable[[TaskLine, Path], None]:
    if not sys.stdout.isatty():
        return lambda line, path: print(_plain(line, path if len(paths) > 1 else None), flush=True)

    from rich.text import Text

    from .printing import console

    out = console()

    def show(line: TaskLine, path: Path) -> None:
        style = STATUS_STYLES.get(line.status or "") or LEVEL_STYLES.get(line.level or "", "")
        begin, message = _beginning(line, path if len(paths) > 1 else None), _message(line)
        out.print(Text.assemble((begin, "dim"), (message, style)), soft_wrap=True)

    return show


def _plain(line: TaskLine, path: Path | None) -> str:
    return _beginning(line, path) + _message(line)


def _beginning(line: TaskLine, path: Path | None) -> str:
    """Return the path, as in grep's output, and the documented beginning of a text line."""
    name = f"{one_line(str(path))}: " if path else ""
    moment = f"{line.time:%Y-%m-%dT%H:%M:%S} " if line.time else ""
    return f"{name}[{one_line((line.task_id or '-')[:SHORT_ID])}] [{one_line(line.func_name or '-')}] {moment}"


def _message(line: TaskLine) -> str:
    data = "".join(f" {name}={value}" for name, value in line.data.items())
    error = f": {line.error}" if line.error else ""
    return one_line(f"{line.message}{error}{data}")
