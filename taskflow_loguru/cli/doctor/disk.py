"""Checks of the file system: network or local, and room for the file and its backups."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from rich.filesize import decimal

from .findings import Finding, Settings, note, ok, problem
from .place import numbered_backups

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d|smbfs|9p|afs|ceph|lustre|gpfs|glusterfs|fuse\.(sshfs|glusterfs|s3fs|ceph.*|rclone)"
)
_GONE = {
    **dict.fromkeys(("tmpfs", "ramfs"), "after a reboot"),
    **dict.fromkeys(("overlay", "aufs", "fuse.fuse-overlayfs"), "with the container"),
}


@dataclass(frozen=True)
class Mount:
    """A mounted file system."""

    point: Path
    type: str
    options: tuple[str, ...]


def check(settings: Settings) -> Iterator[Finding]:
    mount = mount_of(settings.path)
    if mount is not None:
        yield from check_mount(settings, mount)
    if settings.rotates:
        yield from _check_space(settings)


def mount_of(path: Path, mountinfo: bytes | None = None) -> Mount | None:
    """Return the file system of *path*, from /proc/self/mountinfo (proc(5)); None if there is no such file."""
    if mountinfo is None:
        mountinfo = MOUNTS.read_bytes() if MOUNTS.exists() else b""
    found: Mount | None = None
    for line in mountinfo.split(b"\n"):
        before, _, after = line.partition(b" - ")
        fields, types = before.split(), after.split()
        if len(fields) < 6 or len(types) < 3:
            continue  # not understood
        point = Path(os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8) % 256]), fields[4])))
        if path.is_relative_to(point) and (found is None or point.is_relative_to(found.point)):
            options = os.fsdecode(fields[5] + b"," + types[-1]).split(",")
            found = Mount(point, os.fsdecode(types[0]), tuple(options))
    return found


def check_mount(settings: Settings, mount: Mount) -> Iterator[Finding]:
    if mount.point == settings.path:
        yield problem(
            "the file itself is a mount point: it cannot be renamed, and is never rotated", "mount its folder instead"
        )
    if "ro" in mount.options:
        yield problem(f"{mount.point} is mounted read-only", f"mount -o remount,rw {quote(str(mount.point))}")
    if not _NETWORK.fullmatch(mount.type):
        if mount.type in _GONE:
            yield note(
                f"{mount.type}: the log is gone {_GONE[mount.type]}", f"mount a volume at {settings.path.parent}"
            )
        else:
            yield ok(f"local file system ({mount.type})")
        return
    local = {"nolock", "local_lock=flock", "local_lock=all", "nobrl"} & set(mount.options)
    if local:
        yield problem(
            f"network file system ({mount.type}) with {', '.join(sorted(local))}: other machines do not see the locks",
            "use one file per machine, or mount it without that option",
        )
    else:
        yield note(
            f"network file system ({mount.type}): two machines that write to one file overwrite each other's lines "
            "if the server does not support their locks",
            "use one file per machine",
        )


def _check_space(settings: Settings) -> Iterator[Finding]:
    sizes = [settings.path.stat().st_size, *(backup.size for backup in numbered_backups(settings.path))]
    most = settings.max_bytes * (settings.backup_count + 1)
    needed = max(0, most - sum(sizes))
    system = os.statvfs(settings.path)
    free = system.f_bavail * system.f_frsize
    text = f"{decimal(free)} free; the file and its backups may grow by {decimal(needed)}"
    if free < needed:
        yield problem(
            f"{text}, to max_bytes * (backup_count + 1)",
            f"free {decimal(needed - free)}, or lower max_bytes or backup_count",
        )
    else:
        yield ok(text)
    # A file system that creates inodes on demand reports 0 for both.
    missing = settings.backup_count + 1 - len(sizes) + 1  # a rotation creates the new file first
    if system.f_files and system.f_favail < max(1, missing):
        yield problem(
            f"{system.f_favail} inodes free; the backups need {max(1, missing)}: a rotation will fail",
            f"delete unneeded files on the file system of {settings.path.parent}",
        )
