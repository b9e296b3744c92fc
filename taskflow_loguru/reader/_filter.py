"""The conditions for a line to be printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ..formats import TaskLine
from ..formats._detailed_line import text_of
from ..formats._words import LEVELS, STATUSES
from ._ids import TaskIds, matches, needles_of
from ._logs import LogLine, Wanted

_MAX_NAMES = 1_000

Pair = tuple[str, str]
"""A key and a value. A line must have one of the values of each key."""


@dataclass
class Filter(Wanted):
    """The conditions for a line: all that are given, and of several values of one option, any.

    Attributes:
        tasks: Ids, or their beginnings.
        funcs: Functions; ``*`` and ``?`` stand for any characters.
        level: The lowest level. A line of task_line has no level: a status line has that of its status, others are left
            out.
        statuses: Statuses, in lower case: only their status lines.
        attempts: Attempts, from 0.
        tags, data: Tags of the task, and keyword arguments of ``task_log()``.
        patterns: Regular expressions, of which one is in the line as it is printed.
        is_inverted: Whether none of them may be.
        failed: The tasks that failed, if only their lines are wanted.
        on_missing: A function that is called with the name of a condition, such as "tag", for a line that is left out
            because ``task_line`` does not have the value.
        names: Functions that were left out.
        has_func: Whether a wanted function was found.
    """

    tasks: Sequence[str] = ()
    funcs: Sequence[str] = ()
    level: str | None = None
    statuses: Sequence[str] = ()
    attempts: Sequence[int] = ()
    tags: Sequence[Pair] = ()
    data: Sequence[Pair] = ()
    patterns: Sequence[re.Pattern[str]] = ()
    is_inverted: bool = False
    failed: TaskIds | None = None
    on_missing: Callable[[str], object] = str
    names: set[str] = field(default_factory=set)
    has_func: bool = False

    def __post_init__(self) -> None:
        if self.tasks:
            self.needles = needles_of(self.tasks)
        elif self.statuses:
            self.needles = [f"-- {status.upper()}".encode() for status in self.statuses]
        if len(self.patterns) == 1 and not self.is_inverted:
            self.test = self.patterns[0].search
        elif self.patterns:
            self.test = self._has_pattern

    def __call__(self, line: LogLine) -> bool:
        one = line.line
        if self.tasks and not any(matches(task, one.task_id) for task in self.tasks):
            return False
        if self.failed is not None and (one.task_id or "") not in self.failed:
            return False
        if self.funcs and not self._has_func(one.func_name or ""):
            return False
        if self.statuses and one.status not in self.statuses:
            return False
        for option, value, test in self._tests(one):
            if value is None or value == {}:
                if one.level is None and line.raw[:1] != b"{":
                    self.on_missing(option)
                return False
            if not test(value):
                return False
        # A text line was tested before it was parsed.
        return not self.patterns or line.raw[:1] != b"{" or self._has_pattern(text_of(one))

    def _tests(self, line: TaskLine) -> Iterator[tuple[str, Any, Callable[[Any], bool]]]:
        """Yield each option about a value that not every format has, with the value and its condition."""
        if self.level is not None:
            yield "level", _level(line), lambda level: LEVELS.get(level, 0) >= LEVELS[self.level or "trace"]
        if self.attempts:
            yield "attempt", line.attempt, self.attempts.__contains__
        if self.tags:
            yield "tag", line.tags, lambda tags: _has_pairs(tags, self.tags)
        if self.data:
            yield "data", line.data, lambda data: _has_pairs(data, self.data)

    def _has_func(self, name: str) -> bool:
        if any(fnmatchcase(name, pattern) for pattern in self.funcs):
            self.has_func = True
            return True
        if len(self.names) < _MAX_NAMES:
            self.names.add(name)
        return False

    def _has_pattern(self, text: str) -> bool:
        return any(pattern.search(text) for pattern in self.patterns) is not self.is_inverted


def _level(line: TaskLine) -> str | None:
    if line.level is None and line.event == "loss":
        return "error"
    if line.level is None and line.status is not None:
        return STATUSES[line.status].level if line.status in STATUSES else "info"
    return line.level


def _has_pairs(found: Mapping[str, Any], wanted: Sequence[Pair]) -> bool:
    return all(
        key in found and any(_is_value(found[key], value) for one, value in wanted if one == key) for key, _ in wanted
    )


def _is_value(found: Any, value: str) -> bool:
    return value == str(found) or (not isinstance(found, str) and value == json.dumps(found, default=str))
