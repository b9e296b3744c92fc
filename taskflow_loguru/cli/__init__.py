"""The command ``taskflow-loguru``. This package has no public names.

It must start fast: modules import typer, rich and the reader only when they are needed, and never loguru or the host.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

_NEEDED = ("ddsketch", "rich", "typer")


def main() -> NoReturn:
    """Run the command, and exit like a Unix program: without a message on Ctrl-C (130) and on a closed pipe."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # unless started by nohup or a script's "&"
        signal.signal(signal.SIGINT, _exit_on_interrupt)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that is not UTF-8
    try:
        from .app import app

        app()
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        _fail(f"{error.name} is not installed; the command needs: pip install 'taskflow-loguru[cli]'")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    sys.exit(0)


def _fail(text: str) -> NoReturn:
    from .printing import print_error

    print_error(text)
    sys.exit(1)


def _exit_on_interrupt(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(130)
