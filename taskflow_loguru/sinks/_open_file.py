"""A file that is open: its identity, and the end of its last line."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import time
import weakref
from collections.abc import Sequence
from functools import partial

from ._linux import device_of, ignoring, now

_PIPE_TIMEOUT = 0.5  # seconds to wait for the reader of a full pipe
_WRITE_SECONDS = 0.002  # if a write takes longer, its process is stopped, or it has failed

_FLAGS = os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK

_owners: dict[int, weakref.ref[OpenFile]] = {}
"""The owner of each descriptor number. If a number is assigned again, other code has closed it without its owner."""


class OpenFile:
    """A file or folder that is open.

    It is created closed, so that a reference exists before there is a descriptor to leak.

    Attributes:
        fd: The descriptor; -1 while it is closed. If other code has closed it, it stays until a system call fails.
        inode: The file's identity, with *device*.
        device: As :data:`~._linux.Look` returns it.
        is_regular: Whether it is a regular file, opened here, so that it can be locked and rotated.
        is_locked: Whether its lock is held.
        is_full: Whether the system allows no larger file (EFBIG).
        end: The size of the file after our last line, while nobody else can have appended; otherwise -1.
        written: How many bytes the last exact :meth:`append` has written.
        is_named: Whether a path leads to it; some file systems do not report that.
        batch: How many lines the last exact :meth:`append` has tried to write.
        batch_size: How many bytes these have.
        opener: The user who opened it.
    """

    def __init__(self) -> None:
        self.fd = self.end = -1
        self.inode = self.device = self.opener = 0
        self.is_regular = self.is_locked = self.is_full = self.is_named = False
        self.written = self.batch = self.batch_size = 0
        self._parents: OpenFile | None = None  # of a forked child, until it has opened the file for itself
        self._is_torn = False  # whether we have left a partial line at the end

    def open(self, path: str, flags: int, mode: int = 0o666, *, folder: int | None = None) -> None:
        """Open the file at *path*, which may be relative to the descriptor *folder*.

        Raises:
            OSError: It cannot be opened.
        """
        self.inode = 0
        # Not self.fd = os.open(...): a signal handler can run after a call and before its result is stored. One that
        # raises there would leak the descriptor. C code that calls C code, as here, is not interrupted.
        # test_interrupts.py::test_no_interrupt_loses_or_doubles_a_line_or_leaks
        [self.fd] = map(partial(os.open, dir_fd=folder), (path,), (flags | _FLAGS,), (mode,))
        if self.fd <= 2:
            # A standard stream is closed, and our descriptor has its number: the program's output would go to the file.
            low = self.fd
            [self.fd] = map(fcntl.fcntl, (low,), (fcntl.F_DUPFD_CLOEXEC,), (3,))
            os.close(low)
        self.is_regular = stat.S_ISREG(self._identify())
        self._abandon_inherited()

    def duplicate(self, descriptor: int) -> None:
        """Use a copy of *descriptor*, which other code has opened; its file is neither locked nor rotated.

        Raises:
            OSError: The descriptor is not open.
        """
        self.inode = 0
        [self.fd] = map(fcntl.fcntl, (descriptor,), (fcntl.F_DUPFD_CLOEXEC,), (3,))
        self._identify()
        self.is_regular = False

    def _identify(self) -> int:
        """Store which file it is, and return its mode."""
        status = os.fstat(self.fd)
        self.inode, self.device = status.st_ino, device_of(status)
        self.is_named, self.opener = status.st_nlink > 0, os.geteuid()
        owner = _owners.get(self.fd)
        other = owner() if owner is not None else None
        if other is not None and other is not self and other.fd == self.fd:
            # The program has closed all its descriptors. Without this, the other opening would write into this file.
            # test_open_file.py::test_a_number_that_is_opened_again_is_not_its_old_owners_any_more
            other.fd = -1
        _owners[self.fd] = weakref.ref(self)
        return status.st_mode

    def is_torn(self, size: int) -> bool:
        """Return whether the last line of *size* bytes has no end: its writer was killed, or its disk was full."""
        if size == self.end or not self.is_regular:
            return self._is_torn
        try:
            is_torn = size > 0 and os.pread(self.fd, 1, size - 1) not in (b"\n", b"")
        except OSError as error:
            if error.errno is None:
                raise
            return self._is_torn  # a file that can be written but not read
        if is_torn and not self.is_locked:
            # Another process may be in the middle of its write.
            # test_open_file.py::test_a_line_that_is_being_written_is_not_torn
            time.sleep(_WRITE_SECONDS)
            is_torn = os.fstat(self.fd).st_size == size
        return is_torn

    def append(self, lines: Sequence[bytes], size: int, *, is_torn: bool, exactly: bool = False) -> int:
        """Append *lines* to the file of *size* bytes, and return how many of them fit.

        After a short write, the partial line is truncated if possible.

        Args:
            lines: The lines, at least one.
            size: The size of the file, without the newline that ends a partial line.
            is_torn: Whether to end a partial line first.
            exactly: Whether *written* must be right even if a signal handler raises, which takes a little longer.

        Raises:
            OSError: None of them fits. EBADF: the program has closed the descriptor.
        """
        if is_torn:
            os.write(self.fd, b"\n")
            size += 1
            self._is_torn = False
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        try:
            if exactly:
                self.batch, self.batch_size = len(lines), len(data)
                [self.written] = map(os.write, (self.fd,), (data,))  # as in open()
                written = self.written
            else:
                written = os.write(self.fd, data)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            written = 0
        if written != len(data):
            self.written = written
            count = self._append_rest(lines, data, size)
            if count < len(lines):
                return count
        self.end = size + len(data) if self.is_locked else -1
        return len(lines)

    def _append_rest(self, lines: Sequence[bytes], data: bytes, size: int) -> int:
        self.end = -1
        deadline = now() + _PIPE_TIMEOUT
        while self.written < len(data):
            try:
                # Behind a line of another process, the rest would be a line of its own.
                # test_open_file.py::test_the_rest_of_a_line_never_follows_the_line_of_another_process
                if self.is_regular and not (self.is_locked and self._is_last(size + self.written)):
                    raise OSError(errno.EAGAIN, "short write")
                [more] = map(os.write, (self.fd,), (data[self.written :],))
                self.written += more
            except OSError as error:
                # A full pipe: give its reader some time. test_open_file.py::test_a_full_pipe_is_waited_for
                if error.errno == errno.EAGAIN and not self.is_regular and _is_writable(self.fd, deadline):
                    continue
                if error.errno is None:  # raised by a signal handler
                    raise
                whole = self._truncate_partial_line(lines, size)
                if not whole:
                    raise
                return whole
        return len(lines)

    def _truncate_partial_line(self, lines: Sequence[bytes], size: int) -> int:
        """Truncate the partial line that a short write left at the end, and return how many whole lines it wrote."""
        count = end = 0
        for line in lines:
            if end + len(line) > self.written:
                break
            end += len(line)
            count += 1
        if end < self.written:
            self._is_torn = True
            with ignoring():  # the next line then ends the partial one
                if self.is_locked and self._is_last(size + self.written):
                    os.ftruncate(self.fd, size + end)
                    self._is_torn = False
            self.written = end
        return count

    def _is_last(self, end: int) -> bool:
        """Return whether nobody has appended behind *end*, as another process can without the lock."""
        # test_open_file.py::test_a_torn_line_stays_once_another_process_has_appended
        return os.fstat(self.fd).st_size == end

    def close(self) -> None:
        """Unlock and close the file. It may be called again after an interrupt.

        Raises:
            OSError: The system reports an error of an earlier write.
        """
        self._abandon_inherited()
        if self.fd >= 0 and not self._is_ours():
            self.fd = -1
        if self.fd >= 0 and self.is_regular:
            with ignoring():  # a file system without locks
                # close() alone does not unlock if a child was forked since the opening.
                fcntl.flock(self.fd, fcntl.LOCK_UN)
        self.is_locked = self.is_full = self._is_torn = False
        self.end = -1
        if self.fd >= 0:
            fd, self.fd = self.fd, -1  # no signal handler can run between this and the call
            os.close(fd)

    def abandon(self) -> None:
        """Close the file in a forked child, without unlocking it: the lock is the parent's."""
        if self.fd >= 0 and self._is_ours():
            with ignoring():
                os.close(self.fd)
        self.fd = -1

    def inherit(self, parents: OpenFile) -> None:
        """Hold the open file of the parent process, in a forked child, until the child has opened it for itself."""
        if parents.fd < 0:
            self._parents = parents._parents
        elif parents.is_regular:
            self._parents = parents
            _owners.pop(parents.fd, None)  # abandon_all() must not close it

    def use_inherited(self) -> bool:
        """Use the open file of the parent process, if there is one: this user may not open the file any more."""
        parents, self._parents = self._parents, None
        if parents is None or not parents._is_ours():
            return False
        self.fd, parents.fd = parents.fd, -1
        self._identify()
        self.opener = parents.opener
        self.is_regular = False  # its lock is the parent's too, and cannot exclude the parent
        return True

    def _abandon_inherited(self) -> None:
        if self._parents is not None:
            self._parents.abandon()
            self._parents = None

    def _is_ours(self) -> bool:
        """Return whether the descriptor is still our file: other code may have closed it, and its number be reused."""
        # test_open_file.py::test_a_descriptor_that_has_become_another_file_is_not_closed
        if not self.inode:  # a signal handler raised right after the opening
            return True
        try:
            status = os.fstat(self.fd)
        except OSError as error:
            if error.errno is None:
                raise
            # Any error but EBADF means that it is open; ESTALE, that the file has vanished from a network share.
            # test_open_file.py::test_a_file_that_has_no_status_any_more_is_closed
            return error.errno != errno.EBADF
        return status.st_ino == self.inode and device_of(status) == self.device


def abandon_all() -> None:
    """Close all files in a forked child: those of threads that were not forked, too."""
    for owner in list(_owners.values()):
        file = owner()
        if file is not None:
            file.abandon()
    _owners.clear()


def _is_writable(fd: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(max(0.0, deadline - now()) * 1000))
