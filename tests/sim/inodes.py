"""The objects of a kernel: inodes, open file descriptions, processes."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import Any, NoReturn

DEVICE = 42


def fail(number: int, path: object = None) -> NoReturn:
    """Raise the OSError of an errno."""
    if path is None:
        raise OSError(number, os.strerror(number))
    raise OSError(number, os.strerror(number), path)


@dataclass(eq=False, slots=True)
class Inode:
    number: int
    mode: int  # type and permission bits
    uid: int
    gid: int
    links: int = 1
    data: bytes = b""  # of a file; the target of a symbolic link
    entries: dict[str, Inode] = field(default_factory=dict)  # of a folder
    parent: Inode | None = None  # of a folder
    openings: int = 0
    locks: dict[Description, int] = field(default_factory=dict)  # flock: LOCK_EX or LOCK_SH
    modified: float = 0.0
    attributes: dict[str, bytes] = field(default_factory=dict)
    copy: int = 0  # which of the inodes for one file
    seen_size: int | None = None  # where it appends, if other inodes of the same file write without its knowledge

    @property
    def is_folder(self) -> bool:
        return self.mode & 0o170000 == stat.S_IFDIR

    @property
    def is_link(self) -> bool:
        return self.mode & 0o170000 == stat.S_IFLNK

    def status(self) -> os.stat_result:
        nanoseconds = round(self.modified * 1e9)
        size = 4096 if self.is_folder else len(self.data) if self.seen_size is None else self.seen_size
        seconds = int(self.modified)
        return os.stat_result(
            (self.mode, self.number, DEVICE, self.links, self.uid, self.gid, size, seconds, seconds, seconds)
            + (self.modified,) * 3
            + (nanoseconds,) * 3
        )


class SecondInode(Inode):
    """An inode for a second name of a file, in a file system that does not know that both are the same file.

    Both have the data and the attributes. Each has its own locks, and its own idea of the size since it was opened.
    """

    __slots__ = ("_first",)

    def __init__(self, first: Inode) -> None:
        self._first = first
        self.locks = {}
        self.copy = first.copy + 1
        self.seen_size = first.seen_size = len(first.data)


def _shared(name: str) -> property:
    def get(inode: SecondInode) -> Any:
        return getattr(inode._first, name)

    def put(inode: SecondInode, value: Any) -> None:
        setattr(inode._first, name, value)

    return property(get, put)


for _name in (
    "number",
    "mode",
    "uid",
    "gid",
    "links",
    "data",
    "entries",
    "parent",
    "openings",
    "modified",
    "attributes",
):
    setattr(SecondInode, _name, _shared(_name))


@dataclass(eq=False, slots=True)
class Description:
    """An open file description, which dup() and fork() share, and to which a flock() belongs."""

    inode: Inode
    flags: int
    offset: int = 0
    holders: int = 1  # descriptors of all processes

    @property
    def is_path(self) -> bool:
        return bool(self.flags & os.O_PATH)

    @property
    def is_readable(self) -> bool:
        return self.flags & os.O_ACCMODE != os.O_WRONLY

    @property
    def is_writable(self) -> bool:
        return self.flags & os.O_ACCMODE != os.O_RDONLY


@dataclass(eq=False, slots=True)
class Process:
    """A process. Its descriptors 0 to 2 belong to standard streams, which are not simulated."""

    number: int
    uid: int = 0
    gid: int = 0
    groups: frozenset[int] = frozenset()
    umask: int = 0o022
    descriptors: dict[int, Description] = field(default_factory=dict)

    def opened(self, fd: int) -> Description:
        """Return what a descriptor refers to, if it was opened for more than its path (``O_PATH``)."""
        description = self.reached(fd)
        if description.is_path:
            fail(errno.EBADF)
        return description

    def reached(self, fd: int) -> Description:
        """Return what a descriptor refers to, for the calls that a path is enough for."""
        try:
            return self.descriptors[fd]
        except KeyError:
            fail(errno.EBADF)

    def add(self, description: Description, lowest: int = 3) -> int:
        fd = lowest
        while fd in self.descriptors:
            fd += 1
        self.descriptors[fd] = description
        return fd

    def is_in(self, group: int) -> bool:
        return group == self.gid or group in self.groups

    def may(self, wanted: int, inode: Inode) -> bool:
        """Return whether the permission bits grant *wanted*: 4 to read, 2 to write, 1 to search."""
        if self.uid == 0:
            return wanted != 1 or inode.is_folder or bool(inode.mode & 0o111)
        shift = 6 if self.uid == inode.uid else 3 if self.is_in(inode.gid) else 0
        return not wanted & ~(inode.mode >> shift)
