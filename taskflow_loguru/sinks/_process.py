"""Forks and the end of the process, for all sinks."""

from __future__ import annotations

import os
import time
from itertools import count
from multiprocessing import util
from typing import Protocol
from weakref import WeakValueDictionary

EXIT_TIMEOUT = 5.0
"""How long the end of the interpreter waits, for all sinks together, for disks that do not answer, in seconds."""


class ProcessAware(Protocol):
    """A sink that has to know of forks and of the end of the process."""

    def after_fork(self) -> None:
        """Drop everything that belongs to the parent: called in the child, before any other code of it."""

    def at_exit(self, deadline: float) -> None:
        """Write the lines that wait, until ``time.monotonic()`` is *deadline*: called once, as the interpreter ends."""


_sinks: WeakValueDictionary[int, ProcessAware] = WeakValueDictionary()
_numbers = count()
_held: set[ProcessAware] = set()


def register(sink: ProcessAware) -> None:
    """Notify *sink* of forks and of the end of the process, for as long as it lives."""
    _sinks[next(_numbers)] = sink


def hold(sink: ProcessAware) -> None:
    """Keep *sink* alive though its owner may drop it: it has lines that are not written yet."""
    _held.add(sink)


def release(sink: ProcessAware) -> None:
    """Undo :func:`hold`."""
    _held.discard(sink)


def _after_fork_in_child() -> None:
    _register_exit()
    for sink in list(_sinks.values()):
        sink.after_fork()
    # Not before: a sink that is dropped closes its file, which is the parent's until now.
    _held.clear()


def _register_exit() -> None:
    # Not atexit: a child of multiprocessing leaves by os._exit(), which skips atexit but runs these finalizers.
    util.Finalize(None, _at_exit, exitpriority=-100)


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    # Newest first: a background sink is made after the sink that it writes to.
    for sink in reversed(list(_sinks.values())):
        sink.at_exit(deadline)


_register_exit()
os.register_at_fork(after_in_child=_after_fork_in_child)
# A child of multiprocessing clears its finalizers after the fork. Neither Finalize nor this function is documented;
# concurrent.futures and many libraries rely on them.
util.register_after_fork(_sinks, lambda _: _register_exit())
