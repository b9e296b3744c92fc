"""The bounds of a search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The most preemptions of a run: in all, before a crash, before an error, and before a process is stopped."""

    switches: int
    kills: int = -1
    faults: int = -1
    stalls: int = -1
