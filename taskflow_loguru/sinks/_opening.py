"""Opening of a path: a file that may not exist yet, a FIFO, or a descriptor of this process."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections import deque
from collections.abc import Iterator

from ._linux import ignoring
from ._locking import Folder
from ._open_file import OpenFile
from ._successor import finish_interrupted

_MOST_LINKS = 40  # as many as Linux follows


def open_to_append(file: OpenFile, path: str, folder: Folder) -> None:
    """Open the file at *path* as *file*; make it and its folder if they are missing.

    Args:
        file: A closed file.
        path: Its path.
        folder: A closed folder, which is locked while a missing file is made.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = _descriptor_of(path)
    if descriptor is not None:
        # Copied, not opened again: if stdout is a file, two openings would overwrite each other.
        file.duplicate(descriptor)
        return
    try:
        # Without O_CREAT: while a rotation moves the file, it would make another one, with the default mode.
        # test_opening.py::test_a_file_that_is_being_rotated_is_waited_for
        _open(file, path, 0)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    else:
        return
    try:
        _make(file, path, folder)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        _make_folder(os.path.dirname(target_of(path)))
        _make(file, path, folder)


def target_of(path: str) -> str:
    """Return the file that *path* leads to after all links; it may be missing; its folder may be a link.

    Raises:
        OSError: A link cannot be read.
    """
    return deque(_links_from(path), maxlen=1)[0]


def is_fifo(path: str) -> bool:
    """Return whether *path* leads to a FIFO."""
    mode = _mode_of(path)
    return mode is not None and stat.S_ISFIFO(mode)


def _make(file: OpenFile, path: str, folder: Folder) -> None:
    folder_path, name = os.path.split(target_of(path))
    try:
        with ignoring():  # a folder that cannot be locked must not keep a line from being written
            folder.open(folder_path)
            folder.lock()
        if folder.file.fd >= 0:
            finish_interrupted(folder, name)
        _open(file, path, os.O_CREAT)
    finally:
        # A direct call: a signal handler can interrupt a method before its first line.
        if folder.is_locked:
            fcntl.flock(folder.file.fd, fcntl.LOCK_UN)
        folder.release()


def _make_folder(path: str) -> None:
    # Not os.makedirs, which swallows errors of the disk, and each OSError that a signal handler raises inside it.
    # test_opening.py::test_an_exception_of_a_signal_handler_passes
    try:
        os.mkdir(path)
    except OSError as error:
        if error.errno == errno.ENOENT:
            _make_folder(os.path.dirname(path))
            with ignoring(errno.EEXIST):
                os.mkdir(path)
        elif error.errno != errno.EEXIST:  # made by another process meanwhile
            raise


def _open(file: OpenFile, path: str, create: int) -> None:
    mode = _mode_of(path)
    # A regular file is also read, for its last byte. A FIFO that we also read would never end for its reader.
    if mode is None or stat.S_ISREG(mode):
        try:
            file.open(path, create | os.O_RDWR)
        except OSError as error:
            if error.errno != errno.EACCES:  # a file that can be written but not read
                raise
        else:
            return
    file.open(path, create | os.O_WRONLY)


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _descriptor_of(path: str) -> int | None:
    """Return the descriptor of this process that *path* leads to, such as 1 for ``/dev/stdout``."""
    for name_of_link in _links_from(path):
        folder, name = os.path.split(name_of_link)
        if name.isdigit() and os.path.realpath(folder) in (os.path.realpath("/proc/self/fd"), "/dev/fd"):
            return int(name)
    return None


def _links_from(path: str) -> Iterator[str]:
    """Yield *path*, the target of that link, and so on; ``os.path.realpath`` would hide every error."""
    for _ in range(_MOST_LINKS):
        yield path
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR, errno.EACCES):  # not a link, or missing
                return
            raise
