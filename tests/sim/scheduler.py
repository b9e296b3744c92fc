"""One run: the tasks of several simulated processes, switched at system calls, in simulated time."""

from __future__ import annotations

import errno
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import greenlet  # type: ignore[import-untyped]

from .faults import Fault
from .inodes import Process, fail
from .kernel import Kernel
from .power import Cut
from .tasks import Killed, Step, Task, key, listed, shown

CALL_SECONDS = 1e-6
YIELD_SECONDS = 20e-6
MOST_STEPS = 20_000
"""A run with more steps than this counts as endless."""

CHANGING = frozenset(
    {"open", "write", "rename", "exchange", "link", "unlink", "chmod", "fchmod", "chown", "fchown", "ftruncate"}
)
"""Calls after which the files are checked."""

RECORDED = frozenset({"mkdir", "rmdir", "symlink", "setxattr", "removexattr"})
"""Further calls after which a power cut leaves something else."""

QUIET = frozenset({"getpid", "umask"})
"""Calls that no other process can see or change: a switch before one makes no difference."""


class Policy(Protocol):
    def choose(self, run: Run) -> Task | None:
        """Return the task that runs next; None ends the run."""


class Default:
    """Each task runs until it ends or waits."""

    def choose(self, run: Run) -> Task | None:
        run.step += 1
        return run.default() if run.step <= MOST_STEPS else None


