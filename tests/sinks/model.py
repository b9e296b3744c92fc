"""A simple model of rotation: which line must be in which file."""

from __future__ import annotations

from pathlib import Path

from .writers import backups_of


class RotatedFiles:
    """The expected contents of a file and its backups. Key 0 is the file itself, key N its backup ``.N``."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {0: ""}

    def must_rotate(self, line: str, max_bytes: int, backup_count: int) -> bool:
        size = len(self.texts.get(0, "").encode())
        return bool(max_bytes and backup_count and size and size + len(line.encode()) > max_bytes)

    def append(self, line: str, max_bytes: int, backup_count: int) -> None:
        if self.must_rotate(line, max_bytes, backup_count):
            self.rotate(backup_count)
        self.texts[0] = self.texts.get(0, "") + line

    def rotate(self, backup_count: int) -> None:
        surplus = backup_count + 1
        while surplus in self.texts:
            del self.texts[surplus]
            surplus += 1
        free = next(number for number in range(1, backup_count + 2) if number not in self.texts)
        for number in range(free, 0, -1):
            self.texts[number] = self.texts.pop(number - 1)
        self.texts.pop(backup_count + 1, None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RotatedFiles) and self.texts == other.texts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RotatedFiles({self.texts})"


def found_at(path: Path) -> RotatedFiles:
    """Return the contents of the file at *path* and its backups."""
    found = RotatedFiles()
    backups = backups_of(path) if path.parent.exists() else []
    found.texts = {int(backup.name.rpartition(".")[2]): backup.read_text() for backup in backups}
    if path.exists():
        found.texts[0] = path.read_text()
    return found
