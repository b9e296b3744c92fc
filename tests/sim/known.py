"""Promises that are known to break, and why. One that holds again fails the run until it is removed here."""

from __future__ import annotations

from dataclasses import dataclass

_MODE = frozenset({"mode and owner", "mode and owner at the path", "mode and owner of a backup"})
_BY_HAND = frozenset({"moved by hand", "deleted by hand"})


@dataclass(frozen=True)
class Known:
    why: str
    promises: frozenset[str]
    kinds: frozenset[str]
    """The disturbances with which it breaks; "" is none."""
    scenarios: frozenset[str] = frozenset()
    """Empty: any."""

    def explains(self, scenario: str, promise: str, kind: str) -> bool:
        is_here = not self.scenarios or scenario in self.scenarios
        return is_here and promise in self.promises and kind in self.kinds


KNOWN = [
    Known(
        "without exchange, a process that opens the file in the gap between the two renames makes it with its own mode",
        _MODE,
        frozenset({"", "kill", "stall", "fault"}),
        frozenset({"without exchange", "four writers"}),  # with four, if the exchange fails
    ),
    Known(
        "finish_interrupted() takes no lock: it puts the successor of a rotation that is under way at the path",
        _MODE | {"each line once", "each writer's lines in order"},
        frozenset({"", "kill", "stall"}),
        _BY_HAND,
    ),
]
