"""A line, and the story of a task, as JSON for programs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.reader._logs import LogLine

from .moments import rfc3339
from .report_json import run_fields
from .story import Story, StoryRun

_NAMES = tuple(field.name for field in fields(TaskLine))


def line_fields(line: TaskLine) -> dict[str, Any]:
    """Return all fields of *line*, under the names of TaskLine; the time is in RFC 3339 and UTC."""
    values = {name: value for name in _NAMES if (value := getattr(line, name)) not in (None, {})}
    values["time"] = rfc3339(line.time)
    return values


def story_fields(story: Story) -> dict[str, Any]:
    """Return the runs of a task, with their attempts and lines; null for an unknown value."""
    return {"task_id": story.task_id, "func_name": story.func_name, "runs": list(map(_run, story.runs))}


def _run(story_run: StoryRun) -> dict[str, Any]:
    attempts = [{"attempt": one.number, "lines": list(map(_line, one.lines))} for one in story_run.attempts]
    return {**(run_fields(story_run.run) if story_run.run else {"status": None}), "attempts": attempts}


def _line(one: LogLine) -> dict[str, Any]:
    return {**line_fields(one.line), "path": str(one.path)}
