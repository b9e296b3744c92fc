"""Files, locks and errors of system calls for the unit tests."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _locking
from taskflow_loguru.sinks._linux import look_at
from taskflow_loguru.sinks._locking import Folder
from taskflow_loguru.sinks._open_file import OpenFile

NOBODY = 65534


def lines_in(folder: Path) -> list[str]:
    """Return the whole lines of all files in *folder*, sorted."""
    return sorted(line for file in folder.iterdir() for line in file.read_text().split("\n")[:-1])


def is_unlocked(path: Path) -> bool:
    """Return whether nobody holds the lock of the file or folder at *path*."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock of the file or folder at *path*, as another process does, by the descriptor that is returned."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def descriptors(folder: Path) -> set[str]:
    """Return number and path of each open file in *folder*, deleted ones and the folder itself included."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue
        if path.startswith(str(folder)):
            found.add(f"{fd} {path}")
    return found


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Drop the rights that root has beyond the mode of a file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(user)


def error(number: int) -> OSError:
    """Return the error of a system call that failed with *number*."""
    return OSError(number, os.strerror(number))


EIO = errno.EIO


def failing(
    monkeypatch: pytest.MonkeyPatch, name: str, failure: BaseException, *, only_for: object = None, of: Any = os
) -> None:
    """Let ``os.<name>`` fail with *failure*: always, or only if its first argument is *only_for*."""
    real: Callable[..., Any] = getattr(of, name)

    def call(*arguments: Any, **options: Any) -> Any:
        # A name relative to the folder's descriptor, too.
        if only_for is None or str(arguments[0]) in (str(only_for), os.path.basename(str(only_for))):
            raise failure
        return real(*arguments, **options)

    monkeypatch.setattr(of, name, call)


def refuse_exchange(monkeypatch: pytest.MonkeyPatch, failure: OSError) -> None:
    """Let each exchange of two files fail with *failure*."""

    def refuse(folder: int, first: str, second: str) -> None:
        raise failure

    monkeypatch.setattr(_locking, "exchange", refuse)


class Clock:
    """A clock for modules of the sinks: its sleeps take no time, and are recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []
        self.on_sleep: Callable[[], object] = int
        for module in modules:
            for name, value in (("now", self.now), ("time_of_day", self.now), ("time", self)):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, value)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds
        self.on_sleep()


class Place:
    """A path that is looked at."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._look = look_at(path)

    def size(self, file: OpenFile) -> int | None:
        """Return the size of *file* if it is at the path."""
        _, inode, size, _, device = self._look()
        return size if (inode, device) == (file.inode, file.device) else None

    def has(self, file: OpenFile) -> bool:
        return self.size(file) is not None


@contextlib.contextmanager
def opened_folder(path: str | Path) -> Iterator[tuple[Folder, str]]:
    """Open and lock the folder of *path*; return it with the name of the file."""
    folder = Folder()
    folder.open(os.path.dirname(path))
    folder.lock()
    try:
        yield folder, os.path.basename(path)
    finally:
        folder.release()
