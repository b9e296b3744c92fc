"""Hooks for forks and the end of the process."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from itertools import count
from multiprocessing import util
from typing import Protocol
from weakref import WeakValueDictionary

EXIT_TIMEOUT = 5.0
"""How long the interpreter waits at its end for slow disks, for all sinks together, in seconds."""


class ProcessAware(Protocol):
    """A sink with work to do at a fork and at the end of the process."""

    def after_fork(self) -> None:
        """Drop everything that belongs to the parent; called in the child, before its other code."""

    def at_exit(self, deadline: float) -> None:
        """Write the lines that wait, until ``time.monotonic()`` is *deadline*; called once, as the interpreter ends."""


_sinks: WeakValueDictionary[int, ProcessAware] = WeakValueDictionary()
_numbers = count()
_held: set[ProcessAware] = set()


def register(sink: ProcessAware) -> None:
    """Notify *sink* of forks and of the end of the process, for as long as it lives."""
    _sinks[next(_numbers)] = sink


def hold(sink: ProcessAware) -> None:
    """Keep *sink* alive even if its owner drops it: it has lines that are not written yet."""
    _held.add(sink)


def release(sink: ProcessAware) -> None:
    """Undo :func:`hold`."""
    _held.discard(sink)


def _after_fork_in_child() -> None:
    _register_exit()
    for sink in list(_sinks.values()):
        sink.after_fork()
    # Cleared last: a sink that is dropped before after_fork() would unlock the file of the parent.
    _held.clear()


def _register_exit() -> None:
    # Not atexit: a child of multiprocessing runs these finalizers, then leaves by os._exit(), which skips atexit.
    util.Finalize(None, _at_exit, exitpriority=-100)


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    # Newest first: a background sink is made after the sink that it writes to. Each, even if a signal handler raises in
    # another. test_process.py::test_an_exception_at_the_end_costs_no_line_of_another_sink
    with ExitStack() as endings:
        for sink in list(_sinks.values()):
            endings.callback(sink.at_exit, deadline)


_register_exit()
os.register_at_fork(after_in_child=_after_fork_in_child)
# A child of multiprocessing clears its finalizers after the fork. Neither Finalize nor this function is documented;
# concurrent.futures and many libraries rely on them.
util.register_after_fork(_sinks, lambda _: _register_exit())
