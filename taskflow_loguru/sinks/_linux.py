"""System calls that ``os`` and ``time`` lack: statx, the exchange of files, clocks that no test freezes, and more."""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Any

try:
    import ctypes
except ImportError:  # a Python that was built without libffi
    ctypes = None  # type: ignore[assignment]

# freezegun and its like replace time.monotonic() and time.time(), so that a wait would never end.
now: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
"""Return the seconds of a clock that only moves forward."""
time_of_day: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_REALTIME)
"""Return the seconds since the epoch."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_STATX_NLINK, _STATX_MTIME, _STATX_INO, _STATX_SIZE = 0x4, 0x40, 0x100, 0x200
_STATX_ATTR_MOUNT_ROOT = 0x2000

# See statx(2): link count, inode, size, seconds of the mtime, device.
_STATX = struct.Struct("=16x I 12x 2Q 64x q 16x Q 112x")
_ATTRIBUTES = struct.Struct("=8x Q 240x")

Look = Callable[[], tuple[int, int, int, int, int]]
"""Return link count, inode, size, mtime in whole seconds, and device of the file at a path; inode 0 if there is none.

Only one thread at a time may call it.

Raises:
    OSError: It is unknown which file is there.
"""


def look_at(path: str, *, with_mtime: bool = False, unless_hidden: int | None = None) -> Look:
    """Return a function that looks up the file at *path*.

    ``os.stat`` asks for the times of a file too. On Linux 6.13 and later, the next write then stores an exact time, and
    is slower for it (``Documentation/filesystems/multigrain-ts.rst``). ``statx(2)`` asks for single fields.

    Args:
        path: The path.
        with_mtime: Whether to look up the mtime, too.
        unless_hidden: A descriptor of the file that counts as the one at the path while this user may not reach it.
    """
    if _statx is None:
        return partial(_look_with_stat, path, unless_hidden)
    buffer = ctypes.create_string_buffer(_STATX.size)
    fields = _STATX_NLINK | _STATX_INO | _STATX_SIZE | (_STATX_MTIME if with_mtime else 0)
    arguments = (_AT_FDCWD, os.fsencode(path), 0, fields, ctypes.byref(buffer))
    statx, unpack = _statx, _STATX.unpack_from

    def look() -> tuple[int, int, int, int, int]:
        # os.stat() raises the error, unless a sandbox forbids statx() alone, or the file has come back.
        return unpack(buffer) if statx(*arguments) == 0 else _look_with_stat(path, unless_hidden)

    return look


def _look_with_stat(path: str, unless_hidden: int | None) -> tuple[int, int, int, int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno == errno.EACCES and unless_hidden is not None:
            status = os.fstat(unless_hidden)
        elif error.errno == errno.ENOENT:
            return 0, 0, 0, 0, 0
        else:
            raise
    return status.st_nlink, status.st_ino, status.st_size, int(status.st_mtime), device_of(status)


def device_of(status: os.stat_result) -> int:
    """Return the device of a file as :data:`Look` returns it."""
    device: int = struct.unpack("=Q", struct.pack("=II", os.major(status.st_dev), os.minor(status.st_dev)))[0]
    return device


def is_mounted_by_itself(path: str) -> bool:
    """Return whether *path* is a mount point, as a single file is that a container mounts; False if it is unknown."""
    if _statx is None:
        return False
    buffer = ctypes.create_string_buffer(_STATX.size)
    if _statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_INO, ctypes.byref(buffer)):
        return False
    return bool(_ATTRIBUTES.unpack_from(buffer)[0] & _STATX_ATTR_MOUNT_ROOT)


def exchange(folder: int, first: str, second: str) -> None:
    """Exchange two files of the open *folder* atomically: neither name is missing at any time.

    See ``renameat2(2)``. Known to work on ext4, XFS, Btrfs, tmpfs and overlayfs.

    Raises:
        OSError: Nothing was changed. ENOSYS or EINVAL: this system or file system cannot exchange.
    """
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), first)
    if _renameat2(folder, os.fsencode(first), folder, os.fsencode(second), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), first, None, second)


class ignoring:  # noqa: N801  (as contextlib.suppress)
    """Ignore each ``OSError`` of a system call, or only those with one of *numbers* as ``errno``.

    An ``OSError`` without ``errno`` was raised by a signal handler, a ``TimeoutError`` for example, and passes.
    """

    # Not @contextmanager: from Python 3.12 on, an exception that it swallows is part of a reference cycle. That keeps a
    # dropped sink, with its open file, until the next garbage collection.
    # test_linux.py::test_an_ignored_error_keeps_nothing_alive
    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if not isinstance(error, OSError) or error.errno is None:
            return False
        return not self._numbers or error.errno in self._numbers


def _load(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):  # a C library without it: macOS, glibc before 2.28, an old musl; or no ctypes
        return None


_statx = _load("statx")
_renameat2 = _load("renameat2")
if _renameat2 is not None:
    _renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
