"""The words of levels and statuses, with their meaning, once for the whole package."""

from __future__ import annotations

from typing import NamedTuple

LEVELS = {"trace": 5, "debug": 10, "info": 20, "success": 25, "warning": 30, "error": 40, "critical": 50}
"""loguru's own levels with their numbers, lowest first."""

LEVEL_ALIASES = {"warn": "warning", "err": "error", "exception": "error", "fatal": "critical"}
"""Other loggers' words for these levels."""


class Status(NamedTuple):
    """The meaning of a task's status.

    Attributes:
        level: The level of its lifecycle line.
        outcome: The ``event.outcome`` of the Elastic Common Schema; None while the task has not ended.
    """

    level: str
    outcome: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self.outcome is not None


STATUSES = {
    "pending": Status("info"),
    "running": Status("info"),
    "success": Status("success", "success"),
    "failed": Status("error", "failure"),
    "interrupted": Status("warning", "unknown"),
    "cancelled": Status("info", "unknown"),
    "rejected": Status("info", "unknown"),
}
"""The statuses of a task, by the word of the host."""

COMPLETED = tuple(word for word, status in STATUSES.items() if status.outcome in ("success", "failure"))
"""The statuses of a task that ran to its end."""

STOPPED = tuple(word for word, status in STATUSES.items() if status.outcome == "unknown")
"""The statuses of a task that was stopped, or never ran."""


def level_named(word: str) -> str | None:
    """Return the level that *word* names, in any mix of upper and lower case; None for an unknown word."""
    word = word.lower()
    word = LEVEL_ALIASES.get(word, word)
    return word if word in LEVELS else None
