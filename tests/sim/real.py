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
from .paths import At

AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
RENAME_EXCHANGE = 2

Operation = tuple[str, int, tuple[Any, ...]]
"""A call, the number of the process that makes it, and its arguments; a Handle stands for a descriptor."""


class Handle(int):
    """The n-th of the open descriptors."""


_FOLDER = ("dir_fd",)
_FOLDERS = {"rename": ("src_dir_fd", "dst_dir_fd"), "symlink": ("", "dir_fd")}
"""The parameters of ``os`` for the descriptors of folders, in the order of the paths."""


class RealKernel:
    """The system calls that :class:`Kernel` simulates, on the real kernel."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def call(self, process: Process, name: str, args: tuple[Any, ...]) -> Any:
        os.setgroups(sorted(process.groups))
        os.setegid(process.gid)
        os.seteuid(process.uid)
        try:
            if name == "exchange":
                return self._change("renameat2", args[0], args[1], RENAME_EXCHANGE)
            if name == "link":  # os.link() without a descriptor ignores whether it shall follow
                return self._change("linkat", args[0], args[1], AT_SYMLINK_FOLLOW if args[2] else 0)
            if name == "flock":
                return fcntl.flock(*args)
            if name == "listdir":
                return sorted(os.listdir(args[0]))
            if name == "scandir":
                return sorted((entry.name, _kind(entry)) for entry in os.scandir(args[0]))
            folders = {
                key: path.fd for key, path in zip(_FOLDERS.get(name, _FOLDER), args, strict=False) if type(path) is At
            }
            if name == "utime":
                args = args[0], (args[1], args[1])
            return getattr(os, name)(*args, **folders)
        finally:
            os.seteuid(0)
            os.setegid(0)

    def _change(self, name: str, source: str, target: str, flags: int) -> None:
        names = [(path.fd if isinstance(path, At) else AT_FDCWD, path.encode()) for path in (source, target)]
        if getattr(self._libc, name)(*names[0], *names[1], flags):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _kind(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return stat.S_IFLNK
    return stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else stat.S_IFREG


def simulated_call(kernel: Kernel) -> Callable[[Process, str, tuple[Any, ...]], Any]:
    return lambda process, name, args: getattr(kernel, name)(process, *args)


def perform(
    call: Callable[[Process, str, tuple[Any, ...]], Any], processes: list[Process], operations: list[Operation]
) -> list[Any]:
    """Make the calls one after the other; return the visible part of each result."""
    handles: list[int] = []
    results: list[Any] = []
    for name, who, args in operations:
        if any(isinstance(argument, Handle | At) for argument in args) and not handles:
            continue
        actual = tuple(_with_descriptor(argument, handles) for argument in args)
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
        elif name == "scandir":
            result = [entry[:2] for entry in result]
        elif isinstance(result, os.stat_result):
            size = 0 if stat.S_ISDIR(result.st_mode) else result.st_size
            # Inodes are compared by the open files: some file systems reuse the number of a deleted one.
            same = [n for n, fd in enumerate(handles) if call(processes[0], "fstat", (fd,)).st_ino == result.st_ino]
            result = (oct(result.st_mode), same, result.st_nlink, result.st_uid, result.st_gid, size)
        results.append((name, result))
    for fd in handles:
        call(processes[0], "close", (fd,))
    return results


def _with_descriptor(argument: Any, handles: list[int]) -> Any:
    if isinstance(argument, Handle):
        return handles[argument % len(handles)]
    return At(argument, handles[argument.fd % len(handles)]) if isinstance(argument, At) else argument


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
