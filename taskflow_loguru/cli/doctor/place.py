"""Checks of the file, its folders and its backups: kind, mode, owner, attributes, and sizes."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shlex import quote

from rich.filesize import decimal

from .findings import Finding, Settings, note, ok, problem
from .users import group_name, user_name

_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of most 64-bit architectures; others refuse it
_ATTRIBUTES = {"i": 0x10, "a": 0x20}


@dataclass(frozen=True)
class Backup:
    """A backup that a FileLogger made: ``tasks.log.1`` is number 1."""

    path: Path
    number: int
    size: int
    is_compressed: bool


def check(settings: Settings) -> Iterator[Finding]:
    status = settings.path.stat()
    yield from _check_file(settings, status)
    yield from _check_folders(settings.path, status.st_uid)
    if settings.mode == "rotate":
        yield from _check_backups(settings)


def numbered_backups(path: Path) -> list[Backup]:
    """Return the backups of *path*, newest first."""
    name = re.compile(re.escape(path.name) + r"\.([1-9]\d*)(\.gz)?", re.ASCII)
    backups = []
    for entry in path.parent.iterdir():
        if match := name.fullmatch(entry.name):
            with suppress(FileNotFoundError):  # a rotation has moved it
                status = entry.lstat()
                if stat.S_ISREG(status.st_mode):
                    backups.append(Backup(entry, int(match[1]), status.st_size, match[2] is not None))
    return sorted(backups, key=lambda backup: backup.number)


def _check_file(settings: Settings, status: os.stat_result) -> Iterator[Finding]:
    owner = f"{user_name(status.st_uid)}:{group_name(status.st_gid)}"
    text = f"{stat.filemode(status.st_mode)} {owner}, {decimal(status.st_size)}"
    if not stat.S_ISREG(status.st_mode):
        yield note(f"{text}: not a regular file: it is never rotated, and nothing else was checked")
        return
    yield ok(text)
    for place in (settings.path, settings.path.parent):
        for letter in _attributes(place):
            yield problem(
                f"chattr +{letter} on {quote(str(place))}: no rotation is possible",
                f"chattr -{letter} {quote(str(place))}",
            )
    if status.st_mode & stat.S_IWOTH:
        yield problem("every user may write to the file, and forge lines", f"chmod o-w {quote(str(settings.path))}")
    if status.st_nlink > 1:
        yield problem(
            f"the file has {status.st_nlink} names (hard links): after a rotation the other names belong to the backup",
            f"find the others with: find / -xdev -samefile {quote(str(settings.path))}",
        )
    if settings.rotates and status.st_size > settings.max_bytes:
        yield Finding(
            "note" if "max_bytes" in settings.assumed else "problem",
            f"the file exceeds max_bytes ({decimal(settings.max_bytes)}): a rotation failed, or max_bytes differs",
            "look for messages of taskflow_loguru on the app's stderr; if max_bytes is different, pass --max-bytes",
        )


def _attributes(path: Path) -> Iterator[str]:
    """Yield the attributes of chattr(1) that keep a file or a folder as it is."""
    with suppress(OSError):  # the file system has none, or they are not readable
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            flags = int.from_bytes(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8))[:4], "little")
        finally:
            os.close(descriptor)
        yield from (letter for letter, bit in _ATTRIBUTES.items() if flags & bit)


def _check_folders(path: Path, owner: int) -> Iterator[Finding]:
    """Find the folders above the file in which others than root and its owner may replace it."""
    for folder in path.parents:
        status = folder.stat()
        user, group = user_name(status.st_uid), group_name(status.st_gid)
        can = f"may rename and replace files in {folder}"
        if status.st_uid not in (0, owner):
            yield note(f"user {user} {can}", f"chown {user_name(owner)} {quote(str(folder))}, unless that is wanted")
        if status.st_mode & stat.S_ISVTX:
            continue
        if status.st_mode & stat.S_IWOTH:
            yield problem(f"every user {can}", f"chmod o-w {quote(str(folder))}")
        elif status.st_mode & stat.S_IWGRP and status.st_gid and group != user:
            yield note(f"group {group} {can}", f"chmod g-w {quote(str(folder))}, unless that is wanted")


def _check_backups(settings: Settings) -> Iterator[Finding]:
    backups = numbered_backups(settings.path)
    total = sum(backup.size for backup in backups)
    yield ok(f"{len(backups)} {'backup' if len(backups) == 1 else 'backups'}, {decimal(total)}")
    beyond = [backup.path.name for backup in backups if backup.number > settings.backup_count]
    if beyond:
        yield problem(
            f"backups beyond backup_count={settings.backup_count}: {', '.join(beyond)}; another process has a "
            "higher backup_count, or it was lowered: nothing deletes them",
            "give all processes the same backup_count, and delete these backups; or pass --backup-count",
        )
    yield from _check_sizes([backup.size for backup in backups if not backup.is_compressed])


def _check_sizes(sizes: list[int]) -> Iterator[Finding]:
    """Find out whether the sizes of the backups alternate."""
    if not sizes or max(sizes) <= 2 * min(sizes):
        return
    middle = (min(sizes) * max(sizes)) ** 0.5
    changes = sum((a > middle) != (b > middle) for a, b in pairwise(sizes))
    text = f"the backups were rotated at different sizes, {decimal(min(sizes))} to {decimal(max(sizes))}"
    if changes > 1:
        yield problem(
            f"{text}, alternately: two processes have different max_bytes", "give all processes the same max_bytes"
        )
    else:
        yield note(f"{text}: max_bytes was changed, or differs between processes, or one line is long")
