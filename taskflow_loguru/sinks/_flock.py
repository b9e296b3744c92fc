"""An exclusive ``flock`` with a bounded wait."""

from __future__ import annotations

import errno
import fcntl
import os
import time

LOCK_TIMEOUT = 0.5
"""How long to wait for a lock before continuing without it, in seconds."""

_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB
_IMMEDIATE_ATTEMPTS = 4  # most holders run on another core, and release the lock sooner than a yield returns
_YIELD_SECONDS = 0.0002  # a lock is held for microseconds; the shortest sleep takes longer
_LONGEST_PAUSE = 0.002


class Flock:
    """The lock of a file or folder, for which at most one line waits.

    If a lock could not be acquired within :data:`LOCK_TIMEOUT` (its holder may be stopped), later lines do not wait for
    it, until it has been free once. So it delays one line, not every line.
    """

    def __init__(self) -> None:
        self._is_stuck = False
        self._trouble: str | None = None

    def acquire(self, fd: int, since: float) -> bool:
        """Lock *fd*; return False if that is impossible, or takes too long.

        Args:
            fd: The descriptor.
            since: When the wait began, by ``time.monotonic()``.

        Raises:
            OSError: EBADF: the descriptor is not open.
        """
        try:
            fcntl.flock(fd, _EXCLUSIVE)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                if self._is_stuck or not _wait_for(fd, since + LOCK_TIMEOUT):
                    self._give_up(f"could not acquire it within {LOCK_TIMEOUT} s")
                    return False
            elif error.errno is None or error.errno == errno.EBADF:
                raise  # from a signal handler, or for the caller, which opens the file again
            else:
                self._give_up(str(error))
                return False
        self._is_stuck = False
        return True

    def take_trouble(self) -> str | None:
        """Return why the lock could not be acquired, once for each time that it becomes unavailable."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def _give_up(self, reason: str) -> None:
        if not self._is_stuck:
            self._is_stuck = True
            self._trouble = reason


def _wait_for(fd: int, deadline: float) -> bool:
    # Poll: flock() has no timeout, and signals, which could end it, belong to the application.
    for _ in range(_IMMEDIATE_ATTEMPTS):
        if _try(fd):
            return True
    yield_until = time.monotonic() + _YIELD_SECONDS
    pause = 0.00005
    while (now := time.monotonic()) <= deadline:
        if now < yield_until:
            os.sched_yield()
        else:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if _try(fd):
            return True
    return False


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, _EXCLUSIVE)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
        return False
    return True
