"""The file logger of an app: one independent loguru logger, one file."""

from __future__ import annotations

import asyncio
import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, overload

from ._arguments import checked_flag
from ._host import has_open
from ._log_file import DEFAULT_BACKUP_COUNT, DEFAULT_MAX_BYTES, DEFAULT_MODE, Mode, check_watched, file_and_background
from ._loguru import RENDERED, IndependentLogger
from ._rendering import LINE, LossLine, check_format, keep_line, render
from ._reopening import check_signal, reopen_on
from ._signals import is_from_signal_handler
from ._stderr import report
from .formats import renderer_of, task_line
from .observer import Level, LoguruObserver, MinLevel
from .sinks import BackgroundSink, RotatingFileSink, Stats, WatchedFileSink

if TYPE_CHECKING:
    from loguru import FilterFunction, FormatFunction


class FileLogger(LoguruObserver):
    """Write the log of each task to a plain text file: ``TaskManager(loggers=[FileLogger("tasks.log")])``.

    - A line is in the file when ``on_log`` returns (unless ``enqueue=True``). Any number of processes may write to one
      path.
    - One event is one line, for any message: see :func:`~taskflow_loguru.formats.task_line`. With your own format, too,
      control characters in a line (except TAB) are escaped.
    - It never raises into a task. While the file cannot be written, lines are kept. If a format raises, the line is
      written as ``task_line``, and one message on ``sys.stderr`` reports it.
    - Events before ``startup()`` and after ``close()`` are written too: ``close()`` closes the file, and the next event
      opens it again. After ``close()`` a line is in the file when ``on_log`` returns, also with ``enqueue=True``.
    - It has its own loguru logger: the app's ``logger.remove()``, ``configure()`` and ``disable()`` do not reach it,
      and none of its lines reaches a sink of the app. To write to its file from the app's logger, add :attr:`sink` to
      the app's logger.

    Args:
        path: The file, taken literally; it and its missing folders are created at once. Or a sink of
            :mod:`taskflow_loguru.sinks`, for further options:
            ``FileLogger(RotatingFileSink("tasks.log", max_bytes=..., backup_count=..., compression="gzip"))``.
        max_bytes: The size in bytes that the file must not exceed; 10 MiB by default. 0: never rotate. It has no effect
            with ``mode="watched"``.
        backup_count: How many backups (``tasks.log.1`` is the newest) are kept; 5 by default. 0: never rotate. It has
            no effect with ``mode="watched"``.
        mode: "rotate" (the default): :class:`~taskflow_loguru.sinks.RotatingFileSink`. "watched": another program, such
            as logrotate, moves the file: :class:`~taskflow_loguru.sinks.WatchedFileSink`.
        log_lifecycle: Whether to also write a line for each status of a task.
        min_level: "debug", "info", "warning" or "error", in upper or lower case: the lowest level that is written.
        format: A format of :mod:`taskflow_loguru.formats`, or a format string or function as ``loguru.logger.add``
            takes it. ``{time}`` is the event's, in UTC.
        filter: A function of the loguru record that returns whether to write its line; None: write every line. It sees
            separators and lifecycle lines too. If it raises, the line is written, and one message on ``sys.stderr``
            reports it.
        enqueue: Whether a background thread writes, so that a slow disk never stalls the event loop
            (:class:`~taskflow_loguru.sinks.BackgroundSink`). A killed process then loses the waiting lines.
        reopen_signal: A signal that closes the file, so that the next line opens it again; for a ``postrotate`` that
            sends SIGHUP. A previous handler of the signal is called too. Only for a watched file, and only in the main
            thread.

    Attributes:
        sink: The loguru sink that writes the lines.

    Raises:
        TypeError, ValueError: An argument is invalid; the message has its name, its value and the allowed values.
        OSError: The file cannot be opened.
    """

    @overload
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = ...,
        backup_count: int = ...,
        mode: Mode = ...,
        log_lifecycle: bool = ...,
        min_level: MinLevel = ...,
        format: str | FormatFunction = ...,
        filter: FilterFunction | None = ...,
        enqueue: bool = ...,
        reopen_signal: int | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        path: RotatingFileSink | WatchedFileSink | BackgroundSink,
        *,
        log_lifecycle: bool = ...,
        min_level: MinLevel = ...,
        format: str | FormatFunction = ...,
        filter: FilterFunction | None = ...,
        enqueue: bool = ...,
        reopen_signal: int | None = ...,
    ) -> None: ...

    def __init__(
        self,
        path: str | os.PathLike[str] | RotatingFileSink | WatchedFileSink | BackgroundSink,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        backup_count: int = DEFAULT_BACKUP_COUNT,
        mode: Mode = DEFAULT_MODE,
        log_lifecycle: bool = False,
        min_level: MinLevel = "info",
        format: str | FormatFunction = task_line,
        filter: FilterFunction | None = None,
        enqueue: bool = False,
        reopen_signal: int | None = None,
    ) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level, filter=filter)
        checked_flag("enqueue", enqueue)
        check_format(format)
        if reopen_signal is not None:
            check_signal(reopen_signal)
            check_watched(path, mode)
        self._file, self._background = file_and_background(
            path,
            max_bytes=max_bytes,
            backup_count=backup_count,
            mode=mode,
            enqueue=enqueue,
            loss_line=LossLine(format),
        )
        if reopen_signal is not None:
            reopen_on(reopen_signal, self._file)
        self.sink = self._background or self._file
        self._shown = {
            "path": path if path in (self._file, self._background) else self._file.path,
            "max_bytes": max_bytes,
            "backup_count": backup_count,
            "mode": mode,
            "format": format,
            "enqueue": enqueue,
            "reopen_signal": reopen_signal,
        }
        self._format_failed = self._is_shared = False
        self._add_handler(format)

    def _add_handler(self, format: str | FormatFunction) -> None:
        renderer = renderer_of(format)
        self._is_own_format = renderer is not None
        if renderer is not None and self.handler_filter is None:
            self._own = IndependentLogger(minimal=True, render=renderer)
            self._own.add(self.sink, format=RENDERED, catch=False)
            return
        self._own = IndependentLogger()
        sink = self.sink if self._is_own_format else keep_line
        self._own.add(sink, format=format, filter=self.handler_filter, catch=False)

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def _arguments(self) -> dict[str, Any]:
        return {**self._shown, **super()._arguments()}

    async def startup(self) -> None:
        """Restart the background thread, if ``close()`` has stopped it.

        If the host's own FileLogger writes the same file, each line is there twice: one message on ``sys.stderr``
        reports it.
        """
        if self._background is not None:
            self._background.start()
        if not self._is_shared and has_open(self.path):
            self._is_shared = True
            report(
                f"{self.path!r}: fastapi_taskflow's own FileLogger writes this file too, as with log_file= of "
                "fastapi_taskflow.TaskManager; leave out one of the two, or import TaskManager from taskflow_loguru"
            )

    def emit(self, level: Level, message: str, extra: dict[str, Any]) -> None:
        """Write the event's line."""
        if self._is_own_format:
            # The format is one of ours and never raises: an exception is from a signal handler, and passes through.
            self._own.emit(level.name, message, extra)
            return
        try:
            line = self._own.emit(level.name, message, extra).get(LINE)
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            line = self._line_without_format(level, message, extra)
        if line is not None:  # otherwise the filter has rejected it
            self.sink.write(line)

    def _line_without_format(self, level: Level, message: str, extra: dict[str, Any]) -> str:
        if not self._format_failed:
            self._format_failed = True
            report(f"the format raised an exception; such lines are written as task_line:\n{traceback.format_exc()}")
        return render(task_line, level, message, extra)

    def stats(self) -> Stats:
        """Return the counters of the sink in this process: see :class:`~taskflow_loguru.sinks.Stats`."""
        return self.sink.stats()

    def reopen(self) -> None:
        """Close the file; the next line opens the path again. Can be called in a signal handler."""
        self._file.reopen()

    def rotate(self) -> None:
        """Rotate the file now, unless it is empty.

        Raises:
            ValueError: The file never rotates: it is watched, or ``backup_count`` is 0.
            OSError: The rotation failed.
        """
        if not isinstance(self._file, RotatingFileSink):
            raise ValueError(f"mode must be 'rotate' to rotate the file, not 'watched': {self.path!r}")
        self._file.rotate()

    async def close(self) -> None:
        """Write the waiting lines, if that is possible now, and close the file. The next event opens it again.

        With ``enqueue=True`` it waits for the thread for at most
        :data:`~taskflow_loguru.sinks.background.STOP_TIMEOUT` seconds, without blocking the event loop.
        """
        if self._background is None:
            self._file.stop()
            return
        # A new thread: those of the event loop may all be busy, or have ended, when an app shuts down.
        executor = ThreadPoolExecutor(1, "taskflow-loguru-close")
        try:
            stopped = asyncio.get_running_loop().run_in_executor(executor, self._background.stop)
        except RuntimeError:  # no thread can be started
            self._background.stop()
        else:
            await stopped
        finally:
            executor.shutdown(wait=False)
