"""The system calls on descriptors: open, write, flock, close ..."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from .attributes import Attributes
from .inodes import Description, Inode, Process, fail
from .paths import may_change, walk
from .power import Cut, Disk


class Kernel(Attributes):
    """A POSIX in memory. Each method is a system call, with the results and errors of Linux."""

    def __init__(self, block: int = 4096) -> None:
        self.free_blocks: int | None = None
        self.disk: Disk | None = None
        """The states that a power cut may leave; None: there is to be none."""
        self.block = block
        """The size in bytes of a block: space is used in blocks."""
        super().__init__()

    # -- processes --------------------------------------------------------------------------------

    def fork(self, parent: Process, number: int) -> Process:
        child = Process(number, parent.uid, parent.gid, parent.groups, parent.umask)
        self.inherit(child, parent)
        return child

    def inherit(self, process: Process, parent: Process) -> None:
        """Do the work of fork() for a child that was made before."""
        process.descriptors.update(parent.descriptors)
        for description in parent.descriptors.values():
            description.holders += 1

    def exit(self, process: Process) -> None:
        for fd in list(process.descriptors):
            self.close(process, fd)

    def lose_power(self, cut: Cut) -> None:
        """Forget all processes, and everything that is not on the disk."""
        assert self.disk is not None
        left = self.disk.cut(cut)
        self.disk = None
        self.deleted = [inode for inode in self.deleted if inode not in left]
        self._free_numbers = sorted(set(range(2, self._next_number)) - {inode.number for inode in left})

    # -- descriptors ------------------------------------------------------------------------------

    def open(self, process: Process, path: str, flags: int, mode: int = 0o777) -> int:
        follow = not flags & os.O_NOFOLLOW and flags & (os.O_CREAT | os.O_EXCL) != os.O_CREAT | os.O_EXCL
        if flags & os.O_PATH:  # all other flags but these are ignored
            flags &= os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            follow = not flags & os.O_NOFOLLOW
        place = walk(self.root, process, path, follow=follow)
        inode = place.inode
        if inode is None:
            if not flags & os.O_CREAT:
                fail(errno.ENOENT, path)
            may_change(process, place.folder, path)
            inode = self._make(stat.S_IFREG | mode & 0o7777 & ~process.umask, process, place.folder)
            self._add(place, inode)
        else:
            self._check_opening(process, inode, path, flags)
            if flags & os.O_TRUNC:
                self._resize(inode, 0)
        inode.openings += 1
        if inode.seen_size is not None:
            inode.seen_size = len(inode.data)
        return process.add(Description(inode, flags))

    @staticmethod
    def _check_opening(process: Process, inode: Inode, path: str, flags: int) -> None:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            fail(errno.EEXIST, path)
        if inode.is_link and not flags & os.O_PATH:
            fail(errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP, path)
        if flags & os.O_DIRECTORY and not inode.is_folder:
            fail(errno.ENOTDIR, path)
        if flags & os.O_PATH:
            return
        wanted = {os.O_RDONLY: 4, os.O_WRONLY: 2, os.O_RDWR: 6}[flags & os.O_ACCMODE]
        if flags & os.O_TRUNC:
            wanted |= 2
        if inode.is_folder and (flags & os.O_CREAT or wanted & 2):
            fail(errno.EISDIR, path)
        if not process.may(wanted, inode):
            fail(errno.EACCES, path)

    def close(self, process: Process, fd: int) -> None:
        description = process.reached(fd)
        del process.descriptors[fd]
        description.holders -= 1
        if not description.holders:
            inode = description.inode
            inode.locks.pop(description, None)
            inode.openings -= 1
            self._free_if_unused(inode)

    def dup(self, process: Process, fd: int, lowest: int = 3) -> int:
        description = process.reached(fd)
        description.holders += 1
        return process.add(description, lowest)

    def fcntl(self, process: Process, fd: int, command: int, argument: int = 0) -> int:
        if command in (fcntl.F_DUPFD_CLOEXEC, fcntl.F_DUPFD):
            return self.dup(process, fd, max(3, argument))
        if command == fcntl.F_GETFL:
            return process.reached(fd).flags
        raise NotImplementedError(f"fcntl command {command}")

    def flock(self, process: Process, fd: int, operation: int) -> None:
        description = process.opened(fd)
        locks = description.inode.locks
        kind = operation & ~fcntl.LOCK_NB
        # Linux releases the old lock before it tries to get the other kind.
        if kind == fcntl.LOCK_UN or locks.get(description, kind) != kind:
            locks.pop(description, None)
        if kind == fcntl.LOCK_UN:
            return
        others = [held for holder, held in locks.items() if holder is not description]
        if others and (kind == fcntl.LOCK_EX or fcntl.LOCK_EX in others):
            fail(errno.EWOULDBLOCK)
        locks[description] = kind

    # -- data -------------------------------------------------------------------------------------

    def write(self, process: Process, fd: int, data: bytes) -> int:
        description = process.opened(fd)
        if not description.is_writable:
            fail(errno.EBADF)
        if not data:
            return 0
        inode = description.inode
        size = len(inode.data) if inode.seen_size is None else inode.seen_size
        start = size if description.flags & os.O_APPEND else description.offset
        data = bytes(data)
        if self.free_blocks is not None:
            room = (self._blocks(len(inode.data)) + self.free_blocks) * self.block - start
            if room <= 0:
                fail(errno.ENOSPC)
            data = data[:room]  # a short write
        end = start + len(data)
        old = inode.data
        self._set_data(inode, old[:start].ljust(start, b"\0") + data + old[end:])
        description.offset = end
        if inode.seen_size is not None:
            inode.seen_size = max(size, end)
        return len(data)

    def read(self, process: Process, fd: int, count: int) -> bytes:
        description = process.opened(fd)
        data = self.pread(process, fd, count, description.offset)
        description.offset += len(data)
        return data

    def pread(self, process: Process, fd: int, count: int, offset: int) -> bytes:
        description = process.opened(fd)
        if not description.is_readable:
            fail(errno.EBADF)
        if description.inode.is_folder:
            fail(errno.EISDIR)
        return description.inode.data[offset : offset + count]

    def lseek(self, process: Process, fd: int, offset: int, whence: int) -> int:
        description = process.opened(fd)
        base = (0, description.offset, len(description.inode.data))[whence]
        if base + offset < 0:
            fail(errno.EINVAL)
        description.offset = base + offset
        return description.offset

    def ftruncate(self, process: Process, fd: int, size: int) -> None:
        description = process.opened(fd)
        if not description.is_writable or size < 0:
            fail(errno.EINVAL)
        self._resize(description.inode, size)

    def fsync(self, process: Process, fd: int) -> None:
        inode = process.opened(fd).inode
        if self.disk is not None:
            self.disk.sync(inode, with_names=True)

    def fdatasync(self, process: Process, fd: int) -> None:
        inode = process.opened(fd).inode
        if self.disk is not None:
            self.disk.sync(inode, with_names=False)

    def _resize(self, inode: Inode, size: int, *, keep: bool = False) -> None:
        data = inode.data
        self._set_data(inode, data[:size].ljust(size, b"\0"))
        if keep:  # the checks read deleted files
            inode.data = data

    def _set_data(self, inode: Inode, data: bytes) -> None:
        if self.free_blocks is not None:
            self.free_blocks += self._blocks(len(inode.data)) - self._blocks(len(data))
        inode.data = data
        inode.modified = self.file_time

    def _blocks(self, size: int) -> int:
        return -(-size // self.block)
