"""The events of a log that figures are made of: status lines, retry separators and gaps, merged by time."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import Literal, Protocol

from ..formats._task_line import SHORT_ID

_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)

try:
    import msgspec
except ImportError:
    _decode_lines: Callable[[str], list[Fields]] | None = None
else:

    class Fields(msgspec.Struct, gc=False):
        """The fields of a JSON line that a figure needs."""

        v: Literal[1]
        time: str
        event: Literal["log", "lifecycle", "retry", "loss"] | None = None
        task_id: str | None = None
        func_name: str | None = None
        status: str | None = None
        duration: float | None = None
        retries_used: int | None = None
        error: str | None = None
        error_type: str | None = None
        stacktrace: str | None = None

    _decode_lines = msgspec.json.Decoder(Fields).decode_lines


class Ending(Protocol):
    """The facts of a status line about the end of a run."""

    @property
    def duration(self) -> float | None: ...
    @property
    def retries_used(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def error_type(self) -> str | None: ...
    @property
    def stacktrace(self) -> str | None: ...


Event = tuple["datetime | None", str, str, str, "Ending | None"]
"""A status line, a retry separator, or a gap.

It has the time of the line, or of the line before; the status, "retry" or "loss"; the task's id and function;
and the parsed line, if that has more. It is a plain tuple: a class would take a tenth of the time.
"""


def decoded_fields(lines: list[str]) -> list[Fields] | None:
    """Return the fields of JSON lines; None if one of them is no ``json_line``."""
    if _decode_lines is None:
        return None
    try:
        found = _decode_lines("\n".join(lines))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return found if len(found) == len(lines) else None


def time_of(text: str) -> datetime | None:
    if len(text) != 27 or text[-1] != "Z":
        return None
    try:
        return datetime.fromisoformat(text if sys.version_info >= (3, 11) else f"{text[:-1]}+00:00")
    except ValueError:
        return None


def merged(streams: Iterable[Iterable[Event]]) -> Iterator[Event]:
    """Merge the events of several logs by time.

    The time of a text line, in whole seconds or milliseconds, counts as the end of its span: of a text and a JSON log
    of the same tasks, the JSON lines come first, and those of the text are repetitions.
    """
    ordered = [_with_times(events, number) for number, events in enumerate(streams)]
    return (event for *_, event in heapq.merge(*ordered, key=lambda item: item[:2]))


def _with_times(events: Iterable[Event], number: int) -> Iterator[tuple[datetime, int, Event]]:
    latest = _EARLIEST
    for event in events:
        time, _, task_id, *_ = event
        # An event without a time, and one that another process wrote a little late, stay behind the previous one.
        if time is not None:
            latest = max(latest, time if len(task_id) > SHORT_ID else span_end(time))
        yield latest, number, event


def span_end(time: datetime) -> datetime:
    """Return the last moment that the *time* of a text line, in whole seconds or milliseconds, may stand for."""
    micros = time.microsecond
    return time.replace(microsecond=999_999 if micros == 0 else micros - micros % 1000 + 999)
