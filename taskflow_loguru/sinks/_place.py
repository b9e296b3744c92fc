"""The place of a file: a path that is looked up before each line."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

Identity = tuple[int, int, int]
"""What tells a file from any other: its inode, and the major and the minor number of its device."""

_AT_FDCWD = -100
_STATX_INO, _STATX_SIZE = 0x100, 0x200
_STATX = struct.Struct("=32x QQ 88x II 112x")  # see statx(2): inode, size, the device's major and minor number


class Place:
    """A path, and which file is there now.

    ``os.stat`` asks for the times of a file too, and so makes the next write slower. On Linux 6.13 and later, that
    write stores an exact time (``Documentation/filesystems/multigrain-ts.rst``); on NFS, all earlier writes are sent to
    the server first. ``statx(2)`` asks only for what is needed here.

    Args:
        path: The path.

    Attributes:
        path: As above.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._status = ctypes.create_string_buffer(_STATX.size)
        fields = _STATX_INO | _STATX_SIZE
        self._arguments = (_AT_FDCWD, os.fsencode(path), 0, fields, ctypes.byref(self._status))

    def look(self) -> tuple[int, int, int, int]:
        """Return the inode and the size of the file, and the major and the minor number of its device.

        Call it from one thread at a time.

        Raises:
            OSError: It is unknown which file is there. ENOENT: there is none.
        """
        if _statx(*self._arguments) == 0:
            return _STATX.unpack_from(self._status)
        status = os.stat(self.path)  # it raises the error of statx(), unless only that is forbidden
        inode, major, minor = identity_of(status)
        return inode, status.st_size, major, minor


def identity_of(status: os.stat_result) -> Identity:
    """Return the identity of the file that has *status*."""
    return status.st_ino, os.major(status.st_dev), os.minor(status.st_dev)


def _load() -> Any:
    try:
        return ctypes.CDLL(None).statx
    except (OSError, AttributeError):  # a C library without it: macOS, and musl before 1.2.5
        return lambda *_: -1


_statx = _load()
