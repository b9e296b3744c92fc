"""Threads for the work that no line may wait for: to compress and sync backups, and to retry a full disk."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterator

from .._signals import is_from_signal_handler
from .._stderr import report
from ._linux import now

THREAD_NAME = "taskflow-loguru-helper"

_LONGEST_NAP = 0.1  # seconds until a new job is seen

Job = Callable[[], Iterator[float]]
"""Work in steps: each yields for how many seconds to pause before the next."""


class Worker:
    """An object with a daemon thread, which it starts when there is work.

    Attributes:
        is_running: Whether there is a thread. The thread itself clears it, at its end.
    """

    def __init__(self) -> None:
        self.is_running = False

    def start_thread(self, function: Callable[[], None], name: str) -> None:
        """Run *function* in a new thread, unless the system allows no more threads, or the interpreter is ending."""
        thread = threading.Thread(target=function, name=name, daemon=True)

        def start() -> None:
            try:
                thread.start()
            except RuntimeError:  # one thread was allowed, a second one is not
                function()

        # Not thread.start() itself: it waits for the new thread, and if a signal handler raises in that wait, the new
        # thread may never begin. test_helper.py::test_an_interrupt_leaves_no_worker_without_its_thread
        self.is_running = True  # no signal handler can run between this and the start
        try:
            _thread.start_new_thread(start, ())
        except RuntimeError as error:
            if is_from_signal_handler(error):
                raise
            self.is_running = False


class Helper(Worker):
    """A daemon thread that runs jobs, step by step in turn. It exists while there is a job."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()  # re-entrant: a signal handler may add a job while it is held
        self._wanted: dict[Job, None] = {}

    def run(self, job: Job) -> None:
        """Run *job* soon; if it is running, once more after that. Never wait for it.

        If the system allows no more threads, the job waits for the next call.
        """
        with self._lock:
            self._wanted[job] = None
            if not self.is_running:
                self.start_thread(self._work, THREAD_NAME)

    def _work(self) -> None:
        running: dict[Job, tuple[float, Iterator[float]]] = {}
        while True:
            with self._lock:
                for job in [job for job in self._wanted if job not in running]:
                    del self._wanted[job]
                    running[job] = now(), job()
                if not running:
                    self.is_running = False
                    return
            job = min(running, key=lambda job: running[job][0])  # of several that are due, the one that waits longest
            due, steps = running.pop(job)
            pause = due - now()
            time.sleep(min(max(0.0, pause), _LONGEST_NAP))  # 0 lets other threads run, and other greenlets of gevent
            try:
                running[job] = (due if pause > _LONGEST_NAP else now() + next(steps)), steps
            except StopIteration:
                pass
            except Exception as error:
                report(f"{job!r} failed: {error!r}")


_helpers: dict[int, Helper] = {}


def helper_of(device: int) -> Helper:
    """Return the helper for files on *device*: a disk that does not answer delays no file of another one."""
    return _helpers.setdefault(device, Helper())


def forget_helpers() -> None:
    """Start without helpers in a forked child: the threads and their jobs are the parent's."""
    _helpers.clear()
