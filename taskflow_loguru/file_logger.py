"""The file logger of an app: one loguru logger of its own, one file."""

from __future__ import annotations

import asyncio
import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from ._arguments import checked_flag, checked_size
from ._host import has_open
from ._loguru import IndependentLogger
from ._rendering import LossLine, OneLineSink, check_format, render
from ._reopening import check_signal, reopen_on
from ._stderr import report
from .formats import json_line, task_line
from .observer import Level, LoguruObserver, MinLevel
from .sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
from .sinks._file import DEFAULT_BACKLOG_BYTES
from .sinks.background import DEFAULT_MAX_PENDING_BYTES

if TYPE_CHECKING:
    from loguru import FilterFunction, FormatFunction

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
        filter: A function of the loguru record that returns whether to write its line; None: write every line. It sees
            separators and lifecycle lines too. If it raises, the line is written, and ``sys.stderr`` reports that once.
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
        min_level: MinLevel = "info",
        format: str | FormatFunction = task_line,
        filter: FilterFunction | None = None,
        enqueue: bool = False,
        reopen_signal: int | None = None,
        backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
        max_pending_bytes: int = DEFAULT_MAX_PENDING_BYTES,
    ) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level, filter=filter)
        checked_size("max_bytes", max_bytes)
        checked_size("backup_count", backup_count)
        checked_size("max_pending_bytes", max_pending_bytes)
        if mode not in ("rotate", "watched"):
            raise ValueError(f"mode must be 'rotate' or 'watched', not {mode!r}")
        checked_flag("enqueue", enqueue)
        check_format(format)
        if reopen_signal is not None:
            check_signal(reopen_signal)
            if mode != "watched":
                raise ValueError(f"reopen_signal needs mode='watched', not mode={mode!r}")
        loss_line = LossLine(format)
        self._file: RotatingFileSink | WatchedFileSink
        if mode == "watched":
            self._file = WatchedFileSink(path, backlog_bytes=backlog_bytes, loss_line=loss_line)
            if reopen_signal is not None:
                reopen_on(reopen_signal, self._file)
        else:
            self._file = RotatingFileSink(
                path,
                max_bytes=max_bytes,
                backup_count=backup_count,
                backlog_bytes=backlog_bytes,
                loss_line=loss_line,
            )
        self._background = (
            BackgroundSink(self._file, max_pending_bytes=max_pending_bytes, loss_line=loss_line) if enqueue else None
        )
        self.sink = self._background or self._file
        self._format_failed = self._is_shared = False
        own_format = format in _OWN_FORMATS
        self._format, self._reopen_signal = format, reopen_signal
        self._own = IndependentLogger(brief=own_format and filter is None)
        self._own.logger.add(
            self.sink if own_format else OneLineSink(self.sink),
            format=format,
            filter=self.handler_filter,
            level=0,
            catch=False,
        )

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def _arguments(self) -> dict[str, Any]:
        file = self._file
        rotation = (
            {"max_bytes": file.max_bytes, "backup_count": file.backup_count}
            if isinstance(file, RotatingFileSink)
            else {"mode": "watched", "reopen_signal": self._reopen_signal}
        )
        more = {"format": self._format, "enqueue": self._background is not None}
        return {"path": file.path, **rotation, **super()._arguments(), **more}

    async def startup(self) -> None:
        """Report once on ``sys.stderr`` if the host's own FileLogger writes the same file, each line a second time."""
        if not self._is_shared and has_open(self.path):
            self._is_shared = True
            report(
                f"{self.path!r}: fastapi_taskflow's own FileLogger writes this file too, as with log_file= of "
                "fastapi_taskflow.TaskManager; leave out one of the two, or import TaskManager from taskflow_loguru"
            )

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
            # A thread of its own: those of the event loop may all be busy, or ended, when an app shuts down.
            executor = ThreadPoolExecutor(1, "taskflow-loguru-close")
            try:
                await asyncio.get_running_loop().run_in_executor(executor, self._background.stop)
            finally:
                executor.shutdown(wait=False)

    def _write_plainly(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        self.sink.write(render(task_line, level, message, extra))
        if not self._format_failed:
            self._format_failed = True
            report(f"the format raises, and lines are written as task_line instead:\n{traceback.format_exc()}")
