"""Formats as functions from a record to its line: check them, and call them outside of the file's handler."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from ._arguments import as_call, check_function
from ._escapes import escape
from ._loguru import LEVELS, IndependentLogger, emit, record_of
from ._signals import is_from_signal_handler
from ._stderr import report
from .formats._formats import Renderer, renderer_of
from .formats._task_line import task_text
from .sinks._kept import loss_message

if TYPE_CHECKING:
    from loguru import FormatFunction, Message, Record

_LINE = "rendered line"


class LoguruText:
    """Render records in a format of the user's: what a loguru handler with that format writes, as one line.

    It raises whatever the format raises.
    """

    def __init__(self, format: str | FormatFunction) -> None:
        self._own = IndependentLogger()
        self._own.add(_keep_line, format=format)

    def __call__(self, record: Record) -> str:
        kept: Any = {**record}  # another thread, or a signal handler, may render at the same time
        emit(self._own.logger, kept)
        return one_line(kept[_LINE])


def _keep_line(message: Message) -> None:
    cast("dict[str, Any]", message.record)[_LINE] = str(message)


def one_line(text: str) -> str:
    """Escape all characters in *text* that could start a second line. TAB stays: it separates columns."""
    return "\t".join(map(escape, text.removesuffix("\n").split("\t")))


def text_of(format: str | FormatFunction) -> Renderer:
    """Return the function from a record to its line, without a newline, in *format*."""
    return renderer_of(format) or LoguruText(format)


class SafeText:
    """Render records in a format; one that raises is reported once, and gives way to ``task_line``."""

    def __init__(self, text: Renderer) -> None:
        self._text = text
        self._has_failed = False

    def __call__(self, record: Record) -> str:
        try:
            return self._text(record)
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            if not self._has_failed:
                self._has_failed = True
                report(f"the format raised an exception; such lines are written as task_line: {traceback.format_exc()}")
            return task_text(record)


class LossLine:
    """Render a loss in the format of the file."""

    def __init__(self, format: str | FormatFunction) -> None:
        self._format = format

    def __repr__(self) -> str:
        return as_call(self, {"format": self._format})

    def __call__(self, count: int, reason: str) -> str:
        record = _record("error", loss_message(count, reason), "-", "taskflow_loguru", "loss")
        try:
            line = text_of(self._format)(record)
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            line = task_text(record)
        return line + "\n"


def check_format(format: str | FormatFunction) -> None:
    """Raise a TypeError or a ValueError if *format* is unusable, or renders no message.

    A function that raises for the examples is accepted: it may need data that only real events have.
    """
    if not isinstance(format, str):
        if not callable(format):
            raise TypeError(f"format must be a loguru format string or a function, not {format!r}")
        if (renderer := renderer_of(format)) is not None:  # it raises if an option of our format is invalid
            # OpenTelemetry loads its context at the first use: now, before a signal can interrupt it in a task.
            renderer(_record("info", "one", "0" * 32, "function", "log"))
            return
        check_function("format", format, "the record")
    try:
        text = LoguruText(format if isinstance(format, str) else _returning_text(format))
        example = _record("info", "one", "0" * 32, "function", "log")
        lines = {text(example), text({**example, "message": "two"})}
    except _NoTextError as error:
        raise TypeError(f"format must return a str, not {error.args[0]!r}, as {format!r} does") from None
    except Exception as error:
        if isinstance(format, str):
            raise ValueError(f"format must be a loguru format string, not {format!r}: {error!r}") from error
        return
    if len(lines) == 1:
        raise ValueError(
            f"format must show the message, as '{{message}}' does in a string; "
            f"{format!r} renders every message as {lines.pop() + chr(10)!r}"
        )


class _NoTextError(Exception):
    """The format returned a value that is not text."""


def _returning_text(format: FormatFunction) -> Callable[[Record], str]:
    def checked(record: Record) -> str:
        template = format(record)
        if not isinstance(template, str):
            raise _NoTextError(template)
        return template

    return checked


def _record(level: str, message: str, task_id: str, func_name: str, event: str) -> Record:
    extra = {"task_id": task_id, "func_name": func_name, "attempt": 0, "event": event, "tags": {}, "data": {}}
    return record_of(LEVELS[level], message, {**extra, "timestamp": datetime.now(timezone.utc)})
