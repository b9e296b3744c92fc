"""The system calls that change or read names: rename, link, unlink, mkdir, listdir ..."""

from __future__ import annotations

import errno
import stat

from .inodes import Inode, Process, SecondInode, fail
from .paths import Place, existing, is_above, may_change, walk


class Names:
    """The tree of folders, and its limits."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.file_clock_ahead = 0.0
        """How many seconds the clock of the file system, from which files have their times, is ahead of ``clock``."""
        self.links_are_inodes = False
        """Whether a second name is a second inode, with locks and an end of its own: FUSE, as ``libfuse`` does it."""
        self.free_inodes: int | None = None
        self.exchange_error: int | None = None
        """The error of ``renameat2(..., RENAME_EXCHANGE)``: ENOSYS of an old kernel, EINVAL of a file system."""
        self.protects_links = True
        """``/proc/sys/fs/protected_hardlinks``"""
        self._free_numbers: list[int] = []
        self._next_number = 2
        self.deleted: list[Inode] = []
        """The files that have lost their last name, in order."""
        self.root = self._make(stat.S_IFDIR | 0o755, Process(0), None)

    @property
    def file_time(self) -> float:
        return self.clock + self.file_clock_ahead

    # -- inodes -----------------------------------------------------------------------------------

    def _make(self, mode: int, process: Process, folder: Inode | None) -> Inode:
        if self.free_inodes is not None:
            if not self.free_inodes:
                fail(errno.ENOSPC)
            self.free_inodes -= 1
        # The lowest free number, as ext4 does: a new file may have the inode number of one that was just deleted.
        if self._free_numbers:
            number = min(self._free_numbers)
            self._free_numbers.remove(number)
        else:
            number, self._next_number = self._next_number, self._next_number + 1
        inode = Inode(number, mode, process.uid, process.gid, modified=self.file_time)
        if folder is not None and folder.mode & stat.S_ISGID:
            inode.gid = folder.gid
            if inode.is_folder:
                inode.mode |= stat.S_ISGID
        if inode.is_folder:
            inode.links, inode.parent = 2, folder
            if folder is not None:
                folder.links += 1
        return inode

    def _add(self, place: Place, inode: Inode) -> None:
        place.folder.entries[place.name] = inode
        place.folder.modified = self.file_time

    def _drop_name(self, place: Place) -> None:
        inode = place.folder.entries.pop(place.name)
        place.folder.modified = self.file_time
        if inode.is_folder:
            inode.links = 0
            place.folder.links -= 1
        else:
            inode.links -= 1
            if not inode.links:
                self.deleted.append(inode)
        self._free_if_unused(inode)

    def _free_if_unused(self, inode: Inode) -> None:
        if inode.links or inode.openings:
            return
        self._free_numbers.append(inode.number)
        if self.free_inodes is not None:
            self.free_inodes += 1
        if not (inode.is_folder or inode.is_link):
            self._resize(inode, 0, keep=True)

    def _resize(self, inode: Inode, size: int, *, keep: bool = False) -> None:
        raise NotImplementedError

    def _free_place(self, process: Process, path: str) -> Place:
        place = walk(self.root, process, path, follow=False)
        if place.inode is not None:
            fail(errno.EEXIST, path)
        return place

    # -- calls ------------------------------------------------------------------------------------

    def mkdir(self, process: Process, path: str, mode: int = 0o777) -> None:
        place = self._free_place(process, path)
        may_change(process, place.folder, path)
        self._add(place, self._make(stat.S_IFDIR | mode & 0o1777 & ~process.umask, process, place.folder))

    def symlink(self, process: Process, target: str, path: str) -> None:
        place = self._free_place(process, path)
        may_change(process, place.folder, path)
        inode = self._make(stat.S_IFLNK | 0o777, process, place.folder)
        inode.data = target.encode()
        self._add(place, inode)

    def link(self, process: Process, source: str, path: str, follow: bool = False) -> None:
        inode = existing(self.root, process, source, follow=follow)
        place = self._free_place(process, path)
        if self.protects_links and process.uid not in (0, inode.uid):
            is_plain = stat.S_ISREG(inode.mode) and not inode.mode & stat.S_ISUID
            if not is_plain or not process.may(6, inode):
                fail(errno.EPERM, path)
        may_change(process, place.folder, path)
        if inode.is_folder:
            fail(errno.EPERM, path)
        inode.links += 1
        self._add(place, SecondInode(inode) if self.links_are_inodes else inode)

    def readlink(self, process: Process, path: str) -> str:
        inode = existing(self.root, process, path, follow=False)
        if not inode.is_link:
            fail(errno.EINVAL, path)
        return inode.data.decode()

    def unlink(self, process: Process, path: str) -> None:
        place = walk(self.root, process, path, follow=False)
        if place.inode is None:
            fail(errno.ENOENT, path)
        may_change(process, place.folder, path)
        if place.inode.is_folder:
            fail(errno.EISDIR, path)
        self._drop_name(place)

    def rmdir(self, process: Process, path: str) -> None:
        place = walk(self.root, process, path, follow=False)
        if place.inode is None:
            fail(errno.ENOENT, path)
        may_change(process, place.folder, path)
        if not place.inode.is_folder:
            fail(errno.ENOTDIR, path)
        if place.inode.entries:
            fail(errno.ENOTEMPTY, path)
        self._drop_name(place)

    def rename(self, process: Process, source: str, target: str) -> None:
        old = walk(self.root, process, source, follow=False)
        new = walk(self.root, process, target, follow=False)
        if old.inode is None:
            fail(errno.ENOENT, source)
        if old.inode.is_folder and is_above(old.inode, new.folder):
            fail(errno.EINVAL, source)
        if new.inode is not None and new.inode.is_folder and is_above(new.inode, old.folder):
            fail(errno.ENOTEMPTY, source)
        if old.inode is new.inode:
            return
        may_change(process, old.folder, source)
        may_change(process, new.folder, target)
        if new.inode is not None and old.inode.is_folder != new.inode.is_folder:
            fail(errno.EISDIR if new.inode.is_folder else errno.ENOTDIR, source)
        self._may_move(process, old.inode, old.folder, new.folder, source)
        if new.inode is not None:
            if new.inode.entries:
                fail(errno.ENOTEMPTY, source)
            self._drop_name(new)
        del old.folder.entries[old.name]
        old.folder.modified = self.file_time
        self._add(new, old.inode)
        self._set_parent(old.inode, old.folder, new.folder)

    def exchange(self, process: Process, source: str, target: str) -> None:
        """``renameat2(..., RENAME_EXCHANGE)``"""
        if self.exchange_error is not None:
            fail(self.exchange_error, source)
        old = walk(self.root, process, source, follow=False)
        new = walk(self.root, process, target, follow=False)
        if old.inode is None or new.inode is None:
            fail(errno.ENOENT, source)
        for inode, folder in ((old.inode, new.folder), (new.inode, old.folder)):
            if inode.is_folder and is_above(inode, folder):
                fail(errno.EINVAL, source)
        if old.inode is new.inode:
            return
        may_change(process, old.folder, source)
        may_change(process, new.folder, target)
        self._may_move(process, old.inode, old.folder, new.folder, source)
        self._may_move(process, new.inode, new.folder, old.folder, source)
        self._add(old, new.inode)
        self._add(new, old.inode)
        self._set_parent(old.inode, old.folder, new.folder)
        self._set_parent(new.inode, new.folder, old.folder)

    @staticmethod
    def _may_move(process: Process, inode: Inode, old: Inode, new: Inode, path: str) -> None:
        # A folder has an entry "..", which a move changes.
        if inode.is_folder and old is not new and not process.may(2, inode):
            fail(errno.EACCES, path)

    @staticmethod
    def _set_parent(inode: Inode, old: Inode, new: Inode) -> None:
        if inode.is_folder and old is not new:
            inode.parent = new
            old.links -= 1
            new.links += 1
