"""Several log files as they grow, merged by time."""

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

PATIENCE = 0.25
"""Seconds that a line waits for an older one of another file: over two polls of the reader."""

_QUEUED = 1_000


class _Arrival(NamedTuple):
    time: datetime
    at: float
    line: TaskLine | OSError


class _Stream:
    """One file, read by a thread of its own."""

    def __init__(self, path: Path, since: datetime | None, news: threading.Event) -> None:
        self.path = path
        self.head: _Arrival | None = None
        self._queue: queue.Queue[_Arrival] = queue.Queue(_QUEUED)
        self._lines = follow(path, since=since)
        self._news = news
        # A daemon: it has nothing to put in order when the command ends.
        threading.Thread(target=self._read, daemon=True).start()

    def look(self) -> None:
        """Take the next line as the head, if there is one."""
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
        self._news.set()


def merged_live(paths: Sequence[Path], since: datetime | None) -> Iterator[tuple[TaskLine, Path]]:
    """Follow all files; of the lines that are there, yield the oldest first.

    A line waits :data:`PATIENCE` seconds at most while another file has none.

    Raises:
        OSError: A file cannot be read.
    """
    news = threading.Event()
    streams = [_Stream(path, since, news) for path in paths]
    while True:
        news.clear()
        for stream in streams:
            stream.look()
        heads = [(stream.head, stream) for stream in streams if stream.head is not None]
        longest = max((time.monotonic() - head.at for head, _ in heads), default=0.0)
        if heads and (len(heads) == len(streams) or longest >= PATIENCE):
            head, stream = min(heads, key=lambda one: one[0].time)
            stream.head = None
            if isinstance(head.line, OSError):
                raise head.line
            yield head.line, stream.path
        else:
            news.wait(PATIENCE - longest if heads else None)
