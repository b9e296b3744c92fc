"""The file that replaces a rotated one: made first, with the access of the old one, then put in place in one step."""

from __future__ import annotations

import errno
import os
import stat

from ._access import copy_access
from ._linux import ignoring
from ._locking import Folder
from ._open_file import OpenFile

_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
"""Errors of a system that cannot exchange files. EPERM: seccomp, in a container."""

_NO_LINK = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""Errors of a system on which no file can have a second name. EACCES: AppArmor, which may allow renames alone."""


def hidden_name(name: str, suffix: str) -> str:
    """Return a name that no glob of a log shipper matches, for a file that belongs to the log *name*."""
    return f".{name}.{suffix}"


def make_successor(folder: Folder, name: str, old: OpenFile, successor: OpenFile) -> float:
    """Make the empty file that will replace *old*, under a hidden name, and return its mtime.

    It is open as *successor* until it is complete, and has the mode, the owner, the group and the ACL of *old*.

    Raises:
        OSError: It cannot be made: no free inode, no permission.
    """
    for suffix in ("next", "ready"):
        _remove_left_over(folder, name, suffix)
    try:
        folder.open_in(successor, hidden_name(name, "next"), os.O_CREAT | os.O_EXCL | os.O_RDWR)
        copy_access(old.fd, successor.fd)
        return os.fstat(successor.fd).st_mtime
    finally:
        successor.close()


def put_in_place(folder: Folder, name: str, backup: str) -> None:
    """Move the file *name* to *backup*, and its successor to *name*.

    The two are exchanged, so that *name* is never missing, and all lines keep the name of the file or of a backup if
    the process dies. If the system cannot exchange files, the file is renamed, and its successor linked in its place:
    a link, unlike a rename, never replaces a file that another process has made meanwhile.

    Raises:
        OSError: It is impossible now. At worst *name* is missing: :func:`finish_interrupted` puts the successor there.
    """
    # This replaces at most the empty successor of a rotation that was killed.
    folder.rename(hidden_name(name, "next"), backup)
    try:
        folder.exchange(name, backup)
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
        # This name means that it is complete: a process that finds the path missing may use it.
        # test_successor.py::test_a_successor_that_is_being_made_is_not_used
        ready = hidden_name(name, "ready")
        folder.rename(backup, ready)
        folder.rename(name, backup)
        _link(folder, ready, name)
        with ignoring():  # the next rotation removes it
            folder.unlink(ready)


def finish_interrupted(folder: Folder, name: str) -> None:
    """Put the successor that a killed rotation has left at *name* if that is missing: it has the right mode and owner.

    The caller holds the lock of the folder, if the folder can be locked.

    Raises:
        OSError: It is unknown whether there is such a successor.
    """
    ready = hidden_name(name, "ready")
    if folder.status(name) is not None or not _is_unused(folder, ready):
        return
    _link(folder, ready, name)
    # Without the lock, another process may have done this, and made the successor of its own rotation, which must stay.
    # test_successor.py::test_a_newer_successor_is_not_removed
    status, ready_status = folder.status(name), folder.status(ready)
    if status is not None and ready_status is not None and os.path.samestat(status, ready_status):
        with ignoring():  # the next rotation removes it
            folder.unlink(ready)


def discard_successor(folder: Folder, name: str, backup: str) -> None:
    """Delete the successor of a rotation of *name* to *backup* that failed, unless *name* is missing and needs it."""
    names = [backup, hidden_name(name, "next")]
    with ignoring():
        if folder.status(name) is not None:
            names.append(hidden_name(name, "ready"))
    for made in names:
        with ignoring():
            if _is_empty_file(folder.status(made)):
                folder.unlink(made)


def _link(folder: Folder, ready: str, name: str) -> None:
    try:
        folder.link(ready, name)
    except OSError as error:
        if error.errno in _NO_LINK:
            folder.rename(ready, name)
            return
        # EEXIST: another process has made the file. ENOENT: another process has already put our successor there.
        if error.errno not in (errno.EEXIST, errno.ENOENT):
            raise


def _remove_left_over(folder: Folder, name: str, suffix: str) -> None:
    hidden = hidden_name(name, suffix)
    status = folder.status(hidden)
    if status is None:
        return
    # A second name means that a process linked the file to the path, and was killed: its lines stay under that name.
    # test_successor.py::test_a_successor_that_has_become_the_file_is_left_over
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "unexpected file, which is not overwritten", hidden)
    if _is_empty_file(status) or status.st_nlink > 1:
        folder.unlink(hidden)
    else:
        # The only name of some lines: it must neither be deleted nor prevent all rotations.
        # test_successor.py::test_a_left_over_with_lines_is_kept_under_a_name_that_shows
        folder.rename(hidden, f"{name}.{suffix}-{status.st_ino}")


def _is_empty_file(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISREG(status.st_mode) and not status.st_size


def _is_unused(folder: Folder, name: str) -> bool:
    """Return whether *name* is an empty file without another name."""
    status = folder.status(name)
    # A second name means that it was used, and moved away since: each line would appear in both files.
    # test_successor.py::test_a_successor_that_was_used_and_moved_away_is_not_used_again
    return _is_empty_file(status) and status is not None and status.st_nlink < 2
