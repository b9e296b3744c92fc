"""The bounds of a search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The most preemptions of a run: in all, before a crash, an error, a stop of a process, and a power cut."""

    switches: int
    kills: int = -1
    faults: int = -1
    stalls: int = -1
    cuts: int = -1
    threads: bool = False
    """Whether a thread that a sink has started runs at any time, too, not only while all other tasks wait."""
