"""The input of the checks, and their findings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal


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
    def paths(self) -> set[str]:
        """The names under which other programs may know the file."""
        return {str(self.link), str(self.path)}

    @property
    def rotates(self) -> bool:
        """Whether the FileLogger rotates the file itself."""
        return self.mode == "rotate" and self.max_bytes > 0 and self.backup_count > 0


@dataclass(frozen=True)
class Finding:
    """One sentence about the file; ``fix`` is the solution of a problem."""

    kind: Literal["ok", "note", "problem"]
    text: str
    fix: str = ""


ok, note, problem = (partial(Finding, "ok"), partial(Finding, "note"), partial(Finding, "problem"))
