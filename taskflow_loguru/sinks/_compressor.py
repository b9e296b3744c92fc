"""Compress backups in the background, whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import shutil
import threading
import time
from contextlib import ExitStack

from .._stderr import report
from ._backups import COMPRESSED, Backups, status_of
from ._errors import ignoring
from ._folder_lock import FolderLock
from ._successor import copy_access, hidden_name
from ._threads import start_thread

_BLOCK = 256 * 1024
_LOWEST_PRIORITY = 19


class Compressor:
    """Compress the backups of a file with gzip, from ``.2`` on, in one thread of low priority.

    A backup is compressed under a hidden name, which a ``flock`` reserves for one process, and synced to the disk;
    then it is renamed, and the plain file deleted. Killed at any step, it leaves the plain file; the next rotation
    begins again.

    Args:
        backup_count: How many backups are kept.
    """

    def __init__(self, backup_count: int) -> None:
        self._backup_count = backup_count
        self._path = ""
        self._is_due = False
        self._running: list[int] = []
        self._has_failed = False

    def start(self, path: str) -> None:
        """Compress the backups of the file at *path*, all links resolved, in the background."""
        self._path = path
        self._is_due = True
        if not self._running:
            try:
                start_thread(self._run, "taskflow-loguru-compressor", self._running)
            except RuntimeError:  # no more threads now: the next rotation tries again
                if self._running:
                    raise

    def _run(self) -> None:
        if hasattr(os, "setpriority"):
            with ignoring():
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        while self._is_due:
            self._is_due = False
            try:
                compress_backups(self._path, self._backup_count)
                self._has_failed = False
            except Exception as error:
                if not self._has_failed:
                    self._has_failed = True
                    report(f"cannot compress a backup of {self._path!r}: {error}; it stays as it is")
            # Before the last look: a rotation after it starts a new thread. test_compressor.py::test_none_is_forgotten
            self._running.clear()


def compress_backups(path: str, backup_count: int) -> None:
    """Compress all backups of *path* but the newest, oldest first.

    Raises:
        OSError: One could not be compressed; it is unchanged, and the others are left for the next time.
    """
    backups = Backups(path, backup_count)
    for number in backups.to_compress():
        if not _compress(backups, path, f"{path}.{number}"):
            return


def _compress(backups: Backups, path: str, plain: str) -> bool:
    """Compress one backup; return False if another process is compressing backups of this file."""
    hidden = hidden_name(path, "gz")
    with ExitStack() as opened:
        try:
            source = opened.enter_context(open(plain, "rb"))
        except FileNotFoundError:  # moved up meanwhile: the rotation that did it starts another run
            return True
        target = os.open(hidden, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        opened.callback(os.close, target)
        try:
            fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if not _is_at(hidden, target):
            return False  # another process has just finished with it, and goes on
        try:
            _write_compressed(source.fileno(), target, plain)
            _replace(backups, path, source.fileno(), hidden)
        finally:
            with ignoring(errno.ENOENT):
                if _is_at(hidden, target):
                    os.unlink(hidden)
    return True


def _write_compressed(source: int, target: int, plain: str) -> None:
    status = os.fstat(source)
    os.ftruncate(target, 0)  # of a process that was killed
    with (
        open(source, "rb", closefd=False) as reader,
        open(target, "wb", closefd=False) as raw,
        gzip.GzipFile(os.path.basename(plain), "wb", fileobj=raw, mtime=status.st_mtime) as writer,
    ):
        shutil.copyfileobj(reader, writer, _BLOCK)
    copy_access(source, target)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.fsync(target)


def _replace(backups: Backups, path: str, source: int, hidden: str) -> None:
    """Put the compressed file beside its source, whatever number that has by now, and delete the source."""
    lock = FolderLock()
    try:
        lock.acquire(os.path.dirname(path), time.monotonic())
        for number in backups.to_compress():
            plain = f"{path}.{number}"
            if _is_at(plain, source):
                os.rename(hidden, plain + COMPRESSED)
                os.unlink(plain)
                return
    finally:
        lock.release()


def _is_at(path: str, fd: int) -> bool:
    status = status_of(path)
    return status is not None and os.path.samestat(status, os.fstat(fd))
