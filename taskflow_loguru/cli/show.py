"""``taskflow-loguru show``: print all lines of one task, by run and attempt."""

from __future__ import annotations

import json
import os
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.reader._ids import needles_of
from taskflow_loguru.reader._logs import LogLine, Wanted

from .lines import Failures
from .logs import Logs
from .moments import clock, seconds, zone_name
from .printing import LEVEL_STYLES, block, console, cut, one_line, print_error, status_text
from .runs import Run
from .story import AmbiguousIdError, Attempt, Story, StoryRun, story_of

_ID_WIDTH = 36


class _OfTask(Wanted):
    """The lines of one task, and some others."""

    def __init__(self, task_id: str) -> None:
        self.needles = needles_of([task_id])


def run_show(task_id: str | None, logs: Logs, *, as_json: bool) -> None:
    """Print the task; if *task_id* is None, the task that failed last."""
    if task_id is None:
        logs.copy_streams()
        task_id = _last_failed(logs)
    try:
        story = story_of(task_id, logs.found(_OfTask(task_id)))
    except AmbiguousIdError as error:
        tasks = "\n  ".join(map(_task, error.lines))
        _fail(f"several tasks have an id that starts with {task_id!r}:\n  {tasks}")
    if story is None:
        _fail(f"no line of a task {task_id!r}" + (" in the files that could be read" if logs.failed else ""))
    if as_json:
        from .lines_json import story_fields

        print(json.dumps(story_fields(story), indent=2, default=str))
    else:
        _print_story(console(), story)
    if logs.failed:
        raise typer.Exit(1)


def _last_failed(logs: Logs) -> str:
    last = deque(logs.found(Failures()), maxlen=1)
    if not last:
        _fail("no task has failed" + (" in the files that could be read" if logs.failed else ""))
    return last[0].line.task_id or ""


def _task(line: LogLine) -> str:
    name = cut(one_line(line.line.func_name or "?"), max(20, console().width - _ID_WIDTH - 30))
    return f"{one_line(line.line.task_id or ''):{_ID_WIDTH}}  {clock(line.time, line.digits)}  {name}"


def _print_story(out: Console, story: Story) -> None:
    out.print(Text.assemble((one_line(story.func_name), "bold"), f"  {one_line(story.task_id)}"), soft_wrap=True)
    paths_used = {one.path for run in story.runs for attempt in run.attempts for one in attempt.lines}
    names = _short_names(paths_used)
    for number, story_run in enumerate(story.runs, 1):
        _print_run(out, story_run, f"Run {number} of {len(story.runs)}: " * (len(story.runs) > 1), names)


def _fail(text: str) -> NoReturn:
    print_error(text)
    raise typer.Exit(1)


def _short_names(paths: set[Path]) -> dict[Path, str]:
    """Return a name for each file that distinguishes it; no names for a single file."""
    if len(paths) == 1:
        return {}
    common = os.path.commonpath([path.absolute().parent for path in paths])
    return {path: str(path.absolute().relative_to(common)) for path in paths}


def _print_run(out: Console, story_run: StoryRun, heading: str, names: dict[Path, str]) -> None:
    out.print()
    run = story_run.run
    lines = [one for attempt in story_run.attempts for one in attempt.lines]
    if run is None:
        out.print(Text.assemble((heading, "bold"), "no status line: FileLogger(log_lifecycle=True) writes them"))
    else:
        times = _times(run, lines)
        out.print(Text.assemble((heading, "bold"), status_text(run.status), f"  {times}"), soft_wrap=True)
    for attempt in story_run.attempts:
        if len(story_run.attempts) > 1:
            out.print(Text(f"attempt {attempt.number}, {_span(attempt)}", "bold"))
        for one in attempt.lines:
            _print_line(out, one, (run and run.started) or lines[0].line.time, names)
    if run is not None and run.error is not None:
        out.print(Text.assemble(("error: ", "bold red"), block(run.error)), soft_wrap=True)
    if run is not None and run.stacktrace is not None:
        out.print(Text(block(run.stacktrace.rstrip("\n"))), soft_wrap=True)


def _times(run: Run, lines: list[LogLine]) -> str:
    digits = max(one.digits for one in lines)
    # The lines of task_line have no duration: the run's is then the time of all attempts.
    last = next((one.line.duration for one in reversed(lines) if one.line.duration is not None), None)
    end = f" to {clock(run.ended, digits)}" if run.ended else f", no end; last line {clock(run.last_seen, digits)}"
    parts = [f"{clock(run.started, digits)}{end} {zone_name(run.ended or run.started)}"]
    if run.started and run.ended:
        parts.append(f"{seconds(max(0.0, (run.ended - run.started).total_seconds()))} in all")
    if last is not None:
        parts.append(f"last attempt {seconds(max(0.0, last))}")
    if run.retries:
        parts.append(f"{run.retries} {'retry' if run.retries == 1 else 'retries'}")
    return ", ".join(parts)


def _span(attempt: Attempt) -> str:
    """Return the time from the first to the last line of an attempt."""
    first, last = attempt.lines[0].time, attempt.lines[-1].time
    return "-" if first is None or last is None else seconds(max(0.0, (last - first).total_seconds()))


def _print_line(out: Console, one: LogLine, start: datetime | None, names: dict[Path, str]) -> None:
    line = one.line
    moment = "" if line.time is None else clock(line.time, one.digits)
    offset = ""
    if one.time is not None and start is not None and one.time > start:
        offset = f"+{seconds((one.time - start).total_seconds())}"
    style = LEVEL_STYLES.get(line.level or "", "")
    text = status_text(line.status) if line.status else Text(one_line(line.message), style)
    level = f"{one_line(line.level):7}  " if line.level else ""
    name = f"  ({one_line(names[one.path])})" if names else ""
    width = len(clock(one.time, one.digits)) if one.time else 19
    out.print(
        Text.assemble(
            (f"  {moment:{width}}", "dim"), f"  {offset:>9}  {level}", text, (_values_of(line) + name, "dim")
        ),
        soft_wrap=True,
    )


def _values_of(line: TaskLine) -> str:
    return "".join(f"  {one_line(str(name))}={one_line(str(value))}" for name, value in (line.tags | line.data).items())
