"""One job at a time, re-entrant for signal handlers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ._one_step import call_into

Job = Callable[[], None]
"""Work that may safely be done twice: a signal handler that raises can strike after it, before it is noted as done."""


class Gate:
    """Run one job at a time.

    Threads wait for each other. A signal handler cannot wait, since it runs inside the thread that it has interrupted.
    It leaves its job to that thread, which runs it after its own.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a signal handler must see that its own thread is inside
        self._is_busy = False
        self._left: list[Job] = []

    def run(self, job: Job) -> None:
        """Run *job*, or leave it to the thread that this signal handler has interrupted."""
        with self._lock:
            if self._is_busy:
                self._left.append(job)
                return
            self._is_busy = True
            try:
                job()
            finally:
                self._is_busy = False
                # Run them even if a signal handler raises: the calls that left them have already returned.
                # test_gate.py::test_a_job_that_was_left_runs_though_the_other_raises
                if self._left:
                    self._run_left()
        if self._left:
            self._run_left_by_others()

    def run_within(self, timeout: float, job: Job) -> bool:
        """Run *job* unless another thread stays inside for *timeout* seconds; return whether the gate was free."""
        was_free = self._run_if_free(timeout, job)
        if self._left:
            self._run_left_by_others()
        return was_free

    def run_soon(self, job: Job) -> None:
        """Run *job* now if the gate is free, or leave it to the thread inside. Never wait."""
        self._left.append(job)
        self._run_left_by_others()

    def close(self, deadline: float) -> None:
        """Wait for other threads only until ``time.monotonic()`` is *deadline*, from now on.

        While the interpreter ends, a daemon thread inside never leaves.
        """

        def run_in_time(job: Job) -> None:
            self.run_within(deadline - time.monotonic(), job)

        self.run = run_in_time  # type: ignore[method-assign]

    def _run_left(self) -> None:
        while self._left:
            self._is_busy = True
            try:
                # A signal handler may have found the gate free since the check above, and run the jobs itself.
                # test_gate.py::test_a_handler_between_two_jobs_that_were_left_runs_each_once
                if self._left:
                    self._left[0]()
                    del self._left[0]
            finally:
                self._is_busy = False

    def _run_if_free(self, timeout: float, job: Job) -> bool:
        acquired: list[bool] = []
        try:
            # A with statement has no timeout. test_gate.py::test_an_interrupt_leaves_the_gate_free
            call_into(acquired, self._lock.acquire, True, max(0.0, timeout))
            if acquired[0]:
                Gate.run(self, job)
            return acquired[0]
        finally:
            if acquired and acquired[0]:
                self._lock.release()

    def _run_left_by_others(self) -> None:
        # A job can be left after the thread inside has checked for jobs, and before it has released the lock.
        # test_gate.py::test_a_job_left_at_the_last_moment_is_run
        while self._left and not self._is_busy and self._run_if_free(0.0, _do_nothing):
            pass


def _do_nothing() -> None:
    pass
