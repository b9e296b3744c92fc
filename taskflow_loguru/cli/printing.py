"""Output of all commands: escaped text, a console, messages, and the colour of a status."""

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
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def console() -> Console:
    """Return a console on stdout without markup or highlighting, and without colour in a pipe."""
    from rich.console import Console

    is_plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=PIPED_WIDTH if is_plain else None)


def has_colours() -> bool:
    """Return whether stdout is a terminal with colours, and the user wants them."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, style: str) -> str:
    """Return *text* with the codes of a terminal for a style such as ``bold red``."""
    return f"\x1b[{';'.join(_CODES[word] for word in style.split())}m{text}\x1b[0m" if style and text else text


def print_error(text: str) -> None:
    """Print a message to stderr, with control characters escaped: a file's name may have some."""
    print("\n".join(map(escape, f"taskflow-loguru: {text}".split("\n"))), file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Return *text* from a log in one line, with control characters escaped: they could control the terminal."""
    return escape(text)


def block(text: str) -> str:
    """Return a text of several lines, such as a traceback, with all other control characters escaped."""
    return "\n".join(escape(line) for line in text.split("\n"))


def cut(text: str, width: int) -> str:
    """Return *text* in at most *width* columns; ``...`` stands for its end."""
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


def status_text(status: str) -> Text:
    from rich.text import Text

    return Text(escape(status.upper()), STATUS_STYLES.get(status, ""))
