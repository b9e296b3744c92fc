"""Repeat a plan, with a listing of its calls; and make plans at random."""

from __future__ import annotations

import random
import textwrap
from itertools import groupby

from .catalogue import Scenario
from .checks import finish
from .faults import Fault, faults_of
from .loading import Program
from .scheduler import MOST_STEPS, Run
from .search import Action, Plan, take
from .setting import Setting
from .tasks import Step, Task


class Replay:
    """The policy that follows a plan."""

    def __init__(self, plan: Plan) -> None:
        self._actions = dict(plan)

    def choose(self, run: Run) -> Task | None:
        step, run.step = run.step, run.step + 1
        if step > MOST_STEPS:
            return None
        action = self._actions.get(step)
        return run.default() if action is None else take(run, action)


class Chance:
    """The policy that switches at random calls, and in some runs has one crash, error or stop."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._switching = self._random.choice((0.02, 0.1, 0.3, 0.7))
        self._event = self._random.choice(("", "kill", "fault", "stall"))
        self._event_step = self._random.randrange(200)
        self.plan: list[tuple[int, Action]] = []

    def choose(self, run: Run) -> Task | None:
        step, run.step = run.step, run.step + 1
        if step > MOST_STEPS:
            return None
        action = self._action(run, step)
        if action is None:
            return run.default()
        self.plan.append((step, action))
        return take(run, action)

    def _action(self, run: Run, step: int) -> Action | None:
        chosen = run.default()
        if chosen is None:
            return None
        others = [task for task in run.tasks if task is not chosen and run.is_enabled(task)]
        if step >= self._event_step and self._event and chosen.pending is not None and chosen.is_sink:
            if self._event == "kill":
                self._event = ""
                return Action("kill")
            numbers = faults_of(*chosen.pending)
            if self._event == "fault" and numbers:
                self._event = ""
                fault = Fault(self._random.choice(numbers), self._random.random() < 0.3)
                return Action("fault", fault=fault)
            if self._event == "stall" and others and chosen is run.current:
                self._event = ""
                return Action("stall", self._random.choice(others).number)
        if others and self._random.random() < self._switching:
            return Action("switch", self._random.choice(others).number)
        return None


def listing(scenario: Scenario, programs: list[Program], plan: Plan) -> str:
    """Run a plan again, and list the calls of each process in order."""
    setting: Setting = scenario.build(programs, Replay(plan))
    trace: list[Step] = []
    setting.run.trace = trace
    setting.run.execute()
    finish(setting)
    setting.close()
    lines = []
    for name, steps in groupby(trace, key=lambda step: step.task):
        calls = "; ".join(_folded([f"{step.call} = {step.result}" if step.result else step.call for step in steps]))
        lines.append(textwrap.fill(f"{name}: {calls}", 118, initial_indent="    ", subsequent_indent="       "))
    for name, inode in sorted(setting.files().items()):
        lines.append(f"    at the end {name} {inode.mode & 0o7777:04o} {inode.uid}:{inode.gid} {inode.data!r}")
    for task in setting.run.tasks:
        for line in task.stderr.getvalue().splitlines():
            lines.append(f"    {task.name} printed {line!r}")
    return "\n".join(lines)


def _folded(calls: list[str]) -> list[str]:
    counted = [(call, len(list(same))) for call, same in groupby(calls)]
    return [call if count == 1 else f"{call} ({count} times)" for call, count in counted]
