"""Messages that wait until the locks are released."""

from __future__ import annotations

from collections import deque

from .._stderr import report


class Notices:
    """The messages of a sink for stderr.

    They are printed only after the locks are released: a program may have redirected stderr into its logger, and so
    into the sink that prints.
    """

    def __init__(self) -> None:
        self.pending: deque[str] = deque()

    def add(self, text: str) -> None:
        """Keep *text* until :meth:`print` is called."""
        self.pending.append(text)

    def print(self) -> None:
        """Print each message that was added once, whichever thread calls."""
        while True:
            try:
                text = self.pending.popleft()
            except IndexError:
                return
            report(text)
