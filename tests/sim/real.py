"""The same calls on the real kernel, in a process of its own, with a folder as its root and changing users."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from .inodes import Process
from .kernel import Kernel

RENAME_EXCHANGE = 2

Operation = tuple[str, int, tuple[Any, ...]]
"""A call, the number of the process that makes it, and its arguments; a Handle stands for a descriptor."""


class Handle(int):
    """The n-th of the open descriptors."""


class RealKernel:
    """The system calls that :class:`Kernel` simulates, on the real kernel."""

    def __init__(self) -> None:
        self._renameat2 = ctypes.CDLL(None, use_errno=True).renameat2

    def call(self, process: Process, name: str, args: tuple[Any, ...]) -> Any:
        os.setgroups(sorted(process.groups))
        os.setegid(process.gid)
        os.seteuid(process.uid)
        try:
            if name == "exchange":
                return self._exchange(*args)
            if name == "dup":
                return os.dup(args[0])
            if name == "utime":
                return os.utime(args[0], (args[1], args[1]))
            if name == "flock":
                return fcntl.flock(*args)
            if name == "listdir":
                return sorted(os.listdir(args[0]))
            return getattr(os, name)(*args)
        finally:
            os.seteuid(0)
            os.setegid(0)

    def _exchange(self, source: str, target: str) -> None:
        if self._renameat2(-100, source.encode(), -100, target.encode(), RENAME_EXCHANGE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def simulated_call(kernel: Kernel) -> Callable[[Process, str, tuple[Any, ...]], Any]:
    return lambda process, name, args: getattr(kernel, name)(process, *args)


def perform(
    call: Callable[[Process, str, tuple[Any, ...]], Any], processes: list[Process], operations: list[Operation]
) -> list[Any]:
    """Make the calls one after the other; return the visible part of each result."""
    handles: list[int] = []
    results: list[Any] = []
    for name, who, args in operations:
        if any(isinstance(argument, Handle) for argument in args) and not handles:
            continue
        actual = tuple(handles[a % len(handles)] if isinstance(a, Handle) else a for a in args)
        try:
            result = call(processes[who], name, actual)
        except OSError as error:
            results.append((name, error.errno))
            continue
        if name in ("open", "dup"):
            handles.append(result)
            result = "handle"
        elif name == "close":
            handles.remove(actual[0])
        elif isinstance(result, os.stat_result):
            size = 0 if stat.S_ISDIR(result.st_mode) else result.st_size
            # Inodes are compared by the open files: some file systems reuse the number of a deleted one.
            same = [n for n, fd in enumerate(handles) if call(processes[0], "fstat", (fd,)).st_ino == result.st_ino]
            result = (oct(result.st_mode), same, result.st_nlink, result.st_uid, result.st_gid, size)
        results.append((name, result))
    for fd in handles:
        call(processes[0], "close", (fd,))
    return results


def serve(connection: Connection, folder: str) -> None:
    """Make the calls that come in, each list in an empty root folder."""
    kernel = RealKernel()
    os.chroot(folder)
    os.chdir("/")
    os.umask(0o022)
    while (received := connection.recv()) is not None:
        processes, operations = received
        for entry in os.scandir("/"):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        os.chmod("/", 0o777)
        os.chown("/", 0, 0)
        connection.send(perform(kernel.call, processes, operations))
