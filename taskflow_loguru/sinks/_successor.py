"""The file that replaces a rotated one: made first, with the access of the old one, then put in place in one step."""

from __future__ import annotations

import errno
import os
import stat

from ._backups import status_of
from ._errors import ignoring
from ._exchange import exchange
from ._open_file import OpenFile

_ACL = "system.posix_acl_access"

_NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors that are permanent for this user or file system. Any other error may pass."""

_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
"""Errors of a system that cannot exchange files. EPERM comes from a filter of system calls, in a container."""

_NO_LINK = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""Errors where no file can have a second name. EACCES comes from AppArmor, which may allow renames alone."""


def hidden_name(path: str, suffix: str) -> str:
    """Return a name beside *path* that no glob of a log shipper matches."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{suffix}")


def make_successor(successor: OpenFile, path: str, old: OpenFile) -> None:
    """Make the empty file that will be at *path*, under a hidden name, with mode, owner, group and ACL of *old*.

    Raises:
        OSError: It cannot be made: no free inode, no permission.
    """
    hidden = hidden_name(path, "next")
    for name in (hidden, _ready_name(path)):
        _remove_left_over(name)
    successor.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    copy_access(old.fds[0], successor.fds[0])


def put_in_place(path: str, backup: str) -> None:
    """Move the file at *path* to *backup*, and its successor to *path*.

    The two are exchanged, so that *path* is never missing, and all lines keep the name of the file or of a backup if
    the process dies. If the system cannot exchange files, the file is renamed, and its successor linked in its place:
    a link, unlike a rename, never replaces a file that another process has made meanwhile.

    Raises:
        OSError: It is impossible now. At worst *path* is missing: :func:`finish_interrupted` puts the successor there.
    """
    os.rename(hidden_name(path, "next"), backup)  # at most over the empty successor of a rotation that was killed
    try:
        exchange(path, backup)
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
        # This name means that it is complete: a process that finds the path missing may use it.
        # test_successor.py::test_a_successor_that_is_being_made_is_not_used
        ready = _ready_name(path)
        os.rename(backup, ready)
        os.rename(path, backup)
        _link(ready, path)
        with ignoring():  # the next rotation removes it
            os.unlink(ready)


def finish_interrupted(path: str) -> None:
    """Put the successor that a killed rotation has left at *path* if that is missing: it has the right mode and owner.

    The caller holds the lock of the folder, if the folder can be locked.

    Raises:
        OSError: It is unknown whether there is such a successor.
    """
    ready = _ready_name(path)
    if status_of(path) is not None or not _is_unused(ready):
        return
    _link(ready, path)
    # Without the lock, another process may have done this, and made the successor of its own rotation, which must stay.
    # test_successor.py::test_a_newer_successor_is_not_removed
    status, ready_status = status_of(path), status_of(ready)
    if status is not None and ready_status is not None and os.path.samestat(status, ready_status):
        with ignoring():  # the next rotation removes it
            os.unlink(ready)


def discard_successor(path: str, backup: str) -> None:
    """Delete the successor of a rotation of *path* to *backup* that failed, unless *path* is missing and needs it."""
    names = [backup, hidden_name(path, "next")]
    with ignoring():
        if status_of(path) is not None:
            names.append(_ready_name(path))
    for name in names:
        with ignoring():
            if _is_empty_file(name):
                os.unlink(name)


def copy_access(old: int, new: int) -> None:
    """Give the file *new* the owner, group, mode and ACL of the file *old*, each as far as the system allows it.

    Raises:
        OSError: One of them cannot be read or set now, for a reason that may pass.
    """
    status = os.fstat(old)
    # Two calls: only root may change the owner, but a member of the group may set the group.
    for uid, gid in ((status.st_uid, -1), (-1, status.st_gid)):
        with ignoring(*_NOT_ALLOWED):
            os.fchown(new, uid, gid)
    with ignoring(*_NOT_ALLOWED):
        os.fchmod(new, stat.S_IMODE(status.st_mode))
    if hasattr(os, "getxattr"):
        _copy_acl(old, new)


def _copy_acl(old: int, new: int) -> None:
    with ignoring(*_NOT_ALLOWED):
        try:
            acl = os.getxattr(old, _ACL)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            with ignoring(errno.ENODATA):
                os.removexattr(new, _ACL)  # inherited from the folder's default
        else:
            os.setxattr(new, _ACL, acl)


def _ready_name(path: str) -> str:
    """Return the name of a successor between the two renames that stand in for an exchange."""
    return hidden_name(path, "ready")


def _link(ready: str, path: str) -> None:
    try:
        os.link(ready, path)
    except OSError as error:
        if error.errno in _NO_LINK:
            os.rename(ready, path)
            return
        # EEXIST: another process has made the file. ENOENT: another process has already put our successor there.
        if error.errno not in (errno.EEXIST, errno.ENOENT):
            raise


def _remove_left_over(hidden: str) -> None:
    status = status_of(hidden)
    if status is None:
        return
    # A second name means that a process linked the file to the path, and was killed: its lines stay under that name.
    # test_successor.py::test_a_successor_that_has_become_the_file_is_left_over
    is_linked = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
    if not is_linked and not _is_empty_file(hidden):
        raise FileExistsError(errno.EEXIST, "in the way, and not left by a rotation", hidden)
    os.unlink(hidden)


def _is_empty_file(path: str) -> bool:
    status = status_of(path)
    return status is not None and stat.S_ISREG(status.st_mode) and not status.st_size


def _is_unused(path: str) -> bool:
    """Return whether *path* is an empty file without another name."""
    status = status_of(path)
    # A second name means that it was used, and moved away since: each line would appear in both files.
    # test_successor.py::test_a_successor_that_was_used_and_moved_away_is_not_used_again
    return status is not None and stat.S_ISREG(status.st_mode) and not status.st_size and status.st_nlink < 2
