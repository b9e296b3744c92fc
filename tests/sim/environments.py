"""Disks, clocks and folders that are not what a process expects."""

from __future__ import annotations

import errno
from typing import Any

from .checks import FOLDER
from .loading import Program
from .scenarios import compressing, two_rotating
from .scheduler import Policy
from .setting import Setting


def fuse(programs: list[Program], policy: Policy) -> Setting:
    """The same on FUSE: no exchange, and each name of a file is an inode of its own."""
    return two_rotating(programs, policy, exchange_error=errno.EINVAL, links_are_inodes=True)


def compressing_in_a_hidden_folder(programs: list[Program], policy: Policy) -> Setting:
    """The same in a folder that its owner may not list."""
    return compressing(programs, policy, folder_mode=0o300)


def file_clock_behind(programs: list[Program], policy: Policy, *, ahead: float = -0.5) -> Setting:
    """An hour begins, first by the clock of the processes, then by that of the file system."""
    setting = Setting(
        programs, policy, mode=0o600, max_bytes=0, old_backups=2, when="hour", file_clock_ahead=ahead,
        clock=278 * 3600 - 0.3, most_rotations=1,
    )  # fmt: skip
    setting.add_writer("A", lines=5, pause=0.2)
    setting.add_writer("B", lines=4, pause=0.25)
    return setting


def file_clock_ahead(programs: list[Program], policy: Policy) -> Setting:
    """An hour begins, first by the clock of the file system, then by that of the processes."""
    return file_clock_behind(programs, policy, ahead=0.5)


def swapped_folder(programs: list[Program], policy: Policy) -> Setting:
    """Another folder with a log and backups takes the place of the first one."""
    setting = Setting(programs, policy, mode=0o600, old_backups=1, is_path_kept=False)
    setting.add_folder("other", backups=2)
    setting.add_writer("A", lines=4)
    setting.add_actor("mv", lambda call: call("exchange", FOLDER, "/other"))
    return setting


def power_cut(programs: list[Program], policy: Policy, **more: Any) -> Setting:
    """The power fails, while a process writes a line now and then."""
    setting = Setting(programs, policy, mode=0o600, old_backups=1, loses_power=True, **more)
    setting.add_writer("A", lines=6, pause=10.0)
    return setting


def power_cut_without_exchange(programs: list[Program], policy: Policy) -> Setting:
    """The same where the file system cannot exchange two names."""
    return power_cut(programs, policy, exchange_error=errno.EINVAL)


def power_cut_while_compressing(programs: list[Program], policy: Policy) -> Setting:
    """The same with compression."""
    return power_cut(programs, policy, compression="gzip")
