"""A log file with its backups, from its oldest line to its newest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

from .._arguments import checked_path
from ..formats import TaskLine
from ._files import decode, lines, open_newer
from ._parse import parse


def read(path: str | os.PathLike[str]) -> Iterator[TaskLine]:
    """Read a log file with its backups (``path.1``, ``path.2.gz``, ...), oldest line first.

    A rotation meanwhile neither hides nor repeats a line. What is no task's line, or has no end yet, is passed
    over. It takes the memory of a line, not of a file.

    Raises:
        TypeError, ValueError: ``path`` is no path of a file.
        OSError: A file is there and cannot be read, or is a torn gzip file. That none is there gives no lines.
    """
    return _read(checked_path(path))


def _read(name: str) -> Iterator[TaskLine]:
    with ExitStack() as opened:
        files = [opened.enter_context(file) for file in open_newer(name, ())]
        for file in reversed(files):
            for line in lines(file):
                if line.endswith(b"\n") and (parsed := parse(decode(line))) is not None:
                    yield parsed
