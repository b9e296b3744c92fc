"""Messages for the people who run the program."""

from __future__ import annotations

import contextlib
import sys


def report(text: str) -> None:
    """Print *text* to ``sys.stderr``; never raise."""
    with contextlib.suppress(Exception):  # a closed stream: nobody reads it
        if sys.stderr is not None:  # print() would take None for stdout
            print(f"taskflow_loguru: {text}", file=sys.stderr, flush=True)
