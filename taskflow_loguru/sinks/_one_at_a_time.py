"""One call at a time, re-entrant for signal handlers."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from .._stderr import report
from ._linux import now

Job = Callable[[], object]


class OneAtATime:
    """Run calls one at a time, and print their messages afterwards.

    Threads wait for each other. A signal handler cannot wait, since it runs inside the thread that it has interrupted:
    its call is queued behind the interrupted one, which runs it at its end, even if it raises.

    Attributes:
        lock: Re-entrant, so that a signal handler sees that its own thread is inside. Its ``__enter__`` returns whether
            it was acquired.
        is_busy: Whether a call is running.
        queued: Calls to run after the one that is running.
        messages: Texts for stderr. They are printed without the lock: a program may have redirected stderr into its
            logger, and so into the sink that prints.
    """

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.is_busy = False
        self.queued: list[Job] = []
        self.messages: deque[str] = deque()

    def give_up_at(self, deadline: float) -> None:
        """Wait for other threads only until ``now()`` is *deadline*: at exit, one may hold the lock forever."""
        self.lock = LockAtExit(self.lock, deadline)

    def run(self, job: Job) -> None:
        """Run *job*; in a signal handler, queue it behind the call that the signal has interrupted."""
        with self.lock as is_acquired:
            if self.is_busy or not is_acquired:
                self.queued.append(job)
                return
            self.is_busy = True
            try:
                job()
            finally:
                self.is_busy = False
                if self.queued:
                    self.run_queued()

    def run_within(self, timeout: float, job: Job) -> bool:
        """Run *job* if the lock is acquired within *timeout* seconds: a write to a dead disk may never return."""
        is_acquired: bool = False
        try:
            # As in OpenFile.open(): a signal handler that raises must not leave the lock held forever.
            [is_acquired] = map(self.lock.acquire, (True,), (max(0.0, timeout),))
            if is_acquired:
                self.run(job)
        finally:
            if is_acquired:
                self.lock.release()
        return is_acquired

    def run_queued(self) -> None:
        """Run the calls that are queued."""
        while self.queued:
            self.is_busy = True
            try:
                # A signal handler may have found nothing running since the check above, and run them itself.
                if self.queued:
                    self.queued[0]()
                    del self.queued[0]
            except OSError as error:  # of a rotate() that has already returned
                if error.errno is None:
                    raise
                del self.queued[0]
            finally:
                self.is_busy = False

    def print_messages(self) -> None:
        """Print each message once, whichever thread calls."""
        while self.messages:
            with contextlib.suppress(IndexError):  # printed by another thread
                report(self.messages.popleft())


class LockAtExit:
    """A lock that waits only until ``now()`` is *deadline*; ``__enter__`` returns whether it was acquired."""

    def __init__(self, lock: Any, deadline: float) -> None:
        self._deadline = deadline
        self.acquire, self.release = lock.acquire, lock.release

    def __enter__(self) -> bool:
        return bool(self.acquire(timeout=max(0.0, self._deadline - now())))

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # it was not acquired
            self.release()
