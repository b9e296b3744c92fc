"""All runs within a bound on preemptions, and each with a crash or an error at every call.

The search is stateless, like model checkers for real code (VeriSoft, CHESS). A run is repeated from its start with a
plan: a few deviations from the default schedule, in which a task runs until it ends or waits. Plans are tried in the
order of their preemptions, so that the first one that breaks a promise is a shortest one. Two runs with the same state
have the same future, so each state is expanded once. A state consists of that of the kernel, and of all results that
the calls of each task had.
"""

from __future__ import annotations

import fcntl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .bounds import Bounds
from .checks import FOLDER, Problem, finish
from .faults import LASTING, Fault, faults_of
from .fingerprint import fingerprint
from .power import Cut
from .scheduler import MOST_STEPS, Policy, Run
from .setting import Setting
from .tasks import Task

STALL_SECONDS = 3.0


@dataclass(frozen=True)
class Action:
    """A deviation from the default schedule."""

    kind: str  # "switch", "stall", "kill", "fault" or "cut"
    task: int = -1
    fault: Fault | None = None
    cut: Cut | None = None


Plan = tuple[tuple[int, Action], ...]


@dataclass
class Finding:
    """The first run that broke a promise."""

    plan: Plan
    text: str
    circumstances: dict[str, None] = field(default_factory=dict)


@dataclass
class Findings:
    """The broken promises, and the number of runs."""

    broken: dict[tuple[str, str], Finding] = field(default_factory=dict)
    runs: int = 0
    states: int = 0
    kills: int = 0
    faults: int = 0
    cuts: int = 0

    def add(self, plan: Plan, problems: list[Problem]) -> None:
        events = [action for _, action in plan if action.kind in ("kill", "fault", "stall", "cut")]
        kind = events[-1].kind if events else ""
        circumstance = str(events[-1].fault or kind) if events else ""
        for promise, text in problems:
            found = self.broken.setdefault((promise, kind), Finding(plan, text))
            found.circumstances.setdefault(circumstance)

    def worth_reporting(self) -> list[tuple[str, Finding]]:
        """Return the findings, except those that a shorter run without a crash, an error or a stop has too."""
        found = []
        for (promise, kind), finding in self.broken.items():
            undisturbed = self.broken.get((promise, ""), finding)
            if not kind or len(undisturbed.plan) >= len(finding.plan):
                found.append((promise, finding))
        return found


class Search:
    """Search breadth first by preemptions."""

    def __init__(self, bounds: Bounds, start: Callable[[Policy], Setting]) -> None:
        self._bounds = bounds
        self._start = start
        self._queues: list[deque[Plan]] = [deque() for _ in range(bounds.switches + 1)]
        self._seen: set[int] = set()
        self.findings = Findings()

    def run(self) -> Findings:
        self._queues[0].append(())
        for cost, queue in enumerate(self._queues):
            self._cost = cost
            while queue:
                self._try(queue.popleft())
        self.findings.states = len(self._seen)
        return self.findings

    def _try(self, plan: Plan) -> None:
        self._plan = plan
        self._actions = dict(plan)
        self._last = plan[-1][0] if plan else -1
        self._is_tail = bool(plan) and plan[-1][1].kind in ("kill", "fault", "cut")
        self._is_known = False
        setting = self._start(self)
        setting.run.execute()
        self.findings.runs += 1
        problems = setting.problems if self._is_known else finish(setting)
        self.findings.add(plan, problems)
        setting.close()

    # -- the policy of a run ----------------------------------------------------------------------

    def choose(self, run: Run) -> Task | None:
        step, run.step = run.step, run.step + 1
        if step <= self._last:
            action = self._actions.get(step)
            return run.default() if action is None else take(run, action)
        if step > MOST_STEPS:
            return None
        chosen = run.default()
        if self._is_tail and step > self._last + 1:
            return chosen
        is_preemption = chosen is run.current
        if not self._is_tail and is_preemption and chosen is not None and not is_visible(chosen):
            self._add_faults(step, chosen)
            return chosen
        if self._is_new(fingerprint(run)):
            if chosen is not None and not self._is_tail:
                self._branch(run, step, chosen, is_preemption)
            return chosen
        self._is_known = True
        return None

    def _is_new(self, state: int) -> bool:
        is_new = state not in self._seen
        self._seen.add(state)
        return is_new

    def _branch(self, run: Run, step: int, chosen: Task, is_preemption: bool) -> None:
        cost = self._cost + is_preemption
        if chosen.is_thread and not self._bounds.threads:
            self._add_faults(step, chosen)
            return
        for task in run.tasks:
            if task is chosen or not run.is_enabled(task) or (task.is_thread and not self._bounds.threads):
                continue
            if cost <= self._bounds.switches:
                self._add(cost, step, Action("switch", task.number))
            if is_preemption and cost <= self._bounds.stalls and chosen.is_sink:
                self._add(cost, step, Action("stall", task.number))
        if chosen.pending is None or not chosen.is_sink:
            return
        # Before it is tried, the state that the kill leaves to the others shows whether it is new.
        if self._cost <= self._bounds.kills and self._is_new(fingerprint(run, without=chosen)):
            self.findings.kills += 1
            self._add(self._cost, step, Action("kill"))
        self._add_faults(step, chosen)
        self._add_cuts(run, step)

    def _add_cuts(self, run: Run, step: int) -> None:
        if self._cost > self._bounds.cuts or run.kernel.disk is None:
            return
        promised = run.promised()
        for cut, left in run.kernel.disk.cuts(run.clock):
            if self._is_new(hash((left, promised))):
                self.findings.cuts += 1
                self._add(self._cost, step, Action("cut", cut=cut))

    def _add_faults(self, step: int, chosen: Task) -> None:
        if self._cost > self._bounds.faults or not chosen.is_sink or chosen.pending is None:
            return
        for number in faults_of(*chosen.pending):
            for is_lasting in (False, True) if number in LASTING else (False,):
                self.findings.faults += 1
                self._add(self._cost, step, Action("fault", fault=Fault(number, is_lasting)))

    def _add(self, cost: int, step: int, action: Action) -> None:
        self._queues[cost].append((*self._plan, (step, action)))


def take(run: Run, action: Action) -> Task | None:
    """Make a run deviate; return the task that runs next."""
    current = run.current
    if action.kind == "switch":
        return run.tasks[action.task]
    if action.kind == "stall":
        assert current is not None
        current.wakes_at = run.clock + STALL_SECONDS
        run.stalls += 1
        return run.tasks[action.task]
    chosen = run.default()
    if action.cut is not None:
        run.lose_power(action.cut)
        return None
    assert chosen is not None
    if action.kind == "fault":
        run.fault = action.fault
        return chosen
    run.kill(chosen.process)
    return chosen if chosen is current else run.default()


def is_visible(task: Task) -> bool:
    """Return whether another process can see or influence the call that a task is about to make.

    If not, a switch or a crash before it equals one before the next call.
    """
    if task.pending is None:
        return True
    name, args = task.pending
    if name in ("fcntl", "readlink", "getxattr", "setxattr", "removexattr", "fsync", "fdatasync"):
        return False
    if args and args[0] == FOLDER and name in ("lstat", "stat", "open"):
        return False
    is_unlock = name == "flock" and args[1] == fcntl.LOCK_UN
    if is_unlock or name == "close":
        description = task.process.descriptors.get(args[0])
        if description is None or description in description.inode.locks:
            return description is not None
        return name == "close" and description.holders == 1 and not description.inode.links
    return True
