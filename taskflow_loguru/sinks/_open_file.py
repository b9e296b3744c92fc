"""One opening of a file: its identity, its lock, and the end of its last line."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import time
import weakref
from collections.abc import Sequence

from ._errors import ignoring
from ._flock import LOCK_TIMEOUT
from ._one_step import call_into, pop_into
from ._place import Place

_WRITE_SECONDS = 0.002  # if a write takes longer, its process is stopped, or it has failed

APPEND = os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK

_owners: dict[int, weakref.ref[OpenFile]] = {}
"""The owner of each descriptor number. If a number is assigned again, other code has closed it without its owner."""


class OpenFile:
    """A file that is open for appending.

    It is created closed, so that its owner holds it before there is a descriptor to lose.

    Attributes:
        fds: The descriptor, if the file is open. If other code has closed it, it stays here until a system call fails.
        is_regular: Whether it is a regular file, opened here, so that it can be locked and rotated.
        is_locked: Whether its lock is held.
        end: The size of the file after our last line, while nobody else can have appended; otherwise -1.
    """

    def __init__(self) -> None:
        self.fds: list[int] = []
        self.is_regular = False
        self.is_locked = False
        self._identity: tuple[int, int] | None = None
        self.end = -1
        self._is_torn = False  # whether we have left a partial line at the end
        self._was_checked = False  # whether the last line was checked since the opening

    def open(self, path: str, flags: int, mode: int = 0o666) -> None:
        """Open the file at *path*.

        Raises:
            OSError: It cannot be opened.
        """
        self._identity = None
        call_into(self.fds, os.open, path, flags | APPEND, mode)
        if self.fds[0] <= 2:
            # A standard stream is closed, and our descriptor has its number: the program's output would go to the file.
            call_into(self.fds, fcntl.fcntl, self.fds[0], fcntl.F_DUPFD_CLOEXEC, 3)
            self.fds.reverse()
            pop_into(os.close, self.fds)
        self._identify()
        self.is_regular = stat.S_ISREG(os.fstat(self.fds[0]).st_mode)

    def duplicate(self, descriptor: int) -> None:
        """Use a copy of *descriptor*, which the program has opened; its file is neither locked nor rotated.

        Raises:
            OSError: The descriptor is not open.
        """
        self._identity = None
        call_into(self.fds, fcntl.fcntl, descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
        self._identify()
        self.is_regular = False

    def _identify(self) -> None:
        fd = self.fds[0]
        status = os.fstat(fd)
        self._identity = (status.st_dev, status.st_ino)
        owner = _owners.get(fd)
        other = owner() if owner is not None else None
        if other is not None and other is not self and fd in other.fds:
            # The program has closed all its descriptors. Without this, the other opening would write into this file.
            # test_open_file.py::test_a_number_that_is_opened_again_is_not_its_old_owners_any_more
            other.fds.clear()
        _owners[fd] = weakref.ref(self)

    def size_at(self, place: Place) -> int | None:
        """Return the size of the file if it still is the one at *place*, or else None.

        Raises:
            OSError: It is unknown which file is there.
        """
        try:
            device, inode, size = place.look()
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return None
        return size if (device, inode) == self._identity else None

    def is_torn(self, size: int) -> bool:
        """Return whether the last line of *size* bytes has no end: its writer was killed, or its disk was full."""
        if size == self.end or not self.is_regular or (self._was_checked and not self.is_locked):
            return self._is_torn
        try:
            is_torn = size > 0 and os.pread(self.fds[0], 1, size - 1) not in (b"\n", b"")
        except OSError as error:
            if error.errno is None:
                raise
            return self._is_torn  # a file that can be written but not read
        if is_torn and not self.is_locked:
            # Another process may be in the middle of its write. This can happen before every line, so only the first
            # one of an opening is delayed by the check.
            # test_open_file.py::test_a_line_that_is_being_written_is_not_torn
            time.sleep(_WRITE_SECONDS)
            is_torn = os.fstat(self.fds[0]).st_size == size
        return is_torn

    def append(self, lines: Sequence[bytes], written: list[int], size: int, is_torn: bool) -> None:
        """Append *lines* to the file of *size* bytes, and add to *written* how many bytes each system call wrote.

        After a short write, truncate the partial line if possible.

        Raises:
            OSError: Not all lines could be written. EBADF: the program has closed the descriptor.
        """
        fd = self.fds[0]
        if is_torn:
            os.write(fd, b"\n")
            size += 1
            self._is_torn = False
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        try:
            # Write and record in one step: a signal handler that raises must not hide that a line was written.
            written += map(os.write, (fd,), (data,))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
        if not written or written[0] != len(data):
            self.end = -1
            self._append_rest(lines, data, written, size)
        self.end = size + len(data) if self.is_locked else -1
        self._was_checked = True

    def _append_rest(self, lines: Sequence[bytes], data: bytes, written: list[int], size: int) -> None:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while (done := sum(written)) < len(data):
            try:
                call_into(written, os.write, self.fds[0], data[done:])
            except OSError as error:
                # A full pipe: give its reader some time. test_open_file.py::test_a_full_pipe_is_waited_for
                if error.errno == errno.EAGAIN and _is_writable(self.fds[0], deadline):
                    continue
                if error.errno is not None:
                    self._take_back(lines, done, size)
                raise

    def _take_back(self, lines: Sequence[bytes], written: int, size: int) -> None:
        """Truncate the partial line that a short write left at the end."""
        whole = 0
        for line in lines:
            if whole + len(line) > written:
                break
            whole += len(line)
        if whole == written:
            return
        self._is_torn = True
        if self.is_locked:
            with ignoring():  # the next line then ends the partial one
                # Another process may have appended without the lock; its line must not be truncated.
                # test_open_file.py::test_a_torn_line_stays_once_another_process_has_appended
                if os.fstat(self.fds[0]).st_size == size + written:
                    os.ftruncate(self.fds[0], size + whole)
                    self._is_torn = False

    def close(self) -> None:
        """Unlock and close the file. It may be called again after an interrupt.

        Raises:
            OSError: The system reports an error of an earlier write.
        """
        while self.fds:
            if not self._is_ours(self.fds[-1]):
                self.fds.pop()
                continue
            if self.is_regular:  # close() alone does not unlock if a child was forked since the opening
                with ignoring():  # a file system without locks
                    fcntl.flock(self.fds[-1], fcntl.LOCK_UN)
            pop_into(os.close, self.fds)
        self.is_locked = self._is_torn = self._was_checked = False
        self.end = -1

    def abandon(self) -> None:
        """Close the file in a forked child, without unlocking it: the lock is the parent's."""
        while self.fds:
            fd = self.fds.pop()
            with ignoring():
                if self._is_ours(fd):
                    os.close(fd)

    def _is_ours(self, fd: int) -> bool:
        """Return whether *fd* is still our file: other code may have closed it, and its number may be reused."""
        # test_open_file.py::test_a_descriptor_that_has_become_another_file_is_not_closed
        if self._identity is None:  # a signal handler raised between the opening and _identify()
            return True
        try:
            status = os.fstat(fd)
        except OSError as error:
            if error.errno is None:
                raise
            # Any error but EBADF means that it is open; ESTALE, that the file has vanished from a network share.
            # test_open_file.py::test_a_file_that_has_no_status_any_more_is_closed
            return error.errno != errno.EBADF
        return (status.st_dev, status.st_ino) == self._identity


def _is_writable(fd: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
