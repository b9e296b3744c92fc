"""Checks of the processes that have the file open, and of those that hold its lock."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .findings import Findings, Settings
from .place import numbered_backups, user_name

PROC = Path("/proc")

LOCK_SECONDS = 0.6
"""How long a lock must be held to be a problem, in seconds: more than the 0.5 s that a writer waits for it."""


@dataclass(frozen=True)
class Opener:
    """A process that has one of the files open."""

    pid: int
    name: str
    user: int
    groups: frozenset[int]
    file: str
    writes: bool
    appends: bool

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name}, user {user_name(self.user)})"


def check(settings: Settings, findings: Findings) -> None:
    if not (PROC / "self" / "fd").is_dir():
        findings.note("no /proc on this system: cannot find the processes that have the file open")
        return
    openers, unseen = find_openers(settings.path)
    for opener in openers:
        findings.ok(f"{opener} has {opener.file} open, to {'write' if opener.writes else 'read'}")
        if opener.writes and not opener.appends:
            findings.problem(
                f"{opener} does not write in append mode, and overwrites lines of other processes",
                "let only FileLogger and the sinks of taskflow_loguru write to the file",
            )
    if not openers:
        findings.ok("no process has the file open")
    if unseen and os.geteuid():
        findings.note(f"{unseen} processes of other users could not be checked", "run doctor as root")
    if settings.rotates:
        _check_right_to_rotate(settings.path, openers, findings)
    _check_lock(settings.path, openers, findings)


def find_openers(path: Path) -> tuple[list[Opener], int]:
    """Return the processes that have the file or a backup open, and the number of unreadable ones."""
    names = {}
    for file in (path, *(backup.path for backup in numbered_backups(path))):
        status = file.stat()
        names[status.st_dev, status.st_ino] = file.name
    openers: list[Opener] = []
    unseen = 0
    for process in PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            openers.extend(_openings(process, names))
        except PermissionError:
            unseen += 1
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended
    return sorted(openers, key=lambda opener: (opener.pid, opener.file)), unseen


def _openings(process: Path, names: dict[tuple[int, int], str]) -> Iterator[Opener]:
    seen = set()
    for descriptor in os.listdir(process / "fd"):
        with suppress(FileNotFoundError):
            status = os.stat(process / "fd" / descriptor)
            file = names.get((status.st_dev, status.st_ino))
            if file is None:
                continue
            flags = int(_field((process / "fdinfo" / descriptor).read_text(), "flags"), 8)
            writes = flags & os.O_ACCMODE != os.O_RDONLY
            if (file, writes) not in seen:
                seen.add((file, writes))
                about = (process / "status").read_text()
                groups = f"{_field(about, 'Gid').split()[1]} {_field(about, 'Groups')}".split()
                yield Opener(
                    pid=int(process.name),
                    name=_field(about, "Name"),
                    user=int(_field(about, "Uid").split()[1]),
                    groups=frozenset(map(int, groups)),
                    file=file,
                    writes=writes,
                    appends=bool(flags & os.O_APPEND),
                )


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}:[ \t]*(.*)$", text, re.MULTILINE)
    return match[1] if match else ""


def _check_right_to_rotate(path: Path, openers: list[Opener], findings: Findings) -> None:
    for opener in openers:
        if opener.writes and not _may_rename(opener, path):
            findings.problem(
                f"{opener} has no right to rename files in {path.parent}: it cannot rotate, and the file grows",
                f"give user {user_name(opener.user)} the right to write to {path.parent}, not only to the file",
            )


def _may_rename(opener: Opener, path: Path) -> bool:
    if opener.user == 0:
        return True
    folder = path.parent.stat()
    if folder.st_mode & stat.S_ISVTX and opener.user not in (folder.st_uid, path.stat().st_uid):
        return False
    shift = 6 if opener.user == folder.st_uid else 3 if folder.st_gid in opener.groups else 0
    return (folder.st_mode >> shift) & 0o3 == 0o3


def _check_lock(path: Path, openers: list[Opener], findings: Findings) -> None:
    held = lock_holders(path)
    if not held:
        findings.ok("no process holds the lock of the file")
        return
    time.sleep(LOCK_SECONDS)
    names = {opener.pid: str(opener) for opener in openers}
    for pid in sorted(held & lock_holders(path)):
        state = ""
        with suppress(OSError):
            state = _field((PROC / str(pid) / "status").read_text(), "State")
        is_stopped = state[:1] in ("T", "t")
        findings.problem(
            f"{names.get(pid, f'process {pid}')} has held the lock for over {LOCK_SECONDS} s"
            + (f" and is {state}" if state else "")
            + "; until it is free, other processes write without it, and none rotates",
            f"kill -CONT {pid}, or end it" if is_stopped else f"end process {pid}, or find out why it blocks",
        )


def lock_holders(path: Path) -> set[int]:
    """Return the ids of the processes that hold a lock on the file; 0 or -1 is a process of another container."""
    status = path.stat()
    inode = f":{status.st_ino}"
    holders = set()
    for line in (PROC / "locks").read_text().splitlines():
        # 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF; "->" before FLOCK: the process waits. The device is not
        # compared: on Btrfs and overlayfs it differs from that of stat().
        fields = line.split()
        if len(fields) >= 8 and fields[1] == "FLOCK" and fields[5].endswith(inode):
            holders.add(int(fields[4]))
    return holders
