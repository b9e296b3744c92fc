"""Checks of the processes that have the file open, and of those that hold its lock."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from .disk import mount_of
from .findings import Finding, Settings, note, ok, problem
from .place import numbered_backups
from .users import PROC, Process, entries, fields_of, process_at, user_name

LOCK_SECONDS = 0.6
"""How long a lock must be held to be a problem, in seconds: more than the 0.5 s that a writer waits for it."""

_FLAGS = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK
_ONLY_OURS = "let only FileLogger and the sinks of taskflow_loguru write to the file"


@dataclass(frozen=True)
class Opener:
    """A process that has the file or a backup open."""

    process: Process
    file: str
    flags: int
    is_backup: bool

    @property
    def writes(self) -> bool:
        return self.flags & os.O_ACCMODE != os.O_RDONLY

    @property
    def is_ours(self) -> bool:
        """Whether it can be one of our sinks, which never wait for a file; an ordinary ``open(path, "a")`` is not."""
        return bool(self.flags & os.O_NONBLOCK)


def check(settings: Settings) -> Iterator[Finding]:
    if not (PROC / "self" / "fd").is_dir():
        yield note("no /proc on this system: cannot find the processes that have the file open")
        return
    openers, unseen = find_openers(settings.path)
    for opener in openers:
        yield from _check_opener(opener)
    for process in dict.fromkeys(opener.process for opener in openers if opener.writes):
        yield from _check_rights(settings, process)
    if not openers:
        yield ok("no process has the file open")
    mount = mount_of(PROC)
    if os.geteuid() and mount and any(option.startswith("hidepid=") for option in mount.options):
        yield note("processes of other users are hidden (hidepid), and were not checked", "run doctor as root")
    elif unseen:
        yield note(f"{unseen} processes could not be checked", "run doctor as root, and outside of a container")
    yield from _check_lock(settings.path, openers)


def _check_opener(opener: Opener) -> Iterator[Finding]:
    yield ok(f"{opener.process} has {opener.file} open, to {'write' if opener.writes else 'read'}")
    stranger = "it is another program, or fastapi-taskflow's own FileLogger"
    if not opener.writes:
        return
    if not opener.flags & os.O_APPEND:
        yield problem(f"{opener.process} does not write in append mode, and overwrites other lines", _ONLY_OURS)
    elif not opener.is_ours and opener.is_backup:
        yield problem(f"{opener.process} still writes to {opener.file}, which was rotated: {stranger}", _ONLY_OURS)
    elif not opener.is_ours:
        yield note(f"{opener.process} writes without a lock: {stranger}", _ONLY_OURS)


def find_openers(path: Path) -> tuple[list[Opener], int]:
    """Return the processes that have the file or a backup open, and the number of those that cannot be checked."""
    names = {}
    for file in (path, *(backup.path for backup in numbered_backups(path))):
        with suppress(FileNotFoundError):
            status = file.stat()
            names[status.st_dev, status.st_ino] = file.name
    openers: set[Opener] = set()
    unseen = 0
    for entry in entries():
        try:
            openers.update(_openings(entry, path, names))
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended
        except (OSError, LookupError, ValueError):
            unseen += 1
    return sorted(openers, key=lambda opener: (opener.process.pid, opener.file, opener.flags)), unseen


def _openings(entry: Path, path: Path, names: dict[tuple[int, int], str]) -> Iterator[Opener]:
    deleted = re.compile(re.escape(str(path)) + r"(?:[.-]\d+)? \(deleted\)")
    for descriptor in os.listdir(entry / "fd"):
        with suppress(OSError):  # it was closed, or its file system is dead
            status = os.stat(entry / "fd" / descriptor)
            file = names.get((status.st_dev, status.st_ino))
            if not status.st_nlink and deleted.fullmatch(link := os.readlink(entry / "fd" / descriptor)):
                file = os.path.basename(link)
            if file is not None:
                flags = int(fields_of(entry / "fdinfo" / descriptor)[b"flags"], 8)
                yield Opener(process_at(entry), file, flags & _FLAGS, file != path.name)


def _check_rights(settings: Settings, process: Process) -> Iterator[Finding]:
    user, path = user_name(process.user), settings.path
    if process.may(os.W_OK, path) is False:
        yield problem(
            f"{process} may not write to the file that is now at the path", f"chown {user} {quote(str(path))}"
        )
    if settings.rotates and process.may_rename(path) is False:
        yield problem(
            f"{process} has no right to rename files in {path.parent}: it cannot rotate, and the file grows",
            f"give user {user} the right to write to {path.parent}, not only to the file",
        )


def _check_lock(path: Path, openers: list[Opener]) -> Iterator[Finding]:
    held = lock_holders(path)
    if not held:
        yield ok("no process holds the lock of the file")
        return
    time.sleep(LOCK_SECONDS)
    names = {opener.process.pid: str(opener.process) for opener in openers}
    for pid in sorted(held & lock_holders(path)):
        state = ""
        with suppress(OSError):
            state = fields_of(PROC / str(pid) / "status").get(b"State", b"").decode("utf-8", "backslashreplace")
        is_stopped = state[:1] in ("T", "t")
        yield problem(
            f"{names.get(pid, f'process {pid}')} has held the lock for over {LOCK_SECONDS} s"
            + (f" and is {state}" if state else "")
            + "; until it is free, other processes write without it, and none rotates",
            f"kill -CONT {pid}, or end it" if is_stopped else f"end process {pid}, or find out why it blocks",
        )


def lock_holders(path: Path) -> set[int]:
    """Return the ids of the processes that hold a lock on the file; 0 or -1 is a process of another container."""
    inode = b":%d" % path.stat().st_ino
    holders = set()
    for line in (PROC / "locks").read_bytes().split(b"\n"):
        # 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF; "->" before FLOCK: the process waits. The device is not
        # compared: on Btrfs and overlayfs it differs from that of stat().
        fields = line.split()
        if len(fields) >= 8 and fields[1] == b"FLOCK" and fields[5].endswith(inode):
            with suppress(ValueError):
                holders.add(int(fields[4]))
    return holders
