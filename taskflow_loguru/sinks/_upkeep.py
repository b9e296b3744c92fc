"""Work on the backups after a rotation, in a helper thread: sync them to the disk, then compress them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from typing import Literal

from .._stderr import report
from ._access import copy_access
from ._backups import COMPRESSED, Backups
from ._helper import helper_of
from ._linux import ignoring, now
from ._locking import Flock, Folder
from ._open_file import OpenFile
from ._successor import hidden_name

try:
    import gzip
except ImportError:  # a Python that was built without zlib
    gzip = None  # type: ignore[assignment]

CAN_COMPRESS = gzip is not None

_BLOCK = 64 * 1024
_LEVEL = 6  # the default of gzip(1); the best level takes longer, and saves hardly any space in a log
_STUCK_SECONDS = 10.0
_RETRY_SECONDS = 0.1
_MOST_ATTEMPTS = 100
_NICE = 10  # never SCHED_IDLE: a thread of that class that loses the processor while it holds the GIL stops all others


class Upkeep:
    """Sync the backups of a file, then compress them with gzip, from ``.2`` on.

    A backup is compressed under a hidden name, which a ``flock`` reserves for one process, and synced to the disk;
    then the result is renamed, and the plain file deleted. A kill at any step leaves the plain file, and the next
    rotation begins again.

    Args:
        path: The file.
        backup_count: How many backups are kept.
        compression: "gzip", or None for plain backups.
    """

    def __init__(self, path: str, backup_count: int, compression: Literal["gzip"] | None) -> None:
        self._backup_count = backup_count
        self._compression = compression
        self._path = path
        self._starter = 0  # the thread that starts the helper
        self._synced = 0, 0  # inode and mtime of the newest backup at the last sync; inodes are reused
        self._stuck: tuple[float, tuple[int, int, int]] | None = None  # a hidden file that was locked, since when
        self._has_failed = False

    def start(self, path: str, device: int) -> None:
        """Look after the backups in the background; *path* is that of the file now, all links resolved."""
        self._path = path
        self._starter = threading.get_native_id()
        helper_of(device).run(self.steps)

    def steps(self) -> Iterator[float]:
        """Look after the backups; yield after each step that may take its time."""
        folder = Folder()
        try:
            folder_path, name = os.path.split(self._path)
            folder.open(folder_path)
            yield from self._sync(folder, name)
            if self._compression:
                yield from self._compress_all(folder, name)
            else:
                self._remove_left_over(folder, name)
            self._has_failed = False
        except FileNotFoundError:  # the folder was deleted
            pass
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                report(f"cannot sync or compress a backup of {self._path!r}: {error}; the next rotation tries again")
        finally:
            folder.release()

    def _sync(self, folder: Folder, name: str) -> Iterator[float]:
        """Have each new backup, then the folder, written to the disk: a power cut must not take a backup."""
        newest = 0, 0
        for backup in Backups(folder, name, self._backup_count).names():
            file = OpenFile()
            try:
                folder.open_in(file, backup, os.O_RDONLY)
                identity = file.inode, os.fstat(file.fd).st_mtime_ns
                if identity == self._synced:
                    break
                newest = identity if newest == (0, 0) else newest
                os.fdatasync(file.fd)
            except FileNotFoundError:  # moved up meanwhile, by a rotation that runs this again
                return
            finally:
                file.close()
            yield 0
        if newest != (0, 0):
            if folder.is_listable:
                os.fsync(folder.file.fd)
            self._synced = newest

    def _compress_all(self, folder: Folder, name: str) -> Iterator[float]:
        # On its own thread only: under gevent, a "thread" runs on the main one.
        if threading.get_native_id() not in (self._starter, os.getpid()):
            with ignoring():
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        for number in Backups(folder, name, self._backup_count).to_compress():
            source, target = OpenFile(), OpenFile()
            with ExitStack() as closed_after:
                for file in (source, target):
                    closed_after.callback(file.close)
                if not (yield from self._compress(folder, name, number, source, target)):
                    return

    def _compress(
        self, folder: Folder, name: str, number: int, source: OpenFile, target: OpenFile
    ) -> Generator[float, None, bool]:
        """Compress one backup; return False if another process is compressing backups of this file."""
        plain, hidden = f"{name}.{number}", hidden_name(name, "gz")
        try:
            folder.open_in(source, plain, os.O_RDONLY)
        except FileNotFoundError:  # moved up meanwhile, by a rotation that runs this again
            return True
        status = os.fstat(source.fd)
        if not self._reserve(folder, hidden, target):
            return False
        try:
            # This comes first: after a kill, each user with access to the log must be able to open and replace it.
            # test_upkeep.py::test_it_has_the_access_of_the_plain_file_before_it_has_its_lines
            copy_access(source.fd, target.fd)
            with (
                open(target.fd, "wb", closefd=False) as raw,
                gzip.GzipFile(plain, "wb", _LEVEL, raw, status.st_mtime) as writer,
            ):
                while block := os.read(source.fd, _BLOCK):
                    writer.write(block)
                    yield 0
            os.utime(target.fd, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(target.fd)
            for _ in range(_MOST_ATTEMPTS):
                with suppress(BlockingIOError):  # rotations of other processes hold the lock
                    self._replace(folder, name, number, source, target)
                    return True
                yield _RETRY_SECONDS
            self._replace(folder, name, number, source, target)
            return True
        except OSError:
            with ignoring(errno.ENOENT):
                if folder.has(hidden, target):
                    folder.unlink(hidden)
            raise

    def _reserve(self, folder: Folder, hidden: str, target: OpenFile) -> bool:
        """Make and lock the file *hidden*; return False if another process is using it."""
        try:
            folder.open_in(target, hidden, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            pass
        else:
            if not self._is_left_over(folder, hidden, target):
                return False
            # Replaced, not overwritten: only its owner may set its times.
            # test_upkeep.py::test_a_file_that_another_users_process_left_is_replaced
            folder.unlink(hidden)
            target.close()
        try:
            folder.open_in(target, hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        except FileExistsError:
            return False
        return _is_locked_at(folder, hidden, target)

    def _is_left_over(self, folder: Folder, hidden: str, target: OpenFile) -> bool:
        """Return whether nobody writes to the file *hidden*, whoever holds its lock."""
        if _is_locked_at(folder, hidden, target):
            return True
        # Anyone who may read a file can lock it, but its process would write more and more.
        # test_upkeep.py::test_a_left_over_that_a_stranger_has_locked_does_not_end_compression
        status = os.fstat(target.fd)
        state = status.st_ino, status.st_size, status.st_mtime_ns
        if self._stuck is None or self._stuck[1] != state:
            self._stuck = now(), state
        return now() >= self._stuck[0] + _STUCK_SECONDS

    def _remove_left_over(self, folder: Folder, name: str) -> None:
        hidden, target = hidden_name(name, "gz"), OpenFile()
        with ignoring(), ExitStack() as closed_after:
            closed_after.callback(target.close)
            folder.open_in(target, hidden, os.O_RDWR | os.O_NOFOLLOW)
            if self._is_left_over(folder, hidden, target):
                folder.unlink(hidden)

    def _replace(self, folder: Folder, name: str, number: int, source: OpenFile, target: OpenFile) -> None:
        """Put the compressed file beside its source, whatever number that has by now, and delete the source."""
        hidden, log, status = hidden_name(name, "gz"), OpenFile(), os.fstat(source.fd)
        try:
            folder.lock()
            if not folder.is_listable:  # it cannot be locked, but the log can
                folder.open_in(log, name, os.O_RDWR)
                if not Flock().acquire(log.fd) or not folder.has(name, log):
                    raise BlockingIOError(errno.EAGAIN, "locked by another process", name)
            now_at = Backups(folder, name, self._backup_count).number_of(status, number)
            # A line that was written without the lock can come late: the next rotation begins again.
            has_grown = status.st_size != os.lseek(source.fd, 0, os.SEEK_CUR)
            if not folder.has(hidden, target):
                return
            if now_at is not None and not has_grown:
                folder.rename(hidden, f"{name}.{now_at}{COMPRESSED}")
                folder.rename(f"{name}.{now_at}", hidden)
        finally:
            log.close()
            with ignoring():
                fcntl.flock(folder.file.fd, fcntl.LOCK_UN)
        folder.unlink(hidden)  # without the lock: a large file takes its time


def _is_locked_at(folder: Folder, hidden: str, target: OpenFile) -> bool:
    """Lock *target*; return False if another process has its lock, or has just finished it."""
    try:
        fcntl.flock(target.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return stat.S_ISREG(os.fstat(target.fd).st_mode) and folder.has(hidden, target)
