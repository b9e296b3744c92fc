"""The file at a path, whichever that is by now: the way of a line."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
from collections.abc import Callable, Sequence
from itertools import count

from ._linux import ignoring, is_mounted_by_itself, look_at, now
from ._locking import Flock, Folder
from ._open_file import OpenFile
from ._opening import open_to_append

_SLOW_SECONDS = 0.0005
_MOST_ATTEMPTS = 100
_MOST_ATTEMPTS_EVER = 10_000  # in case the clock stands still
_STILL_GOOD = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EAGAIN)
"""Errors after which the descriptor can still be used. After any other, it may be dead: that of a lost share."""


class LogFile:
    """The log file at *path*: other processes may move, replace or delete it between two lines.

    Only one thread at a time may use it, and no signal handler that interrupts it.

    Args:
        path: The absolute path.
        report: Where messages for stderr go, which are printed later.
        with_mtime: Whether :meth:`_must_rotate` needs the mtime.

    Attributes:
        path: As above.
        file: The file that was at the path last.
        started: When the last :meth:`append` began.
    """

    def __init__(self, path: str, report: Callable[[str], None], *, with_mtime: bool = False) -> None:
        self.path = path
        self.file = OpenFile()
        self.started = 0.0
        self._report = report
        self._look = look_at(path, with_mtime=with_mtime)
        self._flock = Flock()
        self._folder = Folder()

    def append(self, lines: Sequence[bytes], *, exactly: bool = False) -> int:
        """Append at least one of *lines* to the file at the path, and return how many. No lines: only rotate, if asked.

        Args:
            lines: The lines; each ends with a newline.
            exactly: As for :meth:`~._open_file.OpenFile.append`.

        Raises:
            OSError: None of them can be written.
        """
        self.started = started = now()
        for attempt in count(1):
            file = self.file
            try:
                if file.fd < 0:
                    self.open()
                if file.is_regular:
                    file.is_locked = self._flock.acquire(file.fd)
                    if self._flock.trouble is not None:
                        self._report_missing_lock()
                links, inode, size, modified, device = self._look()
                if inode != file.inode or device != file.device:
                    # Others may rotate the file between our opening and our locking, again and again; but not for
                    # long, since the lock is not waited for forever.
                    if attempt > _MOST_ATTEMPTS and (now() > started + 1.0 or attempt > _MOST_ATTEMPTS_EVER):
                        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self.path)
                    self._close_moved_file()
                    continue
                if not links and file.is_named:
                    self._report_missing_name(file)
                is_torn = size != file.end and file.is_torn(size)
                if self._must_rotate(file, size + is_torn, modified, lines):
                    self._rotate(file, size + is_torn, lines)
                elif not lines:
                    return 0
                else:
                    if len(lines) > 1:
                        lines = self._fitting(lines, size + is_torn)
                    appended = file.append(lines, size, is_torn=is_torn, exactly=exactly)
                    # A write that is neither slow nor without the lock cannot have gone to a deleted file.
                    if (file.is_locked and now() - started < _SLOW_SECONDS) or not self._was_lost(file):
                        return appended
                    file.written = 0
            except OSError as error:
                self._recover(file, error)
            finally:
                # A direct call: a signal handler can interrupt a method before its first line, and leave it locked.
                # test_interrupts.py::test_no_interrupt_loses_or_doubles_a_line_or_leaks
                if file.is_regular and file.fd >= 0:
                    try:
                        fcntl.flock(file.fd, fcntl.LOCK_UN)
                    except OSError as error:
                        if error.errno is None:  # raised by a signal handler
                            raise
                        if error.errno == errno.EBADF:
                            file.fd = -1
        raise AssertionError  # count() never ends

    def open(self) -> None:
        """Open the file; make it and its folder if they are missing.

        Raises:
            OSError: It cannot be opened.
        """
        file = self.file
        try:
            open_to_append(file, self.path, self._folder)
        except PermissionError:
            if not file.use_inherited():
                raise
            self._look = look_at(self.path, unless_hidden=file.fd)
            new, old = _name_of(os.geteuid()), _name_of(file.opener)
            self._report(
                f"user {new} may not open {self.path!r}, which user {old} has opened before a fork: lines are written "
                f"through that descriptor until the file is moved; let {new} write to the file and its folder, or "
                "create the logger after the change of the user"
            )

    def warn_of_mount(self) -> None:
        """Report a file that is mounted by itself, as a container can have it."""
        if self.file.is_regular and is_mounted_by_itself(self.path):
            self._report(
                f"{self.path!r} is mounted by itself: it cannot be rotated, and once another program has moved it, no "
                "path leads to its new lines; mount its folder instead"
            )

    def close(self) -> None:
        """Close the file, and what an interrupt has left open."""
        self._folder.release()
        try:
            self.file.close()
        except OSError as error:
            if error.errno is None:
                raise
            self._report(f"cannot close {self.path!r}: {error}")

    def is_at_path(self) -> bool:
        """Return whether the open file still is the one at the path."""
        _, inode, _, _, device = self._look()
        return inode == self.file.inode and device == self.file.device

    # -- what a log that rotates, or is rotated, does in another way ------------------------------

    def _must_rotate(self, file: OpenFile, size: int, modified: int, lines: Sequence[bytes]) -> bool:
        """Return whether *file*, which has *size* bytes, must be rotated before the first of *lines*."""
        return False

    def _rotate(self, file: OpenFile, size: int, lines: Sequence[bytes]) -> None:
        """Rotate *file*, which has *size* bytes, before *lines*; or record why that is impossible now."""

    def _fitting(self, lines: Sequence[bytes], size: int) -> Sequence[bytes]:
        """Return as many of the first *lines* as fit after *size* bytes, but at least one."""
        return lines

    def _was_lost(self, file: OpenFile) -> bool:
        """Return whether *file* may have been deleted before the lines were appended."""
        # Without the lock, others can have rotated the file as often as it has backups.
        # test_log.py::test_a_line_without_the_lock_is_not_lost_in_a_deleted_file
        with ignoring():
            return not os.fstat(file.fd).st_nlink and not self.is_at_path()
        return False  # unknown, but it was written

    def _close_moved_file(self) -> None:
        """Close the file, which is no longer at the path."""
        self.close()

    # -- errors -----------------------------------------------------------------------------------

    def _recover(self, file: OpenFile, error: OSError) -> None:
        """Prepare the next attempt after *error*, or raise it.

        Raises:
            OSError: No other attempt would succeed now.
        """
        if error.errno == errno.EBADF and file.fd >= 0:
            file.fd = -1  # the program has closed all its descriptors, as a daemon does: open it again
        elif error.errno == errno.EFBIG and not file.is_full:
            file.is_full = True  # ulimit -f, or the largest file of the file system: rotate it, if it can be rotated
        else:
            if error.errno not in (None, *_STILL_GOOD) and file.is_regular:
                # The path may lead to another file, or to the same one through a new mount.
                # test_log.py::test_a_file_whose_mount_has_died_is_opened_again
                with ignoring():
                    self.close()
            raise error

    def _report_missing_lock(self) -> None:
        self._report(f"writing to {self.path!r} without its lock: {self._flock.trouble}")
        self._flock.trouble = None

    def _report_missing_name(self, file: OpenFile) -> None:
        file.is_named = False
        self._report(
            f"{self.path!r} is mounted by itself, and was moved or deleted where it comes from: no path leads to its "
            "lines there; mount its folder instead"
        )


def _name_of(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    except KeyError:
        return str(uid)
