"""What a sink must hear of its process: that it was forked, and that it ends."""

from __future__ import annotations

import os
import time
from itertools import count
from multiprocessing import util
from typing import Protocol
from weakref import WeakValueDictionary

EXIT_TIMEOUT = 5.0
"""Seconds that the end of the interpreter waits, for all sinks together, for disks that do not answer."""


class ProcessAware(Protocol):
    def after_fork(self) -> None:
        """Forget what belongs to the parent: called in the child, before any other code of it."""

    def at_exit(self, deadline: float) -> None:
        """Write what waits, until ``time.monotonic()`` is ``deadline``: called once, when the interpreter ends."""


_sinks: WeakValueDictionary[int, ProcessAware] = WeakValueDictionary()
_order = count()
_holding: set[ProcessAware] = set()


def register(sink: ProcessAware) -> None:
    """Tell ``sink`` of forks and of the end of the process, for as long as it lives."""
    _sinks[next(_order)] = sink


def hold(sink: ProcessAware) -> None:
    """Keep ``sink`` alive, though its owner may forget it: it has lines that are not written yet."""
    _holding.add(sink)


def let_go(sink: ProcessAware) -> None:
    _holding.discard(sink)


def _after_fork_in_child() -> None:
    _run_at_exit()
    for sink in list(_sinks.values()):
        sink.after_fork()
    # Not before: a sink that is let go closes its file, which is the parent's until now.
    _holding.clear()


def _run_at_exit() -> None:
    # Not atexit: a child of multiprocessing leaves by os._exit(), which skips atexit but not this.
    util.Finalize(None, _at_exit, exitpriority=-100)


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    # Newest first: a sink that stands in front of another one was made after it.
    for sink in reversed(list(_sinks.values())):
        sink.at_exit(deadline)


_run_at_exit()
os.register_at_fork(after_in_child=_after_fork_in_child)
# A child of multiprocessing empties its list of finalizers after the fork, ours with it.
util.register_after_fork(_sinks, lambda _: _run_at_exit())
