"""The input of the checks, and their findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Settings:
    """The file, and the settings of its FileLogger."""

    path: Path
    mode: Literal["rotate", "watched"]
    max_bytes: int
    backup_count: int

    @property
    def rotates(self) -> bool:
        """Whether the FileLogger rotates the file itself."""
        return self.mode == "rotate" and self.max_bytes > 0 and self.backup_count > 0


@dataclass(frozen=True)
class Finding:
    """One sentence about the file; ``fix`` is the solution of a problem."""

    kind: Kind
    text: str
    fix: str = ""


class Findings:
    """The findings so far.

    Attributes:
        problems: The number of problems among them.
    """

    def __init__(self) -> None:
        self.problems = 0
        self._new: list[Finding] = []

    def ok(self, text: str) -> None:
        self._new.append(Finding("ok", text))

    def note(self, text: str, fix: str = "") -> None:
        self._new.append(Finding("note", text, fix))

    def problem(self, text: str, fix: str) -> None:
        self.problems += 1
        self._new.append(Finding("problem", text, fix))

    def added_by(self, check: Callable[[Settings, Findings], None], settings: Settings) -> list[Finding]:
        """Run *check*, and return its findings."""
        check(settings, self)
        new, self._new = self._new, []
        return new
