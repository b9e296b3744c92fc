"""Output of all commands: escaped text, a console, and the colour of a status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from taskflow_loguru._escapes import escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPED_WIDTH = 160
"""The width in columns of a table that goes to a file or a pipe."""

STATUS_STYLES = {
    "success": "green",
    "failed": "bold red",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "rejected": "yellow",
    "running": "cyan",
    "pending": "cyan",
}
LEVEL_STYLES = {
    "trace": "dim",
    "debug": "dim",
    "success": "green",
    "warning": "yellow",
    "error": "red",
    "critical": "bold red",
}


def console() -> Console:
    """Return a console on stdout without markup or highlighting, and without colour in a pipe."""
    from rich.console import Console

    is_plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=PIPED_WIDTH if is_plain else None)


def one_line(text: str) -> str:
    """Return *text* from a log in one line, with control characters escaped: they could control the terminal."""
    return escape(text)


def block(text: str) -> str:
    """Return a text of several lines, such as a traceback, with all other control characters escaped."""
    return "\n".join(escape(line) for line in text.split("\n"))


def status_text(status: str) -> Text:
    from rich.text import Text

    return Text(escape(status.upper()), STATUS_STYLES.get(status, ""))
