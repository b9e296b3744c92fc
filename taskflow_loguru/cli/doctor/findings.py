"""What the checks are given, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Settings:
    """The file, and what its FileLogger was given."""

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
    """One sentence about the file; ``mend`` tells what to do about a problem."""

    kind: Kind
    text: str
    mend: str = ""


class Findings:
    """What has been found so far.

    Attributes:
        problems: How many of the findings are problems.
    """

    def __init__(self) -> None:
        self.problems = 0
        self._new: list[Finding] = []

    def ok(self, text: str) -> None:
        self._new.append(Finding("ok", text))

    def note(self, text: str, mend: str = "") -> None:
        self._new.append(Finding("note", text, mend))

    def problem(self, text: str, mend: str) -> None:
        self.problems += 1
        self._new.append(Finding("problem", text, mend))

    def added_by(self, check: Callable[[Settings, Findings], None], settings: Settings) -> list[Finding]:
        """Carry out *check*, and return what it found."""
        check(settings, self)
        new, self._new = self._new, []
        return new
