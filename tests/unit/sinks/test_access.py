from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from taskflow_loguru.sinks._access import copy_access

from .files import error, failing

Files = tuple[int, int]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old"
    path.touch()
    return path


@pytest.fixture
def copied(old: Path, tmp_path: Path) -> Callable[[], os.stat_result]:
    """Make a new file, copy the access of *old* to it, and return its status."""

    def copy() -> os.stat_result:
        new = os.open(tmp_path / "new", os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
        file = os.open(old, os.O_RDONLY)
        try:
            copy_access(file, new)
            return os.fstat(new)
        finally:
            os.close(new)
            os.close(file)

    return copy


Copied = Callable[[], os.stat_result]


@pytest.fixture
def no_fchown(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "fchown", error(errno.EPERM))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o604, 0o666])
def test_a_file_of_the_same_user_gets_the_mode(mode: int, old: Path, copied: Copied) -> None:
    old.chmod(mode)
    assert copied().st_mode & 0o7777 == mode


def test_owner_and_group_are_kept(old: Path, copied: Copied, as_root: None) -> None:
    os.chown(old, 1, 2)
    old.chmod(0o664)
    status = copied()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1, 2, 0o664)


def test_no_file_changes_its_owner_without_need(old: Path, copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's SystemCallFilter=~@privileged kills a process that tries."""
    failing(monkeypatch, "fchown", AssertionError("killed"))
    copied()


@pytest.mark.parametrize(("mode", "expected"), [(0o640, 0o600), (0o664, 0o644), (0o660, 0o600), (0o606, 0o666)])
def test_a_group_that_cannot_be_kept_gets_the_permissions_of_others(
    mode: int, expected: int, old: Path, copied: Copied, as_root: None, no_fchown: None
) -> None:
    """The group of the app must not read what only the group of the log could."""
    os.chown(old, -1, 2)
    old.chmod(mode)
    status = copied()
    assert (status.st_gid, status.st_mode & 0o7777) == (os.getegid(), expected)


def test_a_new_owner_can_write(old: Path, copied: Copied, as_root: None, no_fchown: None) -> None:
    """The app may write as a member of the group, and its successor belongs to it."""
    os.chown(old, 1, -1)
    old.chmod(0o464)
    assert copied().st_mode & 0o7777 == 0o664


def test_no_special_bit_is_copied(old: Path, copied: Copied) -> None:
    old.chmod(0o7755)
    assert copied().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("call", ["fchown", "fchmod", "getxattr", "removexattr"])
def test_a_call_that_the_system_refuses_is_left_out(
    call: str, old: Path, copied: Copied, monkeypatch: pytest.MonkeyPatch, as_root: None
) -> None:
    os.chown(old, 1, 2)
    failing(monkeypatch, call, error(errno.EPERM))
    assert copied()


@pytest.mark.parametrize("call", ["fchown", "fchmod", "getxattr"])
def test_an_exception_of_a_signal_handler_passes(
    call: str, old: Path, copied: Copied, monkeypatch: pytest.MonkeyPatch, as_root: None
) -> None:
    os.chown(old, 1, 2)
    failing(monkeypatch, call, TimeoutError("time limit"))
    with pytest.raises(TimeoutError):
        copied()


# -- lists of access ------------------------------------------------------------------------------


@pytest.fixture
def setfacl(program: Callable[[str], str], tmp_path: Path) -> Callable[..., None]:
    command = program("setfacl")

    def run(*arguments: object) -> None:
        if subprocess.run([command, *map(str, arguments)], stderr=subprocess.DEVNULL).returncode:
            pytest.skip("the file system has no access control lists")

    return run


def acl_of(path: Path) -> list[str]:
    printed = subprocess.run(["getfacl", "--omit-header", "--numeric", path], capture_output=True, text=True, cwd="/")
    return [line.partition("\t")[0] for line in printed.stdout.split("\n") if line]


def test_an_access_control_list_is_kept(
    old: Path, copied: Copied, tmp_path: Path, setfacl: Callable[..., None]
) -> None:
    setfacl("-m", "u:1:rw,g:3:r", old)
    copied()
    assert acl_of(tmp_path / "new") == acl_of(old)


def test_an_inherited_access_control_list_is_not(
    old: Path, copied: Copied, tmp_path: Path, setfacl: Callable[..., None]
) -> None:
    setfacl("-d", "-m", "u:1:rwx", tmp_path)
    old.chmod(0o640)
    copied()
    assert acl_of(tmp_path / "new") == ["user::rw-", "group::r--", "other::---"]


def test_the_list_shows_the_log_to_no_other_group(
    old: Path, copied: Copied, tmp_path: Path, setfacl: Callable[..., None], as_root: None, no_fchown: None
) -> None:
    """An entry for the owning group would count for the group of the app."""
    os.chown(old, -1, 2)
    old.chmod(0o660)
    setfacl("-m", "u:1:rw", old)
    copied()
    assert acl_of(tmp_path / "new") == ["user::rw-", "user:1:rw-", "group::---", "mask::rw-", "other::---"]


def test_without_its_list_a_file_shows_no_more(
    old: Path, copied: Copied, setfacl: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group bits of a file with a list are its mask: the permissions of everyone in the list."""
    old.chmod(0o600)
    setfacl("-m", "u:1:rw", old)
    failing(monkeypatch, "setxattr", error(errno.EOPNOTSUPP))
    assert copied().st_mode & 0o777 == 0o600
