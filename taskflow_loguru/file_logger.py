"""The file logger of an app: one independent loguru logger, one file."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, overload

from ._arguments import checked_flag
from ._log_file import DEFAULT, DEFAULTS, Default, Mode, check_watched, file_and_background, refuse_unknown
from ._loguru import bare_record, line_writer, record_of
from ._rendering import LossLine, SafeText, check_format, text_of
from ._reopening import check_signal, reopen_on
from ._shared_file import Writer
from .formats import task_line
from .formats._formats import is_ours, message_text_of, renderer_of
from .observer import LoguruObserver, MinLevel
from .sinks import BackgroundSink, RotatingFileSink, Stats, WatchedFileSink

if TYPE_CHECKING:
    from datetime import datetime

    from fastapi_taskflow import LogEvent
    from loguru import FilterFunction, FormatFunction, Record
    from loguru import RecordLevel as Level

    from ._task_log import Origin


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
        max_bytes: int = 10 * 1024 * 1024,
        backup_count: int = 5,
        mode: Mode = "rotate",
        log_lifecycle: bool = False,
        min_level: MinLevel = "info",
        format: str | FormatFunction = task_line,
        filter: FilterFunction | None = None,
        enqueue: bool = False,
        reopen_signal: int | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        path: RotatingFileSink | WatchedFileSink | BackgroundSink,
        *,
        log_lifecycle: bool = False,
        min_level: MinLevel = "info",
        format: str | FormatFunction = task_line,
        filter: FilterFunction | None = None,
        enqueue: bool = False,
        reopen_signal: int | None = None,
    ) -> None: ...

    def __init__(
        self,
        path: str | os.PathLike[str] | RotatingFileSink | WatchedFileSink | BackgroundSink,
        *,
        max_bytes: int | Default = DEFAULT,
        backup_count: int | Default = DEFAULT,
        mode: Mode | Default = DEFAULT,
        log_lifecycle: bool = False,
        min_level: MinLevel = "info",
        format: str | FormatFunction = task_line,
        filter: FilterFunction | None = None,
        enqueue: bool = False,
        reopen_signal: int | None = None,
        **unknown: object,
    ) -> None:
        refuse_unknown(unknown)
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
        renderer = renderer_of(format)
        self._text = renderer or SafeText(text_of(format))
        self._makes_bare_records = filter is None and is_ours(renderer)
        self._message_text = message_text_of(format) if filter is None else None
        self._write = line_writer(self.sink)
        self._writer = Writer(self._file, format)
        self._writer.start()

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def _arguments(self) -> dict[str, Any]:
        shown = {name: value for name, value in self._shown.items() if value != DEFAULTS.get(name)}
        return {**shown, **super()._arguments()}

    async def startup(self) -> None:
        """Restart the background thread, if ``close()`` has stopped it.

        If the host's own FileLogger writes the same file, each line is there twice: one message on ``sys.stderr``
        reports it.
        """
        if self._background is not None:
            self._background.start()
        self._writer.start()
        self._writer.check_host()

    def show_message(self, event: LogEvent, level: Level, message: str, time: datetime, origin: Origin | None) -> None:
        """Write the line of a log event; in the format of most files, without a record, which would take longer."""
        if self._message_text is None or event.attempt or self._retries.are_known:
            super().show_message(event, level, message, time, origin)
        else:
            self._write(level, self._message_text(event, message, time))

    def record_of(self, level: Level, message: str, extra: dict[str, Any]) -> Record | None:
        """Return the whole record for a filter or a format of the user's; for other formats, only what they use."""
        return (bare_record if self._makes_bare_records else record_of)(level, message, extra)

    def emit(self, record: Record) -> None:
        """Write the event's line."""
        self._write(record["level"], self._text(record))

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
        self._writer.stop()
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
