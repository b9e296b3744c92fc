"""Files of other users, and the effective user for the time of a block."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

BOB, ALICE, LOG = 1234, 5678, 1235
"""Two users, and a group that both may belong to. They need no accounts."""


@pytest.fixture
def public_folder(as_root: None) -> Iterator[Path]:
    """Make a folder that every user can reach, which ``tmp_path`` is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def as_user(uid: int, gid: int, groups: Sequence[int] = ()) -> Iterator[None]:
    """Have no more rights than that user, in this process."""
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def access(path: Path) -> tuple[int, int, int]:
    """Return the owner, the group and the mode of a file."""
    status = path.stat()
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def give(path: Path, uid: int, gid: int, mode: int) -> None:
    """Set the owner, the group and the mode of a file or folder."""
    os.chown(path, uid, gid)
    path.chmod(mode)
