"""The sinks of a FileLogger: created for a path, or passed in."""

from __future__ import annotations

import os
from typing import Literal, cast

from ._arguments import checked_choice, checked_size
from .sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
from .sinks._file import FileSink
from .sinks._kept import LossLine, plain_loss_line

Mode = Literal["rotate", "watched"]


class _Default(int):
    """A default value that differs in type from an equal value of the caller."""


class _DefaultMode(str):
    """The default of ``mode``, as for :class:`_Default`."""


DEFAULT_MAX_BYTES = _Default(10 * 1024 * 1024)
DEFAULT_BACKUP_COUNT = _Default(5)
DEFAULT_MODE = cast("Mode", _DefaultMode("rotate"))


def file_and_background(
    path: str | os.PathLike[str] | FileSink | BackgroundSink,
    *,
    max_bytes: int,
    backup_count: int,
    mode: Mode,
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
    if not isinstance(path, FileSink | BackgroundSink):
        file = _make_file(path, max_bytes, backup_count, mode, loss_line)
    else:
        for name, value in (("max_bytes", max_bytes), ("backup_count", backup_count), ("mode", mode)):
            if not isinstance(value, _Default | _DefaultMode):
                raise ValueError(f"{name} must be set on the sink itself, not beside it; path is {path!r}")
        if isinstance(path, BackgroundSink):
            if enqueue:
                raise ValueError(f"enqueue must be False with a sink that already has a thread: {path!r}")
            background = path
            if not isinstance(background.sink, FileSink):
                raise TypeError(f"path must be a file's path or a sink that writes to a file, not {path!r}")
            file = background.sink
        else:
            file = path
    if enqueue:
        background = BackgroundSink(file, loss_line=loss_line)
    for sink in (file, background):
        if sink is not None and sink.loss_line is plain_loss_line:
            sink.loss_line = loss_line
    return file, background


def check_watched(path: object, mode: Mode) -> None:
    """Raise a ValueError unless the file is in watched mode, which ``reopen_signal`` needs."""
    sink = path.sink if isinstance(path, BackgroundSink) else path
    if isinstance(sink, FileSink):
        if not isinstance(sink, WatchedFileSink):
            raise ValueError(f"reopen_signal needs a WatchedFileSink, not {sink!r}")
    elif mode != "watched":
        raise ValueError(f"reopen_signal needs mode='watched', not mode={mode!r}")


def _make_file(
    path: str | os.PathLike[str],
    max_bytes: int,
    backup_count: int,
    mode: Mode,
    loss_line: LossLine,
) -> FileSink:
    checked_size("max_bytes", max_bytes)
    checked_size("backup_count", backup_count)
    if checked_choice("mode", mode, ("rotate", "watched")) == "watched":
        return WatchedFileSink(path, loss_line=loss_line)
    return RotatingFileSink(path, max_bytes=int(max_bytes), backup_count=int(backup_count), loss_line=loss_line)
