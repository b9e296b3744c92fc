"""The errors that a call may have."""

from __future__ import annotations

import errno
import fcntl
from dataclasses import dataclass, replace
from typing import Any

SHORT = 0
"""In place of an errno: a write that takes only half of its data."""

_BROKEN = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
_REFUSED = (errno.EACCES, errno.EPERM)

LASTING = (errno.EIO, errno.ENOSPC, errno.EPERM)
"""Errors that a call may also have each time from then on."""

ERRORS: dict[str, tuple[int, ...]] = {
    "open": (*_BROKEN, errno.EACCES, errno.ENOSPC, errno.EMFILE, errno.EROFS),
    "write": (*_BROKEN, errno.ENOSPC, errno.EDQUOT, SHORT),
    "pread": _BROKEN,
    "read": _BROKEN,
    "stat": (*_BROKEN, errno.EACCES),
    "lstat": (*_BROKEN, errno.EACCES),
    "fstat": _BROKEN,
    "access": _BROKEN,
    "readlink": _BROKEN,
    **dict.fromkeys(("listdir", "scandir"), (*_BROKEN, errno.EACCES, errno.EMFILE)),
    "rename": (*_BROKEN, *_REFUSED, errno.ENOSPC, errno.EBUSY, errno.EROFS),
    "exchange": (*_BROKEN, *_REFUSED, errno.EBUSY, errno.EINVAL, errno.ENOSYS),
    "unlink": (*_BROKEN, *_REFUSED, errno.EBUSY, errno.EROFS),
    "link": (*_BROKEN, *_REFUSED, errno.ENOSPC, errno.EMLINK),
    "mkdir": (*_BROKEN, errno.EACCES, errno.ENOSPC),
    "chmod": (*_BROKEN, *_REFUSED),
    "fchmod": (*_BROKEN, *_REFUSED),
    "chown": (*_BROKEN, *_REFUSED),
    "fchown": (*_BROKEN, *_REFUSED),
    "ftruncate": (*_BROKEN, errno.EPERM),
    **dict.fromkeys(("fsync", "fdatasync"), (errno.EIO, errno.ENOSPC)),
    "close": (errno.EIO, errno.ENOSPC),
    "flock": (errno.EIO, errno.ENOLCK, errno.ENOSYS),
    "fcntl": (errno.EMFILE,),
    "utime": _BROKEN,
    "getxattr": _BROKEN,
    "removexattr": _BROKEN,
    "setxattr": (*_BROKEN, errno.ENOSPC),
}


@dataclass(frozen=True)
class Fault:
    """An error in place of the effect of a call, once or each time from then on."""

    errno: int
    is_lasting: bool = False
    task: int = -1
    name: str = ""
    target: Any = None

    def bound(self, task: int, name: str, args: tuple[Any, ...]) -> Fault:
        """Return this fault for all further calls of that name on that path, or on any descriptor."""
        return replace(self, task=task, name=name, target=_target(args))

    def strikes_again(self, task: int, name: str, args: tuple[Any, ...]) -> bool:
        return name == self.name and task == self.task and _target(args) == self.target

    def __str__(self) -> str:
        return errno.errorcode[self.errno] if self.errno else "short write"


def _target(args: tuple[Any, ...]) -> Any:
    return args[0] if args and isinstance(args[0], str) else None


def faults_of(name: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the errors that this call may have."""
    if name == "flock" and args[1] & fcntl.LOCK_UN:
        return ()
    if name == "write" and len(args[1]) < 2:
        return ERRORS["write"][:-1]
    return ERRORS.get(name, ())
