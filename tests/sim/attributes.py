"""The system calls on the attributes of files and the entries of folders: stat, chown, setxattr, scandir ..."""

from __future__ import annotations

import errno
import os
import stat

from .inodes import Inode, Process, fail
from .names import Names
from .paths import existing


class Attributes(Names):
    """The attributes of inodes, by path or by descriptor."""

    def _inode(self, process: Process, path: str | int, *, follow: bool = True) -> Inode:
        if isinstance(path, int):
            return process.opened(path).inode
        return existing(self.root, process, path, follow=follow)

    def stat(self, process: Process, path: str | int) -> os.stat_result:
        return self.fstat(process, path) if isinstance(path, int) else self._inode(process, path).status()

    def lstat(self, process: Process, path: str) -> os.stat_result:
        return self._inode(process, path, follow=False).status()

    def fstat(self, process: Process, fd: int) -> os.stat_result:
        return process.reached(fd).inode.status()

    def access(self, process: Process, path: str, mode: int) -> bool:
        return process.may(mode, existing(self.root, process, path))

    def chmod(self, process: Process, path: str | int, mode: int) -> None:
        inode = self._inode(process, path)
        if process.uid not in (0, inode.uid):
            fail(errno.EPERM)
        inode.mode = stat.S_IFMT(inode.mode) | mode & 0o7777

    fchmod = chmod

    def chown(self, process: Process, path: str | int, uid: int, gid: int) -> None:
        inode = self._inode(process, path)
        if process.uid:
            is_own = process.uid == inode.uid
            if uid != -1 and not (is_own and uid == inode.uid):
                fail(errno.EPERM)
            if gid != -1 and not (is_own and (gid == inode.gid or process.is_in(gid))):
                fail(errno.EPERM)
        inode.uid = inode.uid if uid == -1 else uid
        inode.gid = inode.gid if gid == -1 else gid

    fchown = chown

    def utime(self, process: Process, path: str | int, modified: float) -> None:
        inode = self._inode(process, path)
        if process.uid not in (0, inode.uid):
            fail(errno.EPERM)
        inode.modified = modified

    def getxattr(self, process: Process, path: str | int, name: str) -> bytes:
        attributes = self._inode(process, path).attributes
        if name not in attributes:
            fail(errno.ENODATA)
        return attributes[name]

    def setxattr(self, process: Process, path: str | int, name: str, value: bytes) -> None:
        inode = self._inode(process, path)
        if process.uid not in (0, inode.uid):
            fail(errno.EPERM)
        inode.attributes[name] = value

    def removexattr(self, process: Process, path: str | int, name: str) -> None:
        self.getxattr(process, path, name)
        del self._inode(process, path).attributes[name]

    def listdir(self, process: Process, path: str | int) -> list[str]:
        return [name for name, _, _ in self.scandir(process, path)]

    def scandir(self, process: Process, path: str | int) -> list[tuple[str, int, int]]:
        """Return the name, the type and the inode number of each entry."""
        inode = process.reached(path).inode if isinstance(path, int) else self._inode(process, path)
        if not inode.is_folder:
            fail(errno.ENOTDIR, path)
        if isinstance(path, int):
            process.opened(path)
        elif not process.may(4, inode):
            fail(errno.EACCES, path)
        entries = sorted(inode.entries.items())
        return [(name, stat.S_IFMT(entry.mode), entry.number) for name, entry in entries]
