"""Modules in which Python code finds the simulated kernel: posix, fcntl, time ..."""

from __future__ import annotations

import os as real_os
import posix as real_posix
import sys
import types
from collections.abc import Callable
from typing import Any

from .files import ScanDir, machine, text


class FakeSys(types.ModuleType):
    """``sys`` with the stderr of the running process, and a module table of its own."""

    def __init__(self) -> None:
        super().__init__("sys")
        self.modules: dict[str, types.ModuleType] = {}

    @property
    def stderr(self) -> Any:
        return machine.task.stderr if machine.task is not None else None

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def module(name: str, names: dict[str, Any]) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(names)
    return made


def _stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
    return machine.call("stat" if follow_symlinks else "lstat", text(path, dir_fd))


def _link(
    source: Any,
    path: Any,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    # Without a descriptor, CPython calls link(), which does not follow.
    follow = follow_symlinks and not (src_dir_fd is dst_dir_fd is None)
    machine.call("link", text(source, src_dir_fd), text(path, dst_dir_fd), follow)


def _utime(path: Any, times: Any = None, *, ns: tuple[int, int] | None = None, follow_symlinks: bool = True) -> None:
    modified = ns[1] / 1e9 if ns else times[1] if times else machine.clock
    machine.call("utime", text(path), modified)


def _truncate(path: Any, length: int) -> None:
    if isinstance(path, int):
        machine.call("ftruncate", path, length)
        return
    fd = machine.call("open", text(path), real_os.O_WRONLY)
    try:
        machine.call("ftruncate", fd, length)
    finally:
        machine.call("close", fd)


def _sched_yield() -> None:
    if machine.run is not None:
        machine.run.sleep(0)


def _identity(name: str) -> Callable[[], Any]:
    return lambda: getattr(machine.task.process, name)


def posix() -> types.ModuleType:
    """Make the module from which ``os`` takes its functions; those that are not simulated raise an error."""

    def call(name: str, paths: int = 0) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            folder = more.pop("dir_fd", None)
            folders = more.pop("src_dir_fd", folder), more.pop("dst_dir_fd", folder)
            if more.pop("follow_symlinks", True) is False and name not in ("getxattr", "setxattr", "removexattr"):
                raise NotImplementedError(f"os.{name}(follow_symlinks=False)")
            args += tuple(more.values())
            return machine.call(name, *map(text, args[:paths], folders), *args[paths:])

        return called

    def missing(name: str) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            raise NotImplementedError(f"os.{name} is not simulated")

        return called

    names: dict[str, Any] = {}
    for name, value in vars(real_posix).items():
        if isinstance(value, type) or not callable(value) or name in _PURE or name.startswith("WIF"):
            names[name] = value
        elif not name.startswith("_path"):
            names[name] = missing(name)
    for name, paths in _CALLS.items():
        names[name] = call(name, paths)
    names |= {
        "stat": _stat,
        "link": _link,
        "replace": call("rename", 2),
        "remove": call("unlink", 1),
        "utime": _utime,
        "truncate": _truncate,
        "scandir": ScanDir,
        "sched_yield": _sched_yield,
        "sched_setscheduler": lambda *_: None,
        "setpriority": lambda *_: None,
        "listxattr": lambda path, **_: [],
        "getcwd": lambda: "/",
        "getpid": _identity("number"),
        "getuid": _identity("uid"),
        "geteuid": _identity("uid"),
        "getgid": _identity("gid"),
        "getegid": _identity("gid"),
        "getgroups": lambda: sorted(machine.task.process.groups),
        "isatty": lambda fd: False,
        "register_at_fork": lambda **_: None,
        "urandom": lambda count: bytes(count),
        "environ": dict(real_posix.environ),
    }
    return module("posix", names)


_PURE = {
    *("fspath", "strerror", "cpu_count", "putenv", "unsetenv", "major", "minor"),
    *("_path_normpath", "_path_splitroot_ex"),
}
_CALLS = {
    **dict.fromkeys(("getxattr", "setxattr", "removexattr"), 1),
    **dict.fromkeys(
        ("open", "lstat", "mkdir", "rmdir", "readlink", "unlink", "listdir", "chmod", "chown", "access"), 1
    ),
    **dict.fromkeys(("rename", "symlink"), 2),
    **dict.fromkeys(("fstat", "read", "pread", "write", "lseek", "ftruncate", "fchmod", "fchown", "close"), 0),
    **dict.fromkeys(("fsync", "fdatasync", "dup"), 0),
}


def fcntl_module() -> types.ModuleType:
    import fcntl as real

    def flock(fd: int, operation: int) -> None:
        while True:
            try:
                return machine.call("flock", fd, operation)  # type: ignore[no-any-return]
            except BlockingIOError:
                if operation & real.LOCK_NB:
                    raise
                _sched_yield()

    constants = {name: value for name, value in vars(real).items() if isinstance(value, int)}
    return module("fcntl", {**constants, "flock": flock, "fcntl": lambda fd, *args: machine.call("fcntl", fd, *args)})


def time_module() -> types.ModuleType:
    import time as real

    names = dict(vars(real))
    for name in ("monotonic", "perf_counter", "time", "thread_time", "process_time"):
        names[name] = lambda: machine.clock
        names[f"{name}_ns"] = lambda: round(machine.clock * 1e9)
    names["clock_gettime"] = lambda clock: machine.clock
    names["clock_gettime_ns"] = lambda clock: round(machine.clock * 1e9)
    names["sleep"] = lambda seconds: machine.run.sleep(seconds) if machine.run is not None else None
    return module("time", names)
