"""Checks of the file and its backups: kind, mode, owner, and sizes that reveal different settings."""

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
    """Return the backups of *path*, newest first."""
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
        findings.note(f"{text}: not a regular file, so it is never rotated")
        return
    findings.ok(text)
    if status.st_mode & stat.S_IWOTH:
        findings.problem("every user may write to the file, and forge lines", f"chmod o-w {settings.path}")
    if status.st_nlink > 1:
        findings.problem(
            f"the file has {status.st_nlink} names (hard links): after a rotation the other names belong to the backup",
            f"find the others with: find / -xdev -samefile {settings.path}",
        )
    if settings.rotates and status.st_size > settings.max_bytes:
        findings.problem(
            f"the file exceeds max_bytes ({decimal(settings.max_bytes)}): a rotation failed, or max_bytes differs",
            "look for messages of taskflow_loguru on the app's stderr; if max_bytes is different, pass --max-bytes",
        )


def _check_backups(settings: Settings, findings: Findings) -> None:
    backups = numbered_backups(settings.path)
    total = sum(backup.size for backup in backups)
    findings.ok(f"{len(backups)} {'backup' if len(backups) == 1 else 'backups'}, {decimal(total)}")
    beyond = [backup.path.name for backup in backups if backup.number > settings.backup_count]
    if beyond:
        findings.problem(
            f"backups beyond backup_count={settings.backup_count}: {', '.join(beyond)}; another process has a "
            "higher backup_count, or it was lowered: nothing deletes them",
            "give all processes the same backup_count, and delete these backups; or pass --backup-count",
        )
    _check_sizes([backup.size for backup in backups if not backup.is_compressed], findings)


def _check_sizes(sizes: list[int], findings: Findings) -> None:
    """Find out whether the sizes of the backups alternate."""
    if not sizes or max(sizes) <= 2 * min(sizes):
        return
    middle = (min(sizes) * max(sizes)) ** 0.5
    changes = sum((a > middle) != (b > middle) for a, b in pairwise(sizes))
    text = f"the backups were rotated at different sizes, {decimal(min(sizes))} to {decimal(max(sizes))}"
    if changes > 1:
        findings.problem(
            f"{text}, alternately: two processes have different max_bytes", "give all processes the same max_bytes"
        )
    else:
        findings.note(f"{text}: max_bytes was changed, or differs between processes, or one line is long")
