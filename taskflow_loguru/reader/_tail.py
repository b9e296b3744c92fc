"""The last lines of a log, without reading all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ._files import LogFiles
from ._lines import LineReader
from ._opening import LogFile

_FIRST_WINDOW = 1 << 18
_GROWTH = 8


def open_tail(
    files: LogFiles, count: int, number_of: Callable[[LineReader], int], *, since: datetime | None = None
) -> tuple[list[LineReader], int]:
    """Open the newest files that have the last *count* lines.

    Args:
        files: The log.
        count: The number of wanted lines.
        number_of: Returns how many wanted lines a reader still has.
        since: Leave out backups whose last change is older.

    Returns:
        The readers, that of the newest file first, each at its position; and the number of wanted lines that the oldest
        one yields before the first of the last *count*.
    """
    found = files.open_newer(since=since)
    readers: list[LineReader] = []
    total = 0
    for file in found:
        if file.is_stream:
            return [LineReader(file)], 0
        if total < count:
            reader, number = _last_lines(file, count - total, number_of)
            readers.append(reader)
            total += number
        elif not readers:
            readers.append(LineReader(file))
            readers[0].skip_to_end()
        else:
            file.close()
    return readers, max(0, total - count)


def _last_lines(file: LogFile, count: int, number_of: Callable[[LineReader], int]) -> tuple[LineReader, int]:
    """Return a reader at a position that has *count* wanted lines behind it, and how many these are."""
    size = 0 if file.compression else file.size()
    window = _FIRST_WINDOW
    while True:
        offset = max(0, size - window)
        reader = LineReader(file)
        reader.skip_to(offset)
        number = number_of(reader)
        if number >= count or not offset:
            reader = LineReader(file)
            reader.skip_to(offset)
            return reader, number
        window *= _GROWTH
