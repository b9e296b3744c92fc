"""The lines of a FileLogger on standard output, coloured on a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from ._loguru import IndependentLogger, emit
from .formats import task_line
from .observer import LoguruObserver, MinLevel

if TYPE_CHECKING:
    from loguru import FilterFunction, Record


class StdoutLogger(LoguruObserver):
    """Print the log of each task: the lines of a :class:`~taskflow_loguru.FileLogger`, separators included.

    It prints to the current ``sys.stdout``. On a terminal, loguru colours the lines by level, unless NO_COLOR
    (https://no-color.org) is set. A character that the terminal's encoding lacks is escaped.

    Args:
        log_lifecycle: Whether to also print a line for each status of a task.
        min_level: "debug", "info", "warning" or "error", in upper or lower case: the lowest level that is printed.
        filter: A function of the loguru record that returns whether to print its line; None: print every line.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    def __init__(
        self, *, log_lifecycle: bool = True, min_level: MinLevel = "info", filter: FilterFunction | None = None
    ) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level, filter=filter)
        self._own = IndependentLogger()
        self._stream: TextIO | None = None

    def emit(self, record: Record) -> None:
        """Print the event's line."""
        if sys.stdout is not self._stream:
            self._print_to(sys.stdout)
        emit(self._own.logger, record)

    def _print_to(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._own.logger.remove()
        if stream is not None:
            # loguru's own choice ignores NO_COLOR, and colours output without a terminal in some CI systems.
            colorize = not os.environ.get("NO_COLOR") and _is_terminal(stream)
            self._own.add(_EscapingStream(stream), format=_coloured_task_line, colorize=colorize, catch=True)


class _EscapingStream:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError as error:
            self._stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))

    def flush(self) -> None:
        if hasattr(self._stream, "flush"):
            self._stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except Exception:  # a replacement for sys.stdout often has no method but write()
        return False


def _coloured_task_line(record: Record) -> str:
    task_line(record)
    return "<level>{rendered}</level>\n"
