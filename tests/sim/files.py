"""The results of ``scandir()`` and ``open()``, and the machine that all simulated modules call."""

from __future__ import annotations

import errno
import io
import os as real_os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from .inodes import fail
from .paths import At
from .scheduler import Run


class Machine:
    """The computer: at most one run at a time."""

    run: Run | None = None
    runs = 0
    finalizers: list[Callable[[], None]]
    """The functions that are registered to run at the end of a process."""

    def __init__(self) -> None:
        self.finalizers = []

    def call(self, name: str, *args: Any) -> Any:
        if self.run is None:
            fail(errno.EIO)
        return self.run.call(name, *args)

    @property
    def clock(self) -> float:
        return self.run.clock if self.run is not None else 0.0

    @property
    def task(self) -> Any:
        return self.run.current if self.run is not None else None

    def add_finalizer(self, _object: Any, callback: Callable[..., None], *args: Any, **_more: Any) -> None:
        self.finalizers.append(lambda: callback(*args))


machine = Machine()


def text(path: Any, dir_fd: int | None = None) -> Any:
    """Return a path as the kernel takes it."""
    if isinstance(path, int):
        return path
    path = real_os.fsdecode(path)
    return path if dir_fd is None else At(path, dir_fd)


class DirEntry:
    """An entry, with the type and the inode number that its folder has."""

    def __init__(self, folder: str | int, name: str, kind: int, number: int) -> None:
        self.name = name
        self.path = name if isinstance(folder, int) else f"{folder.rstrip('/')}/{name}"
        self._at = At(name, folder) if isinstance(folder, int) else self.path
        self._kind, self._number = kind, number

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        return machine.call("stat" if follow_symlinks else "lstat", self._at)

    def _is(self, kind: int, follow_symlinks: bool) -> bool:
        if follow_symlinks and self.is_symlink():
            return bool(stat.S_IFMT(self.stat().st_mode) == kind)
        return self._kind == kind

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._is(stat.S_IFREG, follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._is(stat.S_IFDIR, follow_symlinks)

    def is_symlink(self) -> bool:
        return self._kind == stat.S_IFLNK

    def inode(self) -> int:
        return self._number

    def __fspath__(self) -> str:
        return self.path


class ScanDir:
    def __init__(self, folder: str | int = "/") -> None:
        self._entries = iter([DirEntry(folder, *entry) for entry in machine.call("scandir", text(folder))])

    def __iter__(self) -> Iterator[DirEntry]:
        return self._entries

    def __next__(self) -> DirEntry:
        return next(self._entries)

    def __enter__(self) -> ScanDir:
        return self

    def __exit__(self, *_: object) -> None: ...

    close = __exit__


class RawFile(io.RawIOBase):
    """The file below the buffer of ``open()``."""

    def __init__(self, file: Any, mode: str, closefd: bool) -> None:
        self._mode, self._closefd = mode, closefd
        flags = real_os.O_RDONLY if mode == "rb" else real_os.O_WRONLY | real_os.O_CREAT | real_os.O_TRUNC
        self._fd = file if isinstance(file, int) else machine.call("open", text(file), flags, 0o666)

    def fileno(self) -> int:
        return int(self._fd)

    def readable(self) -> bool:
        return self._mode == "rb"

    def writable(self) -> bool:
        return self._mode == "wb"

    def readinto(self, buffer: Any) -> int:
        data = machine.call("read", self._fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        return machine.call("write", self._fd, bytes(data))  # type: ignore[no-any-return]

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._closefd:
                machine.call("close", self._fd)


def open_file(file: Any, mode: str = "r", *, closefd: bool = True) -> Any:
    """Open a file for reading or writing bytes, as ``open()`` does."""
    raw = RawFile(file, mode, closefd)
    return io.BufferedReader(raw) if mode == "rb" else io.BufferedWriter(raw)
