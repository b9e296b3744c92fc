"""The input of the checks, and their findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from typing import Literal

Kind = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Settings:
    """The file, and the settings of its FileLogger.

    Attributes:
        path: The file, with all links resolved.
        link: The absolute path as it was given.
        assumed: The names of the settings that were not given, and that may differ from those of the FileLogger.
    """

    path: Path
    link: Path
    mode: str
    max_bytes: int
    backup_count: int
    assumed: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The names under which other programs may know the file."""
        return tuple({str(self.link), str(self.path)})

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
    """The findings so far, in their order: ``all``."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def ok(self, text: str) -> None:
        self.all.append(Finding("ok", text))

    def note(self, text: str, fix: str = "") -> None:
        self.all.append(Finding("note", text, fix))

    def problem(self, text: str, fix: str) -> None:
        self.all.append(Finding("problem", text, fix))

    def added_by(self, check: Callable[[Settings, Findings], None], settings: Settings) -> list[Finding]:
        """Run *check*, and return its findings. An error of the system ends the check, and is noted."""
        start = len(self.all)
        try:
            check(settings, self)
        except (OSError, SubprocessError) as error:
            self.note(f"{check.__module__.rpartition('.')[2]}: not checked to the end: {error}", "run doctor as root")
        return self.all[start:]
