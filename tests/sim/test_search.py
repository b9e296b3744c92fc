"""The search finds known errors in a naive sink, and none within small bounds in the real ones."""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from typing import Any

import pytest

from .bounds import Bounds
from .catalogue import Scenario
from .checks import FOLDER, PATH
from .environments import power_cut
from .files import machine
from .loading import Program
from .replay import listing
from .scenarios import two_rotating
from .search import Findings, Search


class NaiveSink:
    """A sink that rotates without a lock, and takes every error for a missing backup."""

    def __init__(self, path: str, *, max_bytes: int, **_: Any) -> None:
        self._max_bytes = max_bytes
        self._fd = machine.call("open", path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)

    def write(self, line: str) -> None:
        size = machine.call("fstat", self._fd).st_size
        if size + len(line) > self._max_bytes:
            self._rotate()
        data = f"{line}\n".encode()
        while data:
            data = data[machine.call("write", self._fd, data) :]

    def _rotate(self) -> None:
        number = 1
        while self._exists(f"{PATH}.{number}"):
            number += 1
        for above in range(number, 1, -1):
            machine.call("rename", f"{PATH}.{above - 1}", f"{PATH}.{above}")
        machine.call("rename", PATH, f"{PATH}.1")
        machine.call("close", self._fd)
        self._fd = machine.call("open", PATH, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)

    def _exists(self, path: str) -> bool:
        try:
            machine.call("lstat", path)
        except OSError:
            return False
        return True

    def stop(self) -> None:
        machine.call("close", self._fd)


class SyncingSink(NaiveSink):
    """The same, but a rotated file and its folder are synced to the disk."""

    def _rotate(self) -> None:
        machine.call("fdatasync", self._fd)
        super()._rotate()
        folder = machine.call("open", FOLDER, os.O_RDONLY | os.O_DIRECTORY)
        machine.call("fsync", folder)
        machine.call("close", folder)


class NaiveProgram:
    def __init__(self, sink: type[NaiveSink] = NaiveSink) -> None:
        self.sinks = types.SimpleNamespace(RotatingFileSink=sink)

    def reset(self) -> None: ...

    end = reset


def search(programs: list[Any], bounds: Bounds, build: Callable[..., Any] = two_rotating) -> Findings:
    return Search(bounds, lambda policy: build(programs, policy, exchange_error=38)).run()


@pytest.fixture
def naive(simulated_programs: list[Program]) -> list[Any]:
    return [NaiveProgram() for _ in simulated_programs]


def test_a_race_is_found_with_the_preemptions_that_it_takes(naive: list[Any]) -> None:
    assert not search(naive, Bounds(0)).broken
    found = search(naive, Bounds(2)).broken
    assert ("a file over max_bytes", "") not in found, "nobody held a lock"
    assert ("an error in a task", "") in found, "two renamed the file"
    assert ("a backup deleted too early", "") in found, "each moved a backup to the same name"


def test_an_error_that_overwrites_a_backup_is_found(naive: list[Any]) -> None:
    found = search(naive, Bounds(0, faults=0)).broken["no line lost", "fault"]
    assert {"EIO", "ESTALE", "ETIMEDOUT", "EACCES"} <= set(found.circumstances)
    assert "lstat tasks.log.1 = EIO!" in " ".join(listing(Scenario(two_rotating), naive, found.plan).split())


def test_a_crash_is_tried_at_each_call(naive: list[Any]) -> None:
    """A crash between the two renames leaves a gap in the numbers, and no file at the path."""
    findings = search(naive, Bounds(0, kills=0))
    assert findings.kills > 20
    assert not findings.broken, "it loses no line"


def test_a_power_cut_takes_backups_that_were_not_synced() -> None:
    """Their names are on the disk, but they are empty, or have only half of their lines."""
    for sink, is_broken in ((NaiveSink, True), (SyncingSink, False)):
        findings = search([NaiveProgram(sink) for _ in range(2)], Bounds(0, cuts=0), power_cut)
        assert (("a power cut takes no backup", "cut") in findings.broken) is is_broken


def test_a_plan_has_the_same_run_each_time(simulated_programs: list[Program]) -> None:
    scenario = Scenario(two_rotating)
    findings = search(simulated_programs, Bounds(1, kills=0))
    plans = [finding.plan for finding in findings.broken.values()] or [()]
    for plan in plans[:3]:
        assert listing(scenario, simulated_programs, plan) == listing(scenario, simulated_programs, plan)


def test_the_sinks_keep_their_promises_with_one_preemption_or_crash(simulated_programs: list[Program]) -> None:
    findings = Search(Bounds(1, kills=1, stalls=1), lambda policy: two_rotating(simulated_programs, policy)).run()
    assert not findings.broken
    assert findings.states > 2000
