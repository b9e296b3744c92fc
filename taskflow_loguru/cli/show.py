"""``taskflow-loguru show``: print all lines of one task, by run and attempt."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from taskflow_loguru.formats import TaskLine

from .logs import Logs
from .moments import clock, seconds
from .printing import LEVEL_STYLES, block, console, one_line, status_text
from .progress import with_progress
from .runs import Run
from .story import AmbiguousIdError, Attempt, Story, StoryLine, StoryRun, story_of


def run_show(task_id: str, paths: Sequence[Path], *, as_json: bool) -> None:
    logs = Logs(paths)
    try:
        story = story_of(task_id, with_progress(logs.lines_with_paths(), logs.paths, lambda one: one[0].time))
    except AmbiguousIdError as error:
        ids = "\n  ".join(map(one_line, error.task_ids))
        _fail(f"several tasks have an id that starts with {task_id!r}:\n  {ids}")
    if story is None:
        _fail(f"no line of a task {task_id!r}" + (" in the files that could be read" if logs.failed else ""))
    if as_json:
        from .lines_json import story_fields

        print(json.dumps(story_fields(story), indent=2, default=str))
    else:
        _print_story(console(), story)
    if logs.failed:
        raise typer.Exit(1)


def _print_story(out: Console, story: Story) -> None:
    out.print(Text.assemble((one_line(story.func_name), "bold"), f"  {one_line(story.task_id)}"), soft_wrap=True)
    paths_used = {one.path for run in story.runs for attempt in run.attempts for one in attempt.lines}
    names = _short_names(paths_used)
    for number, story_run in enumerate(story.runs, 1):
        _print_run(out, story_run, f"Run {number} of {len(story.runs)}: " * (len(story.runs) > 1), names)


def _fail(text: str) -> NoReturn:
    print(f"taskflow-loguru: {text}", file=sys.stderr)
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
    first = story_run.attempts[0].lines[0].time
    if run is None:
        out.print(Text.assemble((heading, "bold"), "no status line: FileLogger(log_lifecycle=True) writes them"))
    else:
        out.print(Text.assemble((heading, "bold"), status_text(run.status), f"  {_times(run)}"), soft_wrap=True)
    for attempt in story_run.attempts:
        if len(story_run.attempts) > 1:
            out.print(Text(f"attempt {attempt.number}, {_span(attempt)}", "bold"))
        for one in attempt.lines:
            _print_line(out, one, (run and run.started) or first, names)
    if run is not None and run.error is not None:
        out.print(Text.assemble(("error: ", "bold red"), block(run.error)), soft_wrap=True)
    if run is not None and run.stacktrace is not None:
        out.print(Text(block(run.stacktrace.rstrip("\n"))), soft_wrap=True)


def _times(run: Run) -> str:
    end = f" to {clock(run.ended)}" if run.ended else f", no end; last line {clock(run.last_seen)}"
    duration = "" if run.duration is None else f", {seconds(run.duration)}"
    retries = f", {run.retries} {'retry' if run.retries == 1 else 'retries'}" if run.retries else ""
    return f"{clock(run.started)}{end} UTC{duration}{retries}"


def _span(attempt: Attempt) -> str:
    """Return the time from the first to the last line of an attempt."""
    first, last = attempt.lines[0].time, attempt.lines[-1].time
    return "-" if first is None or last is None else seconds(max(0.0, (last - first).total_seconds()))


def _print_line(out: Console, one: StoryLine, start: datetime | None, names: dict[Path, str]) -> None:
    line = one.line
    moment = "" if line.time is None else clock(line.time)
    offset = ""
    if one.time is not None and start is not None and one.time > start:
        offset = f"+{seconds((one.time - start).total_seconds())}"
    style = LEVEL_STYLES.get(line.level or "", "")
    text = status_text(line.status) if line.status else Text(one_line(line.message), style)
    level = f"{line.level:7}  " if line.level else ""
    name = f"  ({one_line(names[one.path])})" if names else ""
    out.print(
        Text.assemble((f"  {moment:19}", "dim"), f"  {offset:>9}  {level}", text, (_data(line) + name, "dim")),
        soft_wrap=True,
    )


def _data(line: TaskLine) -> str:
    return "".join(f"  {one_line(str(name))}={one_line(str(value))}" for name, value in line.data.items())