@dataclass
class Run:
    kernel: Kernel
    policy: Policy
    tasks: list[Task] = field(default_factory=list)
    current: Task | None = None
    clock: float = 1_000_000.0
    step: int = 0
    fault: Fault | None = None
    lasting: Fault | None = None
    is_abandoned: bool = False
    trace: list[Step] | None = None
    after_call: Callable[[Run, Task, str, tuple[Any, ...]], None] | None = None
    stalls: int = 0
    promised: Callable[[], frozenset[str]] = frozenset
    """Return the lines that a power cut must not take now."""
    spared: frozenset[str] | None = None
    """The lines that a power cut must not have taken; None: there was none."""
    faulted: dict[str, int] = field(default_factory=dict)
    """The calls that failed by a fault, each with its errno."""
    was_refused: bool = False
    faulty: int = 0
    """How many faults have struck."""

    def spawn(self, process: Process, name: str, main: Callable[[], None]) -> Task:
        task = Task(process, name, main, self._main)
        task.number = len(self.tasks)
        self.tasks.append(task)
        return task

    @property
    def _main(self) -> Any:
        """The greenlet of the search, which continues when a task ends, whichever task has started that one."""
        here = greenlet.getcurrent()
        while here.parent is not None:
            here = here.parent
        return here

    def execute(self) -> None:
        """Run until all tasks have ended, or the policy ends the run."""
        while (task := self.policy.choose(self)) is not None:
            self.current = task
            task.greenlet.switch()
            if self.is_abandoned:
                break

    def discard(self) -> None:
        """Unwind the tasks that have not ended."""
        for task in self.tasks:
            task.is_killed = True
            if task.greenlet and not task.is_done:
                self.current = task
                task.greenlet.throw(Killed)
        self.current = None

    @staticmethod
    def ignore_the_dead(unraisable: Any) -> None:
        """``sys.unraisablehook``: a sink of a killed process is garbage-collected, and tries to close its file."""
        if unraisable.exc_type is not Killed:
            sys.__unraisablehook__(unraisable)

    # -- for policies -----------------------------------------------------------------------------

    def is_enabled(self, task: Task) -> bool:
        if task.is_done or task.is_killed:
            return False
        return task.wakes_at <= self.clock or (task.waits_for is not None and task.waits_for())

    def default(self) -> Task | None:
        """Return the running task if it can continue, or else the next one; if all sleep, the one that wakes first."""
        current = self.current
        if current is not None and self.is_enabled(current):
            return current
        start = current.number + 1 if current is not None else 0
        order = self.tasks[start:] + self.tasks[:start]
        for task in order:
            if self.is_enabled(task):
                return task
        asleep = [task for task in order if task.is_alive and task.wakes_at < math.inf]
        if not asleep:
            return None
        first = min(asleep, key=lambda task: task.wakes_at)
        self.clock = max(self.clock, first.wakes_at)
        return first

    def lose_power(self, cut: Cut) -> None:
        """End all processes; the files are those on the disk."""
        if self.trace is not None:
            self.trace.append(Step("power cut", str(cut), ""))
        for task in self.tasks:
            task.is_killed = True
            task.process.descriptors.clear()
        self.spared = self.promised()
        self.kernel.lose_power(cut)

    def kill(self, process: Process) -> None:
        """Send SIGKILL: descriptors are closed and locks released, nothing else happens."""
        for task in self.tasks:
            if task.process is process:
                task.is_killed = True
                if self.trace is not None and not task.is_done:
                    self.trace.append(Step(task.name, "SIGKILL", ""))
        self.kernel.exit(process)

    # -- for the simulated modules ----------------------------------------------------------------

    def call(self, name: str, *args: Any) -> Any:
        """Make a system call of the running task; other tasks may run first."""
        task = self._running()
        is_local = name in QUIET or (args and isinstance(args[0], str) and args[0].startswith(("/proc", "/dev")))
        if not is_local:
            task.pending = name, args
            self._give_way(task)
            task.pending = None
        faulty = self.faulty
        try:
            result = self._perform(task, name, args, may_fail=not is_local)
        except OSError as error:
            task.history = hash((task.history, error.errno))
            if self.trace is not None:
                code = errno.errorcode.get(error.errno or 0, "?")
                self.trace.append(listed(task, name, args, f"{code}!" if self.faulty > faulty else code))
            raise
        finally:
            self.clock += CALL_SECONDS
        task.history = hash((task.history, key(result)))
        if self.trace is not None:
            self.trace.append(listed(task, name, args, shown(result)))
        if self.after_call is not None and name in CHANGING:
            self.after_call(self, task, name, args)
        return result

    def _perform(self, task: Task, name: str, args: tuple[Any, ...], *, may_fail: bool) -> Any:
        fault, self.fault = self.fault, None
        if fault is None and self.lasting is not None and self.lasting.strikes_again(task.number, name, args):
            fault = self.lasting
        if fault is not None and may_fail:
            self.faulty += 1
            self.faulted[name] = fault.errno
            self.was_refused = fault.errno in (errno.EPERM, errno.EACCES)
            if fault.is_lasting and self.lasting is None:
                self.lasting = fault.bound(task.number, name, args)
            if fault.errno:
                fail(fault.errno, args[0] if args and isinstance(args[0], str) else None)
            args = (args[0], args[1][: max(1, len(args[1]) // 2)])  # a short write
        kernel = self.kernel
        kernel.clock = self.clock
        result = getattr(kernel, name)(task.process, *args)
        if kernel.disk is not None and (name in CHANGING or name in RECORDED):
            kernel.disk.note(self.clock)
        return result

    def sleep(self, seconds: float) -> None:
        task = self._running()
        task.wakes_at = self.clock + max(seconds, YIELD_SECONDS)
        self._give_way(task)
        task.history = hash((task.history, "slept"))

    def wait(self, until: Callable[[], bool], deadline: float) -> None:
        """Block the running task until another task makes *until* true, or the clock reaches *deadline*."""
        task = self._running()
        task.waits_for, task.wakes_at = until, deadline
        self._give_way(task)
        task.waits_for, task.wakes_at = None, 0.0

    def _running(self) -> Task:
        task = self.current
        if task is None or task.is_done or task.greenlet is not greenlet.getcurrent():
            fail(errno.EIO)  # a sink that is garbage-collected after its process
        if task.is_killed:
            raise Killed
        return task

    def _give_way(self, task: Task) -> None:
        chosen = self.policy.choose(self)
        if chosen is None:
            self.is_abandoned = True
        if chosen is not task and not task.is_killed:
            self.current = chosen
            (chosen.greenlet if chosen is not None else self._main).switch()
        if task.is_killed:
            raise Killed
