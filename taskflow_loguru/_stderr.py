"""Messages on stderr, for the operator of the program."""

from __future__ import annotations

import contextlib
import sys


def report(text: str) -> None:
    """Print *text* to ``sys.stderr``; never raise."""
    with contextlib.suppress(Exception):  # a closed stream has no reader
        if sys.stderr is not None:  # print() would print to stdout instead
            print(f"taskflow_loguru: {text}", file=sys.stderr, flush=True)
