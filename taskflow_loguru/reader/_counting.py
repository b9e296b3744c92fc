"""Count the lines of a log, and find the events among them.

Nine of ten lines are messages of tasks. A figure needs their number, and the last one of each run that is not over.
Only the other lines become events: status lines, retry separators and gaps.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from ..formats import TaskLine
from ..formats._task_line import STATUSES, second_from
from ._events import Event, decoded_fields, time_of
from ._parse import decoded, is_of_later_version, parse_line

LONGEST_LINE = 16_384
"""The length in characters beyond which a line is not kept until its run ends, only the start of its message."""

_UNKNOWN = "?"
_PREFIX_TIME = len("2026-01-01T12:")
_AFTER_PREFIX = len("00:00 ")


class OpenRun(Protocol):
    """A run without an end.

    Attributes:
        task_id, func_name: Its task.
        lines: The number of its lines so far.
        last: Its last message.
        prefix: The start of its text lines, up to the hour; no line starts with it before it is known.
        tail: Its latest lines, if they are kept.
    """

    task_id: str
    func_name: str
    lines: int
    last: TaskLine | str | None
    prefix: str
    tail: deque[str] | None


class LineCounter:
    """Counts the lines of one log, and returns the events among them.

    Args:
        open_runs: The runs without an end, by task id: it changes while the events are handled one by one.
        wants: Whether a line of a function, at a time, counts; None: all lines do.
        count: A function that is called with the number of further lines of each function.

    Attributes:
        first, last: The times of the first and the last line that counts.
        found: Whether the log has a line of a task.
        blocks: The number of blocks.
        later: The number of lines of a later version of this package.
    """

    def __init__(
        self,
        open_runs: Mapping[str, OpenRun],
        wants: Callable[[str | None, datetime | None], bool] | None,
        count: Callable[[dict[str, int]], None],
    ) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.found = False
        self.blocks = self.later = 0
        self._open = open_runs
        self._wants = wants
        self._count = count
        self._counts: Counter[str] = Counter()
        self._now: datetime | None = None

    def events(self, blocks: Iterable[bytes]) -> Iterator[Event]:
        """Count the lines of *blocks*, and return the events in their order."""
        lines: list[str] = []
        for block in blocks:
            self.blocks += 1
            lines = decoded(block)
            if max(map(len, lines)) > LONGEST_LINE:
                for line in lines:
                    yield from self._any_event(line)
            else:
                yield from self._json_events(lines) if lines[0][:1] == "{" else self._text_events(lines)
            self._flush()
        if self._wants is None:
            for parsed in filter(None, map(parse_line, lines)):
                self._note_time(parsed.time)

    def events_of(self, lines: Iterable[TaskLine]) -> Iterator[Event]:
        """Count *lines*, and return the events in their order."""
        for line in lines:
            yield from self._event(line, line)
        self._flush()

    def _flush(self) -> None:
        self.found = self.found or self.first is not None or self._now is not None or bool(self._counts)
        self._count(self._counts)
        self._counts.clear()

    def _text_events(self, lines: list[str]) -> Iterator[Event]:
        open_run, status_of, is_simple = self._open.get, STATUSES.get, self._wants is None
        counts = self._counts
        for line in lines:
            # Nearly all lines take this way: a message of a task whose start is known.
            run = open_run(line[1:9])
            if run is None:
                if (
                    is_simple
                    and line[:1] == "["
                    and line.find("] [") == 9
                    and "\\" not in line
                    and self.first is not None
                ):
                    name, _, rest = line[12:].partition("] ")
                    time, is_start = second_from(rest[:19]), rest[19:] == " -- RUNNING"
                    if time is not None and is_start:
                        self._now = time
                        yield time, "running", line[1:9], name, None
                        run = open_run(line[1:9])
                        if run is None:
                            counts[name] += 1
                        else:
                            run.lines += 1
                            if run.tail is None:
                                run.prefix = line[:-16]
                        continue
                    if time is not None and rest[19:20] == " " and "-- " not in rest:
                        counts[name] += 1  # a message of a task without a known start
                        continue
            elif line.startswith(run.prefix):
                if "-- " not in line:
                    run.lines += 1
                    run.last = line
                    continue
                at = len(run.prefix) + _AFTER_PREFIX
                status, time = status_of(line[at:]), second_from(line[at - 20 : at - 1])
                if status is not None and time is not None:
                    run.lines += 1
                    self._now = time
                    yield time, status, run.task_id, run.func_name, None
                    continue
            yield from self._new_text(line, run)

    def _new_text(self, line: str, run: OpenRun | None) -> Iterator[Event]:
        parts = line.split(" ", 3)
        time = second_from(parts[2]) if len(parts) == 4 else None
        if time is None or not _is_plain(parts[0], parts[1]) or parts[0] == "[-]":
            yield from self._any_event(line)
            return
        task_id, func_name = parts[0][1:-1], parts[1][1:-1]
        wants = self._wants
        self._now = time
        if wants is None or wants(func_name, time):
            self._counts[func_name] += 1
            self._note_time(time)
        status = STATUSES.get(parts[3])
        if status is not None:
            yield time, status, task_id, func_name, None
            run = self._open.get(task_id)
        elif run is not None:
            run.last = line
            if run.tail is not None:
                run.tail.append(line)
        if run is not None and wants is None and run.tail is None:
            run.prefix = line[: len(parts[0]) + len(parts[1]) + 2 + _PREFIX_TIME]

    def _json_events(self, lines: list[str]) -> Iterator[Event]:
        found = decoded_fields(lines)
        if found is None:
            for line in lines:
                yield from self._any_event(line)
            return
        open_run, counts, wants = self._open.get, self._counts, self._wants
        for line, fields in zip(lines, found, strict=True):
            event = fields.event
            if event == "log" and wants is None:
                run = open_run(fields.task_id)  # type: ignore[arg-type]  # None is an unknown key like any other
                if run is None:
                    counts[fields.func_name or _UNKNOWN] += 1
                else:
                    run.lines += 1
                    run.last = line
                    if run.tail is not None:
                        run.tail.append(line)
                continue
            status, task_id, func_name = fields.status, fields.task_id, fields.func_name
            if event == "lifecycle" and status and task_id and func_name and (time := time_of(fields.time)):
                if wants is None or wants(func_name, time):
                    counts[func_name] += 1
                    if wants is not None or self.first is None:
                        self._note_time(time)
                self._now = time
                yield time, status, task_id, func_name, fields
            else:
                yield from self._any_event(line)

    def _any_event(self, text: str) -> Iterator[Event]:
        """Parse a line of any format; count it, and return it if it is an event."""
        line = parse_line(text)
        if line is None:
            self.later += is_of_later_version(text)
            return
        if len(text) > LONGEST_LINE:
            line.message, line.data = line.message[:LONGEST_LINE], {}
            text = ""
        yield from self._event(line, text or line)

    def _event(self, line: TaskLine, kept: TaskLine | str) -> Iterator[Event]:
        self.found = True
        self._now = time = line.time or self._now
        func_name, task_id = line.func_name or _UNKNOWN, line.task_id or ""
        if line.event == "loss":
            yield time, "loss", "", _UNKNOWN, line
            return
        if self._wants is None or self._wants(func_name, time):
            self._counts[func_name] += 1
            self._note_time(time)
        if line.event == "lifecycle" and line.status and task_id:
            yield line.time, line.status, task_id, func_name, line
        elif line.event == "retry":
            yield time, "retry", task_id, func_name, line
        elif line.event == "log" and (run := self._open.get(task_id)):
            run.last = kept
            if run.tail is not None and isinstance(kept, str):
                run.tail.append(kept)

    def _note_time(self, time: datetime | None) -> None:
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = time if self.last is None else max(self.last, time)


def _is_plain(head: str, name: str) -> bool:
    """Return whether the first two words of a text line are an id and a function without escapes."""
    return (
        head[:1] == "["
        and head[-1:] == "]"
        and name[:1] == "["
        and name[-1:] == "]"
        and len(head) <= 50
        and "\\" not in head
        and "\\" not in name
    )
