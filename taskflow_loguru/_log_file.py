"""The sinks of a FileLogger: created for a path, or passed in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from ._arguments import checked_choice, checked_size
from .sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
from .sinks._file import FileSink
from .sinks._kept import LossLine, plain_loss_line

Mode = Literal["rotate", "watched"]


class Default:
    """The type of :data:`DEFAULT`."""

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT = Default()
"""Stands for the value in :data:`DEFAULTS`: beside a sink, none of these arguments may be given."""

DEFAULTS = {"max_bytes": 10 * 1024 * 1024, "backup_count": 5, "mode": "rotate"}


def file_and_background(
    path: str | os.PathLike[str] | FileSink | BackgroundSink,
    *,
    max_bytes: int | Default,
    backup_count: int | Default,
    mode: Mode | Default,
    enqueue: bool,
    loss_line: LossLine,
) -> tuple[FileSink, BackgroundSink | None]:
    """Return the file sink for the arguments of a FileLogger, and the background sink before it, if there is one.

    A sink that was passed in renders losses with *loss_line*, unless it has a loss line of its own.

    Raises:
        TypeError, ValueError: An argument is invalid, or is given together with a sink, where it has no effect.
        OSError: The file cannot be opened.
    """
    background: BackgroundSink | None = None
    if isinstance(path, FileSink | BackgroundSink):
        for name, value in (("max_bytes", max_bytes), ("backup_count", backup_count), ("mode", mode)):
            if value is not DEFAULT:
                raise ValueError(f"{name} must be set on the sink itself, not beside it; path is {path!r}")
        if isinstance(path, FileSink):
            file = path
        elif enqueue:
            raise ValueError(f"enqueue must be False with a sink that already has a thread: {path!r}")
        elif isinstance(path.sink, FileSink):
            file, background = path.sink, path
        else:
            raise TypeError(f"path must be a file's path or a sink that writes to a file, not {path!r}")
    else:
        size = checked_size("max_bytes", 10 * 1024 * 1024 if isinstance(max_bytes, Default) else max_bytes)
        count = checked_size("backup_count", 5 if isinstance(backup_count, Default) else backup_count)
        if mode is DEFAULT or checked_choice("mode", mode, ("rotate", "watched")) == "rotate":
            file = RotatingFileSink(path, max_bytes=size, backup_count=count, loss_line=loss_line)
        else:
            file = WatchedFileSink(path, loss_line=loss_line)
    if enqueue:
        background = BackgroundSink(file, loss_line=loss_line)
    for sink in (file, background):
        if sink is not None and sink.loss_line is plain_loss_line:
            sink.loss_line = loss_line
    return file, background


def check_watched(path: object, mode: Mode | Default) -> None:
    """Raise a ValueError unless the file is in watched mode, which ``reopen_signal`` needs."""
    sink = path.sink if isinstance(path, BackgroundSink) else path
    if isinstance(sink, FileSink):
        if not isinstance(sink, WatchedFileSink):
            raise ValueError(f"reopen_signal needs a WatchedFileSink, not {sink!r}")
    elif mode != "watched":
        raise ValueError(f"reopen_signal needs mode='watched', not mode={'rotate' if mode is DEFAULT else mode!r}")


_INSTEAD = {
    "use path, the first argument": ("sink", "filename"),
    "use max_bytes; to rotate by time too, pass RotatingFileSink(..., when='day') as path": ("rotation", "maxBytes"),
    "pass RotatingFileSink(..., when='day') as path": ("when", "interval", "atTime", "utc"),
    "use backup_count": ("retention", "backupCount"),
    "pass RotatingFileSink(..., compression='gzip') as path": ("compression",),
    "pass a sink with it as path": ("backlog_bytes", "max_pending_bytes", "loss_line"),
    "use min_level": ("level",),
    "use format": ("formatter", "fmt", "datefmt"),
    "use format=json_line": ("serialize",),
    "use mode='watched'": ("watch",),
    "use StdoutLogger for colours": ("colorize",),
    "leave it out: the file is in UTF-8, unbuffered, and opened at once": (
        "encoding",
        "errors",
        "newline",
        "buffering",
        "delay",
        "opener",
    ),
    "leave it out: it never raises into a task": ("catch",),
    "leave it out: a failed task has its traceback, with log_lifecycle=True and a JSON format": (
        "backtrace",
        "diagnose",
    ),
    "leave it out: with enqueue=True it has a thread of its own": ("context", "loop"),
}
"""Hints for the options of loguru's ``add``, of the standard library's handlers, and of our sinks."""


def refuse_unknown(options: Mapping[str, object]) -> None:
    """Raise a TypeError for the first of *options*, which names our parameter if the option is another logger's."""
    for name in options:
        hints = [hint for hint, names in _INSTEAD.items() if name in names]
        raise TypeError(": ".join([f"FileLogger() got an unexpected keyword argument {name!r}", *hints]))
