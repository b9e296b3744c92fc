"""Follow several log files as they grow, merged by time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from taskflow_loguru.formats import TaskLine
from taskflow_loguru.reader import follow

MAX_WAIT = 0.25
"""How long a line waits for an older line of another file, in seconds: more than two polls of the reader."""

_QUEUED = 1_000


class _Arrival(NamedTuple):
    time: datetime
    at: float
    line: TaskLine | OSError


class _Stream:
    """One file, read by its own thread."""

    def __init__(self, path: Path, since: datetime | None, arrived: threading.Event) -> None:
        self.path = path
        self.head: _Arrival | None = None
        self._queue: queue.Queue[_Arrival] = queue.Queue(_QUEUED)
        self._lines = follow(path, since=since)
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
        except OSError as error:
            error.filename = error.filename or str(self.path)
            self._put(latest, error)

    def _put(self, moment: datetime, line: TaskLine | OSError) -> None:
        self._queue.put(_Arrival(moment, time.monotonic(), line))
        self._arrived.set()


def merged_live(paths: Sequence[Path], since: datetime | None) -> Iterator[tuple[TaskLine, Path]]:
    """Follow all files; yield the oldest of the available lines first.

    While another file has no line, a line waits at most :data:`MAX_WAIT` seconds.

    Raises:
        OSError: A file cannot be read.
    """
    arrived = threading.Event()
    streams = [_Stream(path, since, arrived) for path in paths]
    while True:
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
            yield head.line, stream.path
        else:
            arrived.wait(MAX_WAIT - longest if heads else None)
