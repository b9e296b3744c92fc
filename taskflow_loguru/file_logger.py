"""The file logger of an app: one loguru logger of its own, one file."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
import weakref
from datetime import datetime, timezone
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from ._escapes import escape
from ._independent import IndependentLogger
from .formats import json_line, task_line
from .observer import ERROR, INFO, Level, LoguruObserver, extra_of
from .sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
from .sinks._backlog import loss_message
from .sinks._check import checked_size
from .sinks._file import DEFAULT_BACKLOG_BYTES
from .sinks.background import DEFAULT_MAX_PENDING_BYTES

if TYPE_CHECKING:
    from loguru import FormatFunction

_OWN_FORMATS = (task_line, json_line)


class FileLogger(LoguruObserver):
    """Writes the log of each task to a plain text file: ``TaskManager(loggers=[FileLogger("tasks.log")])``.

    - A line is in the file when ``on_log`` returns (unless ``enqueue=True``). Any number of processes may
      write to one path.
    - One event is one line, whatever the message holds: see :func:`~taskflow_loguru.formats.task_line`. So it
      is with a format of your own: control characters in what it makes (TAB excepted) are escaped.
    - Nothing is raised into a task. While the file cannot be written its lines are kept; a format that raises
      is said on ``sys.stderr`` once, and ``task_line`` takes its place.
    - It writes before ``startup()`` and after ``close()`` too: ``close()`` closes the file, and the next event
      opens it again.
    - Its loguru logger is its own: the app's ``logger.remove()``, ``configure()`` and ``disable()`` do not
      reach it, and its lines reach none of the app's sinks. To write to its file from the app's logger, add
      :attr:`sink` to that.

    Args:
        path: The file, taken literally. It and its missing folders are made at once.
        max_bytes: The size in bytes that the file must not exceed. 0: never rotate. ``mode="rotate"`` only.
        backup_count: How many backups (``tasks.log.1`` is the newest) are kept. 0: never rotate.
            ``mode="rotate"`` only.
        mode: "rotate": :class:`~taskflow_loguru.sinks.RotatingFileSink`. "watched": something else, such as
            logrotate, moves the file: :class:`~taskflow_loguru.sinks.WatchedFileSink`.
        log_lifecycle: Whether to write a line for each status of a task too.
        min_level: "debug", "info", "warning" or "error", in any case: the least level that is written.
        format: How a line looks: a format of :mod:`taskflow_loguru.formats`, or a format string or function
            as ``loguru.logger.add`` takes it. ``{time}`` is the event's, in UTC.
        enqueue: Whether a thread of its own writes, so that a slow disk never stalls the event loop
            (:class:`~taskflow_loguru.sinks.BackgroundSink`). A killed process then loses what was waiting.
        reopen_signal: A signal that closes the file, so that the next line opens it again; for a
            ``postrotate`` that sends SIGHUP. A handler that is there already is called too.
            ``mode="watched"`` only, and only in the main thread.
        backlog_bytes: How many bytes of lines to keep while the file cannot be written.
        max_pending_bytes: With ``enqueue=True``, how many bytes of lines may wait for the thread.

    Attributes:
        sink: The loguru sink that it owns.

    Raises:
        TypeError, ValueError: An argument is not what it may be; the text says which, and what may be.
        OSError: The file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 10 * 1024 * 1024,
        backup_count: int = 5,
        mode: Literal["rotate", "watched"] = "rotate",
        log_lifecycle: bool = False,
        min_level: str = "info",
        format: str | FormatFunction = task_line,
        enqueue: bool = False,
        reopen_signal: int | None = None,
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
    ) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level)
        checked_size("max_bytes", max_bytes)
        checked_size("backup_count", backup_count)
        checked_size("max_pending_bytes", max_pending_bytes)
        if mode not in ("rotate", "watched"):
            raise ValueError(f"mode must be 'rotate' or 'watched', not {mode!r}")
        if not isinstance(enqueue, bool):
            raise TypeError(f"enqueue must be True or False, not {enqueue!r}")
        _check_format(format)
        if reopen_signal is not None:
            _check_reopen_signal(reopen_signal, mode)
        loss_line = _LossLine(format)
        file: RotatingFileSink | WatchedFileSink
        if mode == "watched":
            file = WatchedFileSink(path, backlog_bytes=backlog_bytes, loss_line=loss_line)
        else:
            file = RotatingFileSink(
                path,
                max_bytes=max_bytes,
                backup_count=backup_count,
                backlog_bytes=backlog_bytes,
                loss_line=loss_line,
            )
        if reopen_signal is not None:
            _reopen_on(reopen_signal, file)
        self._file = file
        self._background = (
            BackgroundSink(file, max_pending_bytes=max_pending_bytes, loss_line=loss_line) if enqueue else None
        )
        self.sink = self._background or file
        self._format_failed = False
        own_format = format in _OWN_FORMATS
        self._own = IndependentLogger(brief=own_format)
        self._own.logger.add(self.sink if own_format else _OneLineSink(self.sink), format=format, level=0, catch=False)

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def emit(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Write the event's line."""
        try:
            self._own.emit(level.name, message, extra)
        except Exception:
            self._write_plainly(level, message, extra)

    async def close(self) -> None:
        """Write what waits, as far as that can be done now, and close the file. The next event opens it again.

        With ``enqueue=True`` it waits for the thread, and not longer than
        :data:`~taskflow_loguru.sinks.background.STOP_TIMEOUT` seconds, which the event loop does not feel.
        """
        if self._background is None:
            self._file.stop()
        else:
            await asyncio.to_thread(self._background.stop)

    def _write_plainly(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        if not self._format_failed:
            self._format_failed = True
            print("taskflow_loguru: the format raises; lines are written as task_line", file=sys.stderr)
            traceback.print_exc()
        self.sink.write(_rendered(task_line, level, message, extra))


class _OneLineSink:
    """Holds a format that is not ours to the promise that one event is one line."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def write(self, message: str) -> None:
        cells = message.removesuffix("\n").split("\t")
        self._sink.write("\t".join(map(escape, cells)) + "\n")


class _LossLine:
    """Says a loss in the format that the file has."""

    def __init__(self, format: str | FormatFunction) -> None:
        self._format = format

    def __call__(self, count: int, reason: str) -> str:
        extra = extra_of("-", "taskflow_loguru", "loss", datetime.now(timezone.utc))
        message = loss_message(count, reason)
        try:
            return _rendered(self._format, ERROR, message, extra)
        except Exception:
            return _rendered(task_line, ERROR, message, extra)


def _rendered(format: str | FormatFunction, level: Level, message: str, extra: dict[str, Any]) -> str:
    lines: list[str] = []
    logger = IndependentLogger()
    logger.logger.add(lines.append, format=format, level=0, catch=False)
    logger.emit(level.name, message, extra)
    return escape(str(lines[0]).removesuffix("\n")) + "\n"


def _check_format(format: str | FormatFunction) -> None:
    if callable(format):
        return
    if not isinstance(format, str):
        raise TypeError(f"format must be a loguru format string or a function, not {format!r}")
    example = extra_of("0" * 32, "function", "log", datetime.now(timezone.utc))
    try:
        _rendered(format, INFO, "message", example)
    except Exception as error:
        raise ValueError(f"format must be a loguru format string, not {format!r}: {error!r}") from error


def _check_reopen_signal(number: int, mode: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"reopen_signal must be a signal such as signal.SIGHUP, not {number!r}")
    if number not in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        raise ValueError(f"reopen_signal must be a signal that can be handled, not {number!r}")
    if mode != "watched":
        raise ValueError(f"reopen_signal needs mode='watched', not mode={mode!r}")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError(f"reopen_signal must be None outside the main thread, not {number!r}")


def _reopen_on(number: int, file: RotatingFileSink | WatchedFileSink) -> None:
    reference = weakref.ref(file)
    previous = signal.getsignal(number)

    def reopen(received: int, frame: FrameType | None) -> None:
        sink = reference()
        if sink is not None:
            sink.reopen()
        if callable(previous):
            previous(received, frame)

    signal.signal(number, reopen)
