"""One opening of a file: which file it is, whether its lock is held, and how its last line ends."""

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

_WRITE_SECONDS = 0.002  # a write that takes longer has stopped, or failed

APPEND = os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK

_owners: dict[int, weakref.ref[OpenFile]] = {}
"""Which opening a descriptor number belongs to: a number that is opened again was closed behind its owner's back."""


class OpenFile:
    """A file that is open for appending.

    It is created closed, so that its owner holds it before there is a descriptor to lose.

    Attributes:
        fds: The descriptor, if it is open. Closed behind our back, it is still here until a system call finds out.
        is_regular: Whether it is a regular file of our own, which can be locked and rotated.
        is_locked: Whether its lock is held.
        end: Where our last line ended, if it did and nobody else can have appended; or else -1.
    """

    def __init__(self) -> None:
        self.fds: list[int] = []
        self.is_regular = False
        self.is_locked = False
        self._identity: tuple[int, int] | None = None
        self.end = -1
        self._is_torn = False  # whether a partial line was left there
        self._was_checked = False  # whether the last line was checked since the opening

    def open(self, path: str, flags: int, mode: int = 0o666) -> None:
        """Open the file at *path*.

        Raises:
            OSError: It cannot be opened.
        """
        self._identity = None
        call_into(self.fds, os.open, path, flags | APPEND, mode)
        if self.fds[0] <= 2:
            # While a standard stream is closed, the program's own output must not end up in the file.
            call_into(self.fds, fcntl.fcntl, self.fds[0], fcntl.F_DUPFD_CLOEXEC, 3)
            self.fds.reverse()
            pop_into(os.close, self.fds)
        self._identify()
        self.is_regular = stat.S_ISREG(os.fstat(self.fds[0]).st_mode)

    def duplicate(self, descriptor: int) -> None:
        """Use a copy of *descriptor*, which the program has opened: its file is neither locked nor rotated.

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
            # The program has closed all its descriptors. The other opening would write into this file.
            # test_open_file.py::test_a_number_that_is_opened_again_is_not_its_old_owners_any_more
            other.fds.clear()
        _owners[fd] = weakref.ref(self)

    def status_at(self, path: str) -> os.stat_result | None:
        """Return the status of the file if it still is the one at *path*, or else None.

        Raises:
            OSError: It is unknown which file is at *path*.
        """
        try:
            status = os.stat(path)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return None
        return status if (status.st_dev, status.st_ino) == self._identity else None

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
            # Another process may be in the middle of its write. Checked for the first line of an opening alone, since
            # it may be later too.
            # test_open_file.py::test_a_line_that_is_being_written_is_not_torn
            time.sleep(_WRITE_SECONDS)
            is_torn = os.fstat(self.fds[0]).st_size == size
        return is_torn

    def append(self, lines: Sequence[bytes], written: list[int], size: int, is_torn: bool) -> None:
        """Append *lines* to the file of *size* bytes, and how many bytes each system call wrote to *written*.

        After a short write the partial line is truncated, as far as that is possible.

        Raises:
            OSError: The file does not take all of them. EBADF: the program has closed the descriptor.
        """
        fd = self.fds[0]
        if is_torn:
            os.write(fd, b"\n")
            size += 1
            self._is_torn = False
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        try:
            # In one step: a line that is written is known to be written, whatever a signal handler raises.
            written.extend(map(os.write, (fd,), (data,)))
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
                # A full pipe: its reader is given some time. test_open_file.py::test_a_full_pipe_is_waited_for
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
            with ignoring():  # the next line ends it
                # Another process may have appended without the lock.
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
        """Return whether *fd* is still our file: its number may have been closed and reused behind our back."""
        # test_open_file.py::test_a_descriptor_that_has_become_another_file_is_not_closed
        if self._identity is None:  # a signal handler has raised since it was opened
            return True
        try:
            status = os.fstat(fd)
        except OSError as error:
            if error.errno is None:
                raise
            # Any other error than "not open" is that of a file, as ESTALE is on a network share: ours has vanished.
            # test_open_file.py::test_a_file_that_has_no_status_any_more_is_closed
            return error.errno != errno.EBADF
        return (status.st_dev, status.st_ino) == self._identity


def _is_writable(fd: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
