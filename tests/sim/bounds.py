"""How far a search goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """How many preemptions a run has: at all, before a crash, before an error, and before a process is stopped."""

    switches: int
    kills: int = -1
    faults: int = -1
    stalls: int = -1
