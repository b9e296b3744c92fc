"""Formats outside of a handler: check them, render with them, and keep each result to one line."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from ._arguments import as_call, check_function
from ._escapes import escape
from ._loguru import IndependentLogger
from ._signals import is_from_signal_handler
from .formats import renderer_of, task_line
from .observer import ERROR, INFO, Level, extra_of
from .sinks._backlog import loss_message

if TYPE_CHECKING:
    from loguru import FormatFunction, Message, Record


def check_format(format: str | FormatFunction) -> None:
    """Raise a TypeError or a ValueError if *format* is unusable, or renders no message.

    A function that raises for the examples is accepted: it may need data that only real events have.
    """
    example = extra_of("0" * 32, "function", "log", datetime.now(timezone.utc))
    if not isinstance(format, str):
        if not callable(format):
            raise TypeError(f"format must be a loguru format string or a function, not {format!r}")
        renderer = renderer_of(format)  # it raises if an option of our format is invalid
        if renderer is not None:
            # OpenTelemetry loads its context at the first use: now, before a signal can interrupt it in a task.
            IndependentLogger(minimal=True, render=renderer).emit(INFO.name, "one", example)
            return
        check_function("format", format, "the record")
    try:
        lines = {render(_returning_text(format), INFO, message, example) for message in ("one", "two")}
    except _NoTextError as error:
        raise TypeError(f"format must return a str, not {error.args[0]!r}, as {format!r} does") from None
    except Exception as error:
        if isinstance(format, str):
            raise ValueError(f"format must be a loguru format string, not {format!r}: {error!r}") from error
        return
    if len(lines) == 1:
        raise ValueError(
            f"format must show the message, as '{{message}}' does in a string; "
            f"{format!r} renders every message as {lines.pop()!r}"
        )


class _NoTextError(Exception):
    """The format returned a value that is not text."""


def _returning_text(format: str | FormatFunction) -> str | FormatFunction:
    if isinstance(format, str):
        return format

    def checked(record: Record) -> str:
        template = format(record)
        if not isinstance(template, str):
            raise _NoTextError(template)
        return template

    return checked


def render(format: str | FormatFunction, level: Level, message: str, extra: dict[str, Any]) -> str:
    """Return the line that a handler with that format would write, as one line."""
    logger = IndependentLogger()
    logger.add(keep_line, format=format, catch=False)
    return str(logger.emit(level.name, message, extra)[LINE])


LINE = "rendered line"
"""The key under which :func:`keep_line` stores a line in its record."""


def keep_line(message: Message) -> None:
    """Store the text of a record in the record, as one line: the sink of a handler that only renders."""
    cast("dict[str, Any]", message.record)[LINE] = one_line(message)


def one_line(text: str) -> str:
    """Escape all characters in *text* that could start a second line. TAB stays: it separates columns."""
    return "\t".join(map(escape, text.removesuffix("\n").split("\t"))) + "\n"


class LossLine:
    """Render a loss in the format of the file."""

    def __init__(self, format: str | FormatFunction) -> None:
        self._format = format

    def __repr__(self) -> str:
        return as_call(self, {"format": self._format})

    def __call__(self, count: int, reason: str) -> str:
        extra = extra_of("-", "taskflow_loguru", "loss", datetime.now(timezone.utc))
        message = loss_message(count, reason)
        try:
            return render(self._format, ERROR, message, extra)
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            return render(task_line, ERROR, message, extra)
