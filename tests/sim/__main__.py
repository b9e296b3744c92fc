"""Run the search: ``python -m tests.sim --help``."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .bounds import Bounds
from .catalogue import FOUR_WRITERS, SCENARIOS, Scenario
from .checks import finish
from .loading import PROJECT, Program, programs
from .replay import Chance, listing
from .scheduler import Run
from .search import Findings, Search

CHUNK = 1000


@dataclass(frozen=True)
class Work:
    scenario: Scenario
    what: str
    bounds: Bounds | None = None
    seeds: range = range(0)


def main() -> int:
    arguments = parse()
    started = time.monotonic()
    work = [item for item in plan_work(arguments) if arguments.only in f"{item.scenario.name}, {item.what}"]
    print(f"seed {arguments.seed}, the sinks of {arguments.sinks}", flush=True)
    count = 0
    with multiprocessing.get_context("fork").Pool(arguments.jobs, prepare, (arguments.sinks,)) as pool:
        for report, broken in pool.imap(execute, work, chunksize=1):
            print(report, flush=True)
            count += broken
    print(f"{count} broken promises, {time.monotonic() - started:.0f} s")
    return 1 if count else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="All orders of the sinks' system calls.")
    parser.add_argument("--sinks", type=Path, default=PROJECT, help="the checkout whose sinks are run")
    parser.add_argument("--long", action="store_true", help="with larger bounds: an hour or so")
    parser.add_argument("--only", default="", help='those with this in their name, such as "no inode, every error"')
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the random schedules")
    parser.add_argument("--runs", type=int, default=3_000, help="how many random schedules")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes search")
    return parser.parse_args()


def plan_work(arguments: argparse.Namespace) -> list[Work]:
    """Return the searches, the longest first."""
    work = []
    for scenario in SCENARIOS:
        bounds = scenario.long_bounds if arguments.long else scenario.bounds
        work.append(Work(scenario, "every schedule", replace(bounds, faults=-1)))
        if bounds.faults >= 0:
            work.append(Work(scenario, "every error", Bounds(bounds.faults, faults=bounds.faults)))
    work.sort(key=lambda item: -(item.bounds or Bounds(0)).switches)
    runs = arguments.runs * (10 if arguments.long else 1)
    for start in range(arguments.seed, arguments.seed + runs, CHUNK):
        work.append(Work(FOUR_WRITERS, "at random", seeds=range(start, min(start + CHUNK, arguments.seed + runs))))
    return work


_programs: list[Program] = []


def prepare(sinks: Path) -> None:
    sys.unraisablehook = Run.ignore_the_dead
    _programs[:] = programs(6, sinks)
    gc.freeze()
    gc.disable()  # a sink of an old run must not be closed in the middle of another one


def execute(work: Work) -> tuple[str, int]:
    """Search; return a report, and how many promises broke."""
    started = time.process_time()
    scenario = work.scenario
    if work.bounds is not None:
        findings = Search(work.bounds, lambda policy: scenario.build(_programs, policy)).run()
    else:
        findings = at_random(scenario, work.seeds)
    seconds = time.process_time() - started
    lines = [
        f"{scenario.name}, {work.what}: {findings.runs:,} runs, {findings.states:,} states, {seconds:.1f} s of CPU"
    ]
    listed = set()
    broken = findings.worth_reporting()
    for promise, found in broken:
        lines.append(f"  BROKEN: {promise}: {found.text} [{', '.join(found.circumstances) or 'no disturbance'}]")
        if found.plan not in listed:
            listed.add(found.plan)
            lines.append(listing(scenario, _programs, found.plan))
    return "\n".join(lines), len(broken)


def at_random(scenario: Scenario, seeds: range) -> Findings:
    findings = Findings()
    for seed in seeds:
        policy = Chance(seed)
        setting = scenario.build(_programs, policy)
        setting.run.execute()
        problems = finish(setting)
        findings.runs += 1
        findings.states += setting.run.step
        findings.add(tuple(policy.plan), problems)
        setting.close()
    return findings


if __name__ == "__main__":
    sys.exit(main())
