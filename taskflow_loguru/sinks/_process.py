"""Hooks for forks and the end of the process."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import count
from multiprocessing import util
from typing import Protocol
from weakref import WeakValueDictionary

from ._helper import forget_helpers
from ._linux import now
from ._open_file import abandon_all

EXIT_TIMEOUT = 5.0
"""How long the interpreter waits at its end for slow disks, for all sinks together, in seconds."""


class ProcessAware(Protocol):
    """A sink with work to do at a fork and at the end of the process."""

    def after_fork(self) -> None:
        """Drop everything that belongs to the parent; called in the child, before its other code."""

    def at_exit(self, deadline: float) -> None:
        """Write the lines that wait, until ``now()`` is *deadline*; called once, as the interpreter ends."""


class _Sinks:
    """All sinks of this process."""

    def __init__(self) -> None:
        self._sinks: WeakValueDictionary[int, ProcessAware] = WeakValueDictionary()
        self._numbers = count()
        self.register_exit()
        os.register_at_fork(after_in_child=self.after_fork_in_child)
        # A child of multiprocessing clears its finalizers after the fork. Neither Finalize nor this function is
        # documented; concurrent.futures and many libraries rely on them.
        util.register_after_fork(self, _Sinks.register_exit)

    def register(self, sink: ProcessAware) -> None:
        """See the function of that name."""
        self._sinks[next(self._numbers)] = sink

    def register_exit(self) -> None:
        """Have the sinks notified of the end of this process."""
        # Not atexit: a child of multiprocessing runs these finalizers, then leaves by os._exit(), which skips atexit.
        util.Finalize(None, self.at_exit, exitpriority=-100)

    def after_fork_in_child(self) -> None:
        """Notify all sinks of the fork, and close the files of the parent."""
        self.register_exit()
        for sink in list(self._sinks.values()):
            sink.after_fork()
        abandon_all()
        # Last: a sink that only a helper's job keeps alive would unlock the file of the parent if it ended earlier.
        forget_helpers()

    def at_exit(self) -> None:
        """Notify all sinks of the end."""
        deadline = now() + EXIT_TIMEOUT
        # Newest first: a background sink is made after the sink that it writes to. Each, even if a signal handler
        # raises in another. test_process.py::test_an_exception_at_the_end_costs_no_line_of_another_sink
        with ExitStack() as endings:
            for sink in list(self._sinks.values()):
                endings.callback(sink.at_exit, deadline)


_sinks = _Sinks()


def register(sink: ProcessAware) -> None:
    """Notify *sink* of forks and of the end of the process, for as long as it lives."""
    _sinks.register(sink)
