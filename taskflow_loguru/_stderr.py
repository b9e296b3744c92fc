"""Messages on stderr, for the operator of the program."""

from __future__ import annotations

import contextlib
import sys

from ._escapes import escape


def report(text: str) -> None:
    """Print *text* to ``sys.stderr`` as one line, without control characters; never raise."""
    line = f"taskflow_loguru: {escape(text.rstrip())}"
    with contextlib.suppress(Exception):  # a closed stream has no reader
        if sys.stderr is not None:  # print() would print to stdout instead
            try:
                print(line, file=sys.stderr, flush=True)
            except UnicodeEncodeError:  # a program may have set a stream that does not escape, as stderr itself does
                print(line.encode("ascii", "backslashreplace").decode(), file=sys.stderr, flush=True)
