"""Find lines in blocks of bytes: most of a log does not have to be parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import compress
from typing import NamedTuple

from ..formats import TaskLine
from ._parse import decoded, is_of_later_version, parse_line


class Found(NamedTuple):
    """A line of a task.

    Attributes:
        time: Its time; for a line without one, that of the line before.
        line: The parsed line.
        raw: Its bytes in the file, without the newline.
    """

    time: datetime | None
    line: TaskLine
    raw: bytes


class Finder:
    """Finds lines of tasks in the blocks of a log.

    Args:
        needles: Bytes of which each wanted line has some. None: they are not known.
        test: A condition for a text line. It is asked before the line is parsed; JSON lines are always parsed.

    Attributes:
        later: The number of lines, among those that were parsed, of a later version of this package.
    """

    def __init__(self, needles: Sequence[bytes] | None = None, test: Callable[[str], object] | None = None) -> None:
        self.later = 0
        self._needles = needles
        self._test = test
        self._time: datetime | None = None
        self._behind: bytes = b""
        """The bytes behind the line with that time, searched for a later time if a line without one is found."""

    def find(self, block: bytes) -> Iterator[Found]:
        needles, test = self._needles, self._test
        if needles is not None and not any(needle in block for needle in needles):
            self._behind = block
            return
        lines = decoded(block)
        numbers: Sequence[int] = range(len(lines))
        raws: list[bytes] | None = None
        if needles is not None:
            raws = block.split(b"\n")
            numbers = [number for number in numbers if any(needle in raws[number] for needle in needles)]
        if test is not None and (needles is not None or max(lines) >= "{"):  # a JSON line may be among them
            numbers = [number for number in numbers if lines[number][:1] == "{" or test(lines[number])]
        elif test is not None:
            numbers = list(compress(numbers, map(test, lines)))
        done = 0
        for number in numbers:
            line = parse_line(lines[number])
            if line is None:
                self.later += is_of_later_version(lines[number])
                continue
            self._time = time = line.time or self._time_before(lines[done:number])
            self._behind = b""
            done = number + 1
            raws = raws or block.split(b"\n")
            yield Found(time, line, raws[number])
        if done < len(lines):
            raws = raws or (block.split(b"\n") if done else [])
            self._behind = b"\n".join(raws[done:]) if done else block

    def _time_before(self, lines: Sequence[str]) -> datetime | None:
        """Return the time of the last line that has one: of *lines*, of those behind the last known time, or that."""
        return _last_time(lines) or _last_time(decoded(self._behind)) or self._time


def _last_time(lines: Sequence[str]) -> datetime | None:
    for text in reversed(lines):
        line = parse_line(text)
        if line is not None and line.time is not None:
            return line.time
    return None
