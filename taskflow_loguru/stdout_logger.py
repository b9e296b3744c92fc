"""The lines of a FileLogger on standard output, coloured on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from ._loguru import IndependentLogger, bare_record, emit
from ._rendering import SafeText, check_format, text_of
from .formats import task_line
from .formats._formats import renderer_of
from .observer import LoguruObserver, MinLevel

if TYPE_CHECKING:
    from loguru import FilterFunction, FormatFunction, Record


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


class StdoutLogger(LoguruObserver):
    """Print the log of each task: the lines of a :class:`~taskflow_loguru.FileLogger`, separators included.

    - It prints to the current ``sys.stdout``, and flushes each line. A character that the stream's encoding lacks is
      escaped. If processes share a pipe, lines of at most 4,096 bytes do not mix: a format's ``max_bytes`` sees to it.
    - One event is one line, in any format, and it never raises into a task, as a FileLogger: if a format or a filter
      raises, the line is still printed.
    - On a terminal, loguru colours each line by its level, unless NO_COLOR (https://no-color.org) is set. JSON is never
      coloured, and the colour tags of a format string are left out.

    Args:
        log_lifecycle: Whether to also print a line for each status of a task.
        min_level: "debug", "info", "warning" or "error", in upper or lower case: the lowest level that is printed.
        format: A format of :mod:`taskflow_loguru.formats`, or a format string or function as ``loguru.logger.add``
            takes it: ``StdoutLogger(format=json_line)`` prints JSON for a container.
        filter: A function of the loguru record that returns whether to print its line; None: print every line.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    def __init__(
        self,
        *,
        log_lifecycle: bool = True,
        min_level: MinLevel = "info",
        format: str | FormatFunction = task_line,
        filter: FilterFunction | None = None,
    ) -> None:
        super().__init__(log_lifecycle=log_lifecycle, min_level=min_level, filter=filter)
        check_format(format)
        self._format = format
        self._text = renderer_of(format) or SafeText(text_of(format))
        self._printing = IndependentLogger()
        self._stream: TextIO | None = None

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "format": self._format}

    def emit(self, record: Record) -> None:
        """Print the event's line."""
        if sys.stdout is not self._stream:
            self._print_to(sys.stdout)
        emit(self._printing.logger, bare_record(record["level"], self._text(record), {}))

    def _print_to(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._printing.logger.remove()
        if stream is not None:
            # loguru's own choice ignores NO_COLOR, and colours output without a terminal in some CI systems.
            colorize = not os.environ.get("NO_COLOR") and _is_terminal(stream)
            self._printing.add(_EscapingStream(stream), format=_coloured, colorize=colorize, catch=True)


class _EscapingStream:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError as error:
            if text.startswith("{"):
                self._stream.write(_BEYOND_ASCII.sub(_json_escape, text))
            else:
                self._stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))

    def flush(self) -> None:
        if hasattr(self._stream, "flush"):
            self._stream.flush()


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except Exception:  # a replacement for sys.stdout often has no method but write()
        return False


def _coloured(record: Record) -> str:
    """Return the template of a line: it is the record's message, and JSON if it begins with a brace."""
    return "{message}\n" if record["message"].startswith("{") else "<level>{message}</level>\n"
