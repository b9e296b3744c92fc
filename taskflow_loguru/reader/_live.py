"""Follow several log files as they grow, merged by time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ._logs import LogLine

MAX_WAIT = 0.25
"""How long a line waits for an older line of another file, in seconds: more than two polls of the reader."""

_QUEUED = 1_000


class _Arrival(NamedTuple):
    time: datetime
    at: float
    line: LogLine | OSError | None


class _Stream:
    """One file, read by its own thread. Its last arrival is an error, or None at the end of a pipe."""

    def __init__(self, path: Path, lines: Iterator[LogLine], arrived: threading.Event) -> None:
        self.head: _Arrival | None = None
        self._path = path
        self._lines = lines
        self._queue: queue.Queue[_Arrival] = queue.Queue(_QUEUED)
        self._arrived = arrived
        # A daemon: it needs no cleanup when the command ends.
        threading.Thread(target=self._read, daemon=True).start()

    def poll(self) -> None:
        """Take the next line as the head, if one is queued."""
        if self.head is None and not self._queue.empty():
            self.head = self._queue.get()

    def _read(self) -> None:
        latest = datetime.min.replace(tzinfo=timezone.utc)
        try:
            for line in self._lines:
                latest = line.time or latest  # a separator without a time stays behind the line before
                self._put(latest, line)
            self._put(latest, None)
        except OSError as error:
            error.filename = error.filename or str(self._path)
            self._put(latest, error)

    def _put(self, moment: datetime, line: LogLine | OSError | None) -> None:
        self._queue.put(_Arrival(moment, time.monotonic(), line))
        self._arrived.set()


def merged_live(lines: Mapping[Path, Iterator[LogLine]]) -> Iterator[LogLine]:
    """Yield the lines of all files; the oldest of the available lines first.

    While another file has no line, a line waits at most :data:`MAX_WAIT` seconds.

    Raises:
        OSError: A file cannot be read.
    """
    if len(lines) == 1:
        yield from next(iter(lines.values()))
        return
    arrived = threading.Event()
    streams = [_Stream(path, one, arrived) for path, one in lines.items()]
    while streams:
        arrived.clear()
        for stream in streams:
            stream.poll()
        heads = [(stream.head, stream) for stream in streams if stream.head is not None]
        longest = max((time.monotonic() - head.at for head, _ in heads), default=0.0)
        if heads and (len(heads) == len(streams) or longest >= MAX_WAIT):
            head, stream = min(heads, key=lambda one: one[0].time)
            stream.head = None
            if isinstance(head.line, OSError):
                raise head.line
            if head.line is None:
                streams.remove(stream)
            else:
                yield head.line
        else:
            arrived.wait(MAX_WAIT - longest if heads else None)
