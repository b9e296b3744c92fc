"""The file and its backups: kind, mode, owner, and sizes that tell of different settings."""

from __future__ import annotations

import grp
import pwd
import re
import stat
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.filesize import decimal

from .findings import Findings, Settings


@dataclass(frozen=True)
class Backup:
    """A backup that a FileLogger made: ``tasks.log.1`` is number 1."""

    path: Path
    number: int
    size: int
    is_compressed: bool


def check(settings: Settings, findings: Findings) -> None:
    _check_file(settings, findings)
    if settings.mode == "rotate":
        _check_backups(settings, findings)


def numbered_backups(path: Path) -> list[Backup]:
    """The backups of *path*, newest first."""
    name = re.compile(re.escape(path.name) + r"\.([1-9]\d*)(\.gz)?", re.ASCII)
    found = [(name.fullmatch(entry.name), entry) for entry in path.parent.iterdir()]
    backups = [Backup(entry, int(match[1]), entry.stat().st_size, bool(match[2])) for match, entry in found if match]
    return sorted(backups, key=lambda backup: backup.number)


def user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _check_file(settings: Settings, findings: Findings) -> None:
    status = settings.path.stat()
    owner = f"{user_name(status.st_uid)}:{_group_name(status.st_gid)}"
    text = f"{stat.filemode(status.st_mode)} {owner}, {decimal(status.st_size)}"
    if not stat.S_ISREG(status.st_mode):
        findings.note(f"{text}: no regular file, so it is never rotated")
        return
    findings.ok(text)
    if status.st_mode & stat.S_IWOTH:
        findings.problem("every user may write to the file, and forge lines", f"chmod o-w {settings.path}")
    if status.st_nlink > 1:
        findings.problem(
            f"the file has {status.st_nlink} names (hard links): after a rotation the others still name the backup",
            f"find the others with: find / -xdev -samefile {settings.path}",
        )
    if settings.rotates and status.st_size > settings.max_bytes:
        findings.problem(
            f"the file is larger than max_bytes ({decimal(settings.max_bytes)}): a rotation fails, or it is another",
            "look for messages of taskflow_loguru on the app's stderr; if max_bytes is another one, pass --max-bytes",
        )


def _check_backups(settings: Settings, findings: Findings) -> None:
    backups = numbered_backups(settings.path)
    total = sum(backup.size for backup in backups)
    findings.ok(f"{len(backups)} {'backup' if len(backups) == 1 else 'backups'}, {decimal(total)}")
    beyond = [backup.path.name for backup in backups if backup.number > settings.backup_count]
    if beyond:
        findings.problem(
            f"backups beyond backup_count={settings.backup_count}: {', '.join(beyond)}; a process has another "
            "backup_count, or it was lowered, and then they stay for ever",
            "give all processes the same backup_count, and delete them; or pass --backup-count",
        )
    _check_sizes([backup.size for backup in backups if not backup.is_compressed], findings)


def _check_sizes(sizes: list[int], findings: Findings) -> None:
    """Find out whether files were rotated at different sizes, one after the other and back again."""
    if not sizes or max(sizes) <= 2 * min(sizes):
        return
    middle = (min(sizes) * max(sizes)) ** 0.5
    changes = sum((a > middle) != (b > middle) for a, b in pairwise(sizes))
    text = f"the backups were rotated at different sizes, {decimal(min(sizes))} to {decimal(max(sizes))}"
    if changes > 1:
        findings.problem(
            f"{text}, by turns: two processes have different max_bytes", "give all processes the same max_bytes"
        )
    else:
        findings.note(f"{text}: max_bytes was changed, or a process has another one, or a line is very long")
