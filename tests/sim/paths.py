"""The walk from a path to an inode, as in Linux."""

from __future__ import annotations

import errno
import functools
from typing import NamedTuple

from .inodes import Inode, Process, fail

MOST_LINKS = 40
LONGEST_NAME = 255


class At(str):
    """A path that is relative to the folder of a descriptor, as ``dir_fd`` makes it."""

    fd: int

    def __new__(cls, path: str, fd: int) -> At:
        made = super().__new__(cls, path)
        made.fd = fd
        return made

    def __reduce__(self) -> tuple[type[At], tuple[str, int]]:
        return At, (str(self), self.fd)


class Place(NamedTuple):
    """An entry of a folder, or the gap where one could be made."""

    folder: Inode
    name: str
    inode: Inode | None


def walk(root: Inode, process: Process, path: str, *, follow: bool = True) -> Place:
    """Find the entry at *path*, from *root* or from the folder of a descriptor; *follow* a link at its end."""
    if not path:
        fail(errno.ENOENT, path)
    names = list(_parts(str(path)))
    here = root
    if isinstance(path, At) and not path.startswith("/"):
        here = process.reached(path.fd).inode
        if not here.is_folder:
            fail(errno.ENOTDIR, path)
    links = 0
    while names:
        name = names.pop()
        if not here.is_folder:
            fail(errno.ENOTDIR, path)
        if not process.may(1, here):
            fail(errno.EACCES, path)
        if len(name) > LONGEST_NAME:
            fail(errno.ENAMETOOLONG, path)
        found = here.parent or root if name == ".." else here.entries.get(name)
        if found is not None and found.is_link and (names or follow):
            links += 1
            if links > MOST_LINKS:
                fail(errno.ELOOP, path)
            target = found.data.decode()
            if target.startswith("/"):
                here = root
            names += _parts(target)
            continue
        if not names:
            return Place(here, name, found)
        if found is None:
            fail(errno.ENOENT, path)
        here = found
    return Place(here.parent or root, ".", here)


@functools.cache
def _parts(path: str) -> tuple[str, ...]:
    """Return the names in a path, the last one first."""
    return tuple(name for name in reversed(path.split("/")) if name and name != ".")


def existing(root: Inode, process: Process, path: str, *, follow: bool = True) -> Inode:
    inode = walk(root, process, path, follow=follow).inode
    if inode is None:
        fail(errno.ENOENT, path)
    return inode


def may_change(process: Process, folder: Inode, path: str) -> None:
    """Refuse a process that may not make or remove entries of the folder; a deleted folder gets none."""
    if not folder.links:
        fail(errno.ENOENT, path)
    if not process.may(3, folder):
        fail(errno.EACCES, path)


def is_above(upper: Inode, lower: Inode) -> bool:
    """Return whether the folder *upper* is *lower*, or contains it at any depth."""
    here: Inode | None = lower
    while here is not None:
        if here is upper:
            return True
        here = here.parent
    return False
