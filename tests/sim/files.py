"""The results of ``scandir()`` and ``open()``, and the machine that all simulated modules call."""

from __future__ import annotations

import errno
import io
import os as real_os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from .inodes import fail
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


def text(path: Any) -> Any:
    return path if isinstance(path, int) else real_os.fsdecode(path)


class DirEntry:
    def __init__(self, folder: str, name: str) -> None:
        self.name = name
        self.path = f"{folder.rstrip('/')}/{name}"

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        return machine.call("stat" if follow_symlinks else "lstat", self.path)

    def _mode(self, follow_symlinks: bool) -> int:
        mode: int = self.stat(follow_symlinks=follow_symlinks).st_mode
        return mode

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return stat.S_ISREG(self._mode(follow_symlinks))

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return stat.S_ISDIR(self._mode(follow_symlinks))

    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self._mode(False))

    def inode(self) -> int:
        number: int = self.stat(follow_symlinks=False).st_ino
        return number

    def __fspath__(self) -> str:
        return self.path


class ScanDir:
    def __init__(self, folder: str) -> None:
        self._entries = iter([DirEntry(folder, name) for name in machine.call("listdir", folder)])

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
