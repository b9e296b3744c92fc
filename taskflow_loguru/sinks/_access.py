"""Access rights of a file: owner, group, mode and ACL, copied so that nobody gets more than before."""

from __future__ import annotations

import errno
import os
import stat
import struct

from ._linux import ignoring

_ACL = "system.posix_acl_access"
_ENTRY = struct.Struct("<HHI")  # tag, permissions, id; behind a version of four bytes: linux/posix_acl_xattr.h
_VERSION_SIZE = 4
_USER_OBJ, _GROUP_OBJ, _OTHER = 0x01, 0x04, 0x20

_NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors that are permanent for this user or file system. Any other error may pass."""


def copy_access(old: int, new: int) -> None:
    """Give the file *new* the owner, group, mode and ACL of the file *old*, each as far as the system allows it.

    Nobody may read or write it who could not before: if the group cannot be kept, the group of the new file gets the
    permissions of others. Set-user-ID, set-group-ID and sticky bits are not copied.

    Args:
        old: A descriptor of the file.
        new: A descriptor of another file that only its owner may read and write, and that is empty.

    Raises:
        OSError: One of them cannot be read or set now, for a reason that may pass.
    """
    status, made = os.fstat(old), os.fstat(new)
    # Only if they differ: a sandbox may kill a process that calls fchown (systemd's SystemCallFilter=~@privileged).
    # Two calls: only root may change the owner, but a member of the group may set the group.
    if made.st_uid != status.st_uid:
        with ignoring(*_NOT_ALLOWED):
            os.fchown(new, status.st_uid, -1)
    if made.st_gid != status.st_gid:
        with ignoring(*_NOT_ALLOWED):
            os.fchown(new, -1, status.st_gid)
    made = os.fstat(new)
    # The new owner is this process, which has to write.
    owner_bits = 0 if made.st_uid == status.st_uid else stat.S_IRUSR | stat.S_IWUSR
    has_group = made.st_gid == status.st_gid
    acl = _acl_of(old)
    if acl is not None and _set_acl(new, _adapted(acl, owner_bits >> 6, has_group)):
        return
    mode = status.st_mode & 0o777 | owner_bits
    if not has_group or acl is not None:  # with an ACL, these bits are not the group's, but the mask of the ACL
        mode = mode & ~0o070 | (mode & 0o007) << 3
    with ignoring(*_NOT_ALLOWED, errno.ENODATA):
        _remove_acl(new)
    with ignoring(*_NOT_ALLOWED):
        os.fchmod(new, mode)


def _adapted(acl: bytes, owner_bits: int, has_group: bool) -> bytes:
    """Return *acl* for a file whose owner or group could not be kept."""
    entries = list(_ENTRY.iter_unpack(acl[_VERSION_SIZE:]))
    [others] = [bits for tag, bits, _ in entries if tag == _OTHER]
    adapted = acl[:_VERSION_SIZE]
    for tag, bits, identity in entries:
        if tag == _USER_OBJ:
            bits |= owner_bits
        elif tag == _GROUP_OBJ and not has_group:
            bits = others
        adapted += _ENTRY.pack(tag, bits, identity)
    return adapted


def _acl_of(file: int) -> bytes | None:
    if hasattr(os, "getxattr"):
        with ignoring(*_NOT_ALLOWED, errno.ENODATA):
            return os.getxattr(file, _ACL)
    return None


def _set_acl(file: int, acl: bytes) -> bool:
    with ignoring(*_NOT_ALLOWED):
        os.setxattr(file, _ACL, acl)
        return True
    return False


def _remove_acl(file: int) -> None:
    """Remove the ACL that the file has inherited from the default ACL of its folder."""
    if hasattr(os, "removexattr"):
        os.removexattr(file, _ACL)
