"""The origin of a line: the host and the process."""

from __future__ import annotations

import os
import socket

HOST = socket.gethostname()
"""The host name of the system when this module was imported."""

_pid = os.getpid()


def pid() -> int:
    """Return the id of this process, without a system call for each line; right after a fork, too."""
    return _pid


def _forked() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_forked)
