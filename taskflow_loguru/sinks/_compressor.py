"""Compression of backups in the background, whole or not at all."""

from __future__ import annotations

import _thread
import errno
import fcntl
import gzip
import os
import threading
import time
from contextlib import ExitStack
from typing import BinaryIO

from .._stderr import report
from ._backups import COMPRESSED, Backups, status_of
from ._errors import ignoring
from ._folder_lock import FolderLock
from ._one_step import call_into
from ._open_file import OpenFile
from ._successor import copy_access, hidden_name

_BLOCK = 32 * 1024
_LEVEL = 6  # the default of gzip(1); the best level takes longer, and saves hardly any space in a log


class Compressor:
    """Compress the backups of a file with gzip, from ``.2`` on, in one thread of low priority.

    A backup is compressed under a hidden name, which a ``flock`` reserves for one process, and synced to the disk;
    then the result is renamed, and the plain file deleted. A kill at any step leaves the plain file, and the next
    rotation begins again.

    Args:
        backup_count: How many backups are kept.
    """

    def __init__(self, backup_count: int) -> None:
        self._backup_count = backup_count
        self._path = ""
        self._is_due = False
        self._running: list[int] = []
        self._has_failed = False
        self._opened: list[Opened] = []
        self._turn = threading.Lock()

    def start(self, path: str) -> None:
        """Compress the backups of the file at *path*, all links resolved, in the background."""
        self._path = path
        self._is_due = True
        if not self._running:
            try:
                # Not Thread.start(): the line that rotates would wait until the thread runs.
                call_into(self._running, _thread.start_new_thread, self._run, ())
            except RuntimeError:  # no more threads now: the next rotation tries again
                if self._running:
                    raise

    def abandon(self) -> None:
        """Close, in a forked child, the files that the thread has open in the parent."""
        for opened in self._opened:
            opened.abandon()

    def _run(self) -> None:
        if hasattr(os, "SCHED_IDLE"):
            # Not a nice value: a thread that writes lines would still wait for the end of this one's time slice.
            with ignoring():
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # of this thread alone
        opened = Opened()  # one for each thread: this one may still run when the next one begins
        self._opened.append(opened)
        try:
            # Of two threads, one would refuse the other, and forget what it was started for.
            # test_compressor.py::test_two_threads_of_one_process_compress_one_after_the_other
            with self._turn:
                self._compress_until_done(opened)
        finally:
            self._opened.remove(opened)

    def _compress_until_done(self, opened: Opened) -> None:
        while self._is_due:
            self._is_due = False
            try:
                compress_backups(self._path, self._backup_count, opened)
                self._has_failed = False
            except Exception as error:
                if not self._has_failed:
                    self._has_failed = True
                    report(f"cannot compress a backup of {self._path!r}: {error}; it stays uncompressed")
            # Cleared before the last check: a rotation after that check starts a new thread.
            # test_compressor.py::test_no_backup_is_forgotten
            self._running.clear()


class Opened:
    """The files that a compression has open.

    A forked child must close them: otherwise it keeps the lock of one, and the disk space of another that is deleted.
    """

    def __init__(self) -> None:
        self.source = OpenFile()
        self.target = OpenFile()
        self.folder = FolderLock()

    def abandon(self) -> None:
        """Close everything in a forked child, without unlocking it: the locks are the parent's."""
        for file in (self.source, self.target, self.folder.file):
            file.abandon()


def compress_backups(path: str, backup_count: int, opened: Opened) -> None:
    """Compress all backups of *path* but the newest, oldest first.

    Raises:
        OSError: One could not be compressed. It is unchanged, and the rest waits for the next rotation.
    """
    backups = Backups(path, backup_count)
    for number in backups.to_compress():
        with ExitStack() as closed_after:
            for file in (opened.source, opened.target):
                closed_after.callback(file.close)
            if not _compress(backups, path, f"{path}.{number}", opened):
                return


def _compress(backups: Backups, path: str, plain: str, opened: Opened) -> bool:
    """Compress one backup; return False if another process is compressing backups of this file."""
    source, target, hidden = opened.source, opened.target, hidden_name(path, "gz")
    try:
        source.open(plain, os.O_RDONLY)
    except FileNotFoundError:  # moved up meanwhile, by a rotation that starts another run
        return True
    if not _reserve(hidden, target):
        return False
    try:
        _write_compressed(source.fds[0], target.fds[0], plain)
        _replace(backups, path, source, hidden, opened.folder)
    finally:
        with ignoring(errno.ENOENT):
            if _is_at(hidden, target):
                os.unlink(hidden)
    return True


def _reserve(hidden: str, target: OpenFile) -> bool:
    """Make and lock the file at *hidden*; return False if another process is using it."""
    try:
        target.open(hidden, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        pass
    else:
        if not _is_locked_at(hidden, target):
            return False
        # Left by a process that was killed. Replaced, not overwritten: only its owner may set its times.
        # test_compressor.py::test_a_file_that_another_users_process_left_is_replaced
        os.unlink(hidden)
        target.close()
    try:
        target.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except FileExistsError:
        return False
    return _is_locked_at(hidden, target)


def _is_locked_at(hidden: str, target: OpenFile) -> bool:
    """Lock *target*; return False if another process has its lock, or has just finished it."""
    try:
        fcntl.flock(target.fds[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _is_at(hidden, target)


def _write_compressed(source: int, target: int, plain: str) -> None:
    # This comes first: after a kill, each user with access to the log must be able to open and replace the file.
    # test_compressor.py::test_it_has_the_access_of_the_plain_file_before_it_has_its_lines
    copy_access(source, target)
    status = os.fstat(source)
    with (
        open(source, "rb", closefd=False) as reader,
        open(target, "wb", closefd=False) as raw,
        gzip.GzipFile(os.path.basename(plain), "wb", _LEVEL, raw, status.st_mtime) as writer,
    ):
        _copy(reader, writer)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.fsync(target)


def _copy(reader: BinaryIO, writer: gzip.GzipFile) -> None:
    while block := reader.read(_BLOCK):
        writer.write(block)
        # The kernel may let even a thread of the lowest priority run until its next tick, 4 ms later on many systems,
        # while a thread that writes a line waits.
        os.sched_yield()


def _replace(backups: Backups, path: str, source: OpenFile, hidden: str, folder: FolderLock) -> None:
    """Put the compressed file beside its source, whatever number that has by now, and delete the source."""
    try:
        folder.acquire(os.path.dirname(path), time.monotonic())
        for number in backups.to_compress():
            plain = f"{path}.{number}"
            if _is_at(plain, source):
                os.rename(hidden, plain + COMPRESSED)
                os.unlink(plain)
                return
    finally:
        folder.release()


def _is_at(path: str, file: OpenFile) -> bool:
    status = status_of(path)
    return status is not None and os.path.samestat(status, os.fstat(file.fds[0]))
