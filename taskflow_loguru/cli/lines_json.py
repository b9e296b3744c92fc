"""A line, and one task's story, as JSON for programs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from taskflow_loguru.formats import TaskLine

from .moments import rfc3339
from .report_json import run_fields
from .story import Chapter, Story, Told

_NAMES = tuple(field.name for field in fields(TaskLine))


def line_fields(line: TaskLine) -> dict[str, Any]:
    """All that *line* has, under the names of TaskLine; the time is RFC 3339 in UTC."""
    values = {name: value for name in _NAMES if (value := getattr(line, name)) not in (None, {})}
    values["time"] = rfc3339(line.time)
    return values


def story_fields(story: Story) -> dict[str, Any]:
    """The runs of a task, each with its attempts, and these with their lines; what is unknown is null."""
    return {"task_id": story.task_id, "func_name": story.func_name, "runs": list(map(_chapter, story.chapters))}


def _chapter(chapter: Chapter) -> dict[str, Any]:
    attempts = [{"attempt": one.number, "lines": list(map(_told, one.lines))} for one in chapter.attempts]
    return {**(run_fields(chapter.run) if chapter.run else {"status": None}), "attempts": attempts}


def _told(told: Told) -> dict[str, Any]:
    return {**line_fields(told.line), "path": str(told.path)}
