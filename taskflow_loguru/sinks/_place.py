"""The place of a file: a path that is looked up before each line."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

_AT_FDCWD = -100
_STATX_MTIME, _STATX_INO, _STATX_SIZE = 0x40, 0x100, 0x200

# See statx(2): inode, size, seconds of the mtime, major and minor number of the device.
_STATX = struct.Struct("=32x QQ 64x q 16x II 112x")


class Place:
    """A path, at which another file may be with each look.

    ``os.stat`` asks for the times of a file too. On Linux 6.13 and later, the next write then stores an exact time, and
    is slower for it (``Documentation/filesystems/multigrain-ts.rst``). ``statx(2)`` asks for single fields.

    Args:
        path: The path.
        asks_for_time: Whether a look also finds when the file was modified.

    Attributes:
        path: The path.
        modified: The mtime of the file at the last look, in whole seconds, if it was asked for.
    """

    def __init__(self, path: str, *, asks_for_time: bool = False) -> None:
        self.path = path
        self.modified = 0
        self._status = ctypes.create_string_buffer(_STATX.size)
        fields = _STATX_INO | _STATX_SIZE | (_STATX_MTIME if asks_for_time else 0)
        self._arguments = (_AT_FDCWD, os.fsencode(path), 0, fields, ctypes.byref(self._status))

    def look(self) -> tuple[int, int, int]:
        """Return the device, the inode and the size of the file at the path.

        Only one thread at a time may call it.

        Raises:
            OSError: It is unknown which file is there. ENOENT: there is none.
        """
        if _statx(*self._arguments) == 0:
            inode, size, self.modified, major, minor = _STATX.unpack_from(self._status)
            return os.makedev(major, minor), inode, size
        # This raises the error, unless a sandbox forbids statx() alone, or the file has come back.
        status = os.stat(self.path)
        self.modified = int(status.st_mtime)
        return status.st_dev, status.st_ino, status.st_size


def _load() -> Any:
    try:
        return ctypes.CDLL(None).statx
    except (OSError, AttributeError):  # a C library without it: macOS, glibc before 2.28, musl before 1.2.5
        return lambda *_: -1


_statx = _load()
