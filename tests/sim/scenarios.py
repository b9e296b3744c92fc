"""The processes that write to the log, and those that move, delete and compress its files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from .checks import FOLDER, OTHER, PATH
from .loading import Program
from .scheduler import Policy
from .setting import Setting

Call = Callable[..., Any]


def two_rotating(programs: list[Program], policy: Policy, *, lines: int = 3, **more: Any) -> Setting:
    """Two processes that rotate, through two rotations."""
    setting = Setting(programs, policy, **{"mode": 0o600, **more})
    setting.add_writer("A")
    setting.add_writer("B", lines=lines)
    return setting


def without_exchange(programs: list[Program], policy: Policy) -> Setting:
    """The same where the file system cannot exchange two names."""
    return two_rotating(programs, policy, exchange_error=errno.EINVAL)


def full_chain(programs: list[Program], policy: Policy) -> Setting:
    """The same, with as many backups as are kept: each rotation deletes one."""
    return two_rotating(programs, policy, backup_count=2, old_backups=2)


def new_file(programs: list[Program], policy: Policy) -> Setting:
    """The same, with no file at the beginning."""
    return two_rotating(programs, policy, mode=None)


def rotating_and_watched(programs: list[Program], policy: Policy, **more: Any) -> Setting:
    """A process that rotates, and one that watches."""
    setting = Setting(programs, policy, mode=0o640, may_double=True, **more)
    setting.add_writer("A", lines=4)
    setting.add_writer("B", kind="watched")
    return setting


def watched_without_exchange(programs: list[Program], policy: Policy) -> Setting:
    """The same where the file system cannot exchange two names."""
    return rotating_and_watched(programs, policy, exchange_error=errno.EINVAL)


def two_users(programs: list[Program], policy: Policy) -> Setting:
    """Two users of one group share the file."""
    setting = Setting(programs, policy, mode=0o664, folder_mode=0o775, has_two_users=True)
    setting.add_writer("A", lines=3)
    setting.add_writer("B", lines=2, uid=OTHER)
    return setting


def no_inode(programs: list[Program], policy: Policy) -> Setting:
    """No new file can be made, though there is space: the file has to grow."""
    setting = Setting(programs, policy, mode=0o600, free_inodes=0)
    setting.add_writer("A", lines=4, backlog_bytes=20)
    setting.add_writer("B", lines=4, backlog_bytes=20)
    return setting


def moved_by_hand(programs: list[Program], policy: Policy, **more: Any) -> Setting:
    """``mv tasks.log moved.log``"""

    def move(call: Call) -> None:
        call("rename", PATH, f"{FOLDER}/moved.log")

    setting = Setting(programs, policy, mode=0o666, umask=0, is_path_kept=False, **more)
    setting.add_writer("A")
    setting.add_writer("B", lines=2)
    setting.add_actor("mv", move)
    return setting


def moved_by_hand_without_exchange(programs: list[Program], policy: Policy) -> Setting:
    """The same where the file system cannot exchange two names."""
    return moved_by_hand(programs, policy, exchange_error=errno.EINVAL)


def deleted_by_hand(programs: list[Program], policy: Policy) -> Setting:
    """``rm tasks.log``"""

    def remove(call: Call) -> None:
        call("unlink", PATH)

    setting = Setting(programs, policy, mode=0o666, umask=0, is_path_kept=False)
    setting.add_writer("A")
    setting.add_writer("B", lines=2)
    setting.add_actor("rm", remove)
    return setting


def compressing(programs: list[Program], policy: Policy, **more: Any) -> Setting:
    """A process rotates and compresses in a thread, while the thread of another one compresses too."""
    setting = Setting(programs, policy, mode=0o600, backup_count=2, old_backups=2, compression="gzip", **more)
    setting.add_writer("A", lines=3)
    setting.add_compressor("B")
    return setting


def foreign_folder(programs: list[Program], policy: Policy) -> Setting:
    """A folder of somebody else has the name of a backup."""
    setting = two_rotating(programs, policy)
    setting.kernel.mkdir(setting.app, f"{PATH}.1")
    return setting


def four_writers(programs: list[Program], policy: Policy) -> Setting:
    """Three processes that rotate, and one that watches."""
    setting = Setting(programs, policy, mode=0o640, may_double=True)
    for name in "ABC":
        setting.add_writer(name)
    setting.add_writer("D", kind="watched")
    return setting


def through_a_link(programs: list[Program], policy: Policy) -> Setting:
    """The path is a symbolic link to the file."""
    return two_rotating(programs, policy, sink_path="/link.log")


def full_disk(programs: list[Program], policy: Policy) -> Setting:
    """There is space for some lines only, until somebody deletes another file."""
    setting = Setting(programs, policy, mode=0o600, free_bytes=30 + 1000)
    ballast = setting.kernel.open(setting.app, "/ballast", os.O_CREAT | os.O_WRONLY)
    setting.kernel.write(setting.app, ballast, bytes(1000))
    setting.kernel.close(setting.app, ballast)
    setting.add_writer("A")
    setting.add_writer("B", lines=2, backlog_bytes=15)
    setting.add_actor("rm", lambda call: call("unlink", "/ballast"))
    return setting


def forked_child(programs: list[Program], policy: Policy) -> Setting:
    """A process forks a child that does not use the log, and outlives it."""
    setting = two_rotating(programs, policy, lines=2, may_grow=True)
    parent = setting.run.tasks[0].process
    setting.add_actor("fork", lambda call: call("inherit", parent))
    return setting
