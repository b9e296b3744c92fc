"""Processes with their users, and what a user may do with a file: the kernel is asked."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

_TESTS = {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}
_DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER = 1 << 1, 1 << 2, 1 << 3  # capabilities(7)


@dataclass(frozen=True)
class Process:
    """A process; ``groups`` begins with its effective group, ``capabilities`` are the effective ones."""

    pid: int
    name: str
    user: int
    groups: tuple[int, ...]
    capabilities: int

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name}, user {user_name(self.user)})"

    def may(self, access: int, path: Path) -> bool | None:
        """Return whether it may access *path* (``os.R_OK``, ...), ACLs included; None if that cannot be found out."""
        if self.capabilities & _DAC_OVERRIDE or (access == os.R_OK and self.capabilities & _DAC_READ_SEARCH):
            return True
        if os.geteuid():
            return os.access(path, access) if self.user == os.geteuid() else None
        asked = " && ".join(f'test -{letter} "$1"' for letter, bit in _TESTS.items() if access & bit)
        with suppress(OSError, subprocess.SubprocessError):
            ended = subprocess.run(
                ["sh", "-c", asked, "sh", path],
                user=self.user,
                group=self.groups[0],
                extra_groups=self.groups,
                check=False,
            )
            return {0: True, 1: False}.get(ended.returncode)
        return None

    def may_rename(self, path: Path) -> bool | None:
        """Return whether it may rename the file at *path*; None if that cannot be found out."""
        folder = path.parent.stat()
        is_owner = self.user in (folder.st_uid, path.stat().st_uid) or self.capabilities & _FOWNER
        if folder.st_mode & stat.S_ISVTX and not is_owner:
            return False
        return self.may(os.W_OK | os.X_OK, path.parent)


def entries() -> list[Path]:
    """Return the folders in /proc of all other processes."""
    return [entry for entry in PROC.iterdir() if entry.name.isdecimal() and int(entry.name) != os.getpid()]


def fields_of(file: Path) -> dict[bytes, bytes]:
    """Return the ``name: value`` lines of a file in /proc. Only a newline ends one: a name may have any other byte."""
    lines = (line.partition(b":") for line in file.read_bytes().split(b"\n"))
    return {name: value.strip(b" \t") for name, _, value in lines}


def process_at(entry: Path) -> Process:
    """Return the process of a folder in /proc.

    Raises:
        OSError: It has ended, or belongs to another user.
        LookupError, ValueError: The entry cannot be understood.
    """
    fields = fields_of(entry / "status")
    return Process(
        pid=int(entry.name),
        name=fields[b"Name"].decode("utf-8", "backslashreplace"),
        user=int(fields[b"Uid"].split()[1]),
        groups=tuple(map(int, (fields[b"Gid"].split()[1], *fields[b"Groups"].split()))),
        capabilities=int(fields[b"CapEff"], 16),
    )


def user_name(number: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return str(number)


def group_name(number: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return str(number)
