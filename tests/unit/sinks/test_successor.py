from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskflow_loguru.sinks import _successor
from taskflow_loguru.sinks._open_file import OpenFile
from taskflow_loguru.sinks._place import Place
from taskflow_loguru.sinks._successor import (
    copy_access,
    discard_successor,
    finish_interrupted,
    hidden_name,
    make_successor,
    put_in_place,
)

from .files import EIO, error, failing, refuse_exchange


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("old\n")
    return path


@pytest.fixture
def hidden(path: Path) -> Path:
    return path.with_name(".app.log.next")


@pytest.fixture
def ready(path: Path) -> Path:
    return path.with_name(".app.log.ready")


@pytest.fixture
def backup(path: Path) -> Path:
    return path.with_name("app.log.1")


@pytest.fixture
def old(path: Path) -> Iterator[OpenFile]:
    file = OpenFile()
    file.open(str(path), os.O_RDWR)
    yield file
    file.close()


@pytest.fixture
def successor() -> Iterator[OpenFile]:
    file = OpenFile()
    yield file
    file.close()


def access_of(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode & 0o7777, status.st_uid, status.st_gid


# -- making it ------------------------------------------------------------------------------------


def test_its_name_is_hidden_beside_the_file() -> None:
    """No glob of a log shipper matches it."""
    assert hidden_name("/var/log/app.log", "next") == "/var/log/.app.log.next"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o666])
def test_it_is_empty_and_has_the_mode_of_the_old_file(
    mode: int, path: Path, hidden: Path, old: OpenFile, successor: OpenFile
) -> None:
    path.chmod(mode)
    make_successor(successor, str(path), old)
    assert access_of(hidden) == access_of(path)
    assert hidden.read_text() == ""
    successor.append([b"new\n"], [], 0, False)
    assert hidden.read_text() == "new\n"
    assert os.pread(successor.fds[0], 9, 0) == b"new\n"


def test_it_is_private_until_it_has_the_mode_of_the_old_file(
    path: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    monkeypatch.setattr(_successor, "copy_access", lambda _, new: modes.append(os.fstat(new).st_mode & 0o777))
    make_successor(successor, str(path), old)
    assert modes == [0o600]


def test_one_that_a_killed_rotation_left_is_made_anew(
    path: Path, hidden: Path, ready: Path, old: OpenFile, successor: OpenFile
) -> None:
    hidden.touch(0o777)
    ready.touch()
    make_successor(successor, str(path), old)
    assert access_of(hidden) == access_of(path)
    assert not ready.exists()


@pytest.mark.parametrize("suffix", ["next", "ready"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_somebody_elses_file_under_its_name_is_left_alone(
    kind: str, suffix: str, path: Path, old: OpenFile, successor: OpenFile
) -> None:
    hidden = path.with_name(f".app.log.{suffix}")
    if kind == "file":
        hidden.write_text("not ours")
    elif kind == "folder":
        hidden.mkdir()
    else:
        hidden.symlink_to("empty")
    with pytest.raises(FileExistsError) as raised:
        make_successor(successor, str(path), old)
    assert raised.value.strerror == "in the way, and not left by a rotation"
    assert (raised.value.errno, raised.value.filename) == (errno.EEXIST, str(hidden))
    assert os.path.lexists(hidden)


# -- its access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", ["fchown", "fchmod", "setxattr", "getxattr", "removexattr"])
def test_access_is_kept_as_far_as_the_system_allows(
    refused: str, path: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, refused, error(errno.EPERM))
    make_successor(successor, str(path), old)


@pytest.mark.parametrize("call", ["fchown", "fchmod", "getxattr", "removexattr"])
def test_an_exception_of_a_signal_handler_passes(
    call: str, path: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "getxattr", error(errno.ENODATA))
    failing(monkeypatch, call, TimeoutError("time limit"))
    with pytest.raises(TimeoutError):
        make_successor(successor, str(path), old)


def test_the_group_is_kept_though_the_owner_cannot_be(
    path: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only root may give a file away, but a member of the group may keep the group."""
    calls: list[tuple[int, int]] = []

    def fchown(fd: int, uid: int, gid: int) -> None:
        calls.append((uid, gid))
        if uid != -1:
            raise error(errno.EPERM)

    monkeypatch.setattr(os, "fchown", fchown)
    make_successor(successor, str(path), old)
    status = path.stat()
    assert calls == [(status.st_uid, -1), (-1, status.st_gid)]


def test_owner_and_group_are_kept(path: Path, hidden: Path, old: OpenFile, successor: OpenFile, as_root: None) -> None:
    os.chown(path, 1, 2)
    path.chmod(0o4664)
    make_successor(successor, str(path), old)
    assert access_of(hidden) == (0o4664, 1, 2)


@pytest.fixture
def setfacl(tmp_path: Path) -> str:
    """A program that grants rights, on a file system that stores them."""
    found = shutil.which("setfacl")
    if found is None:
        pytest.skip("needs the program setfacl")
    (tmp_path / "tried").touch()
    if subprocess.run([found, "-m", "u:1:r", tmp_path / "tried"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("needs a file system with access control lists")
    return found


def test_an_access_control_list_is_kept(
    path: Path, hidden: Path, old: OpenFile, successor: OpenFile, setfacl: str
) -> None:
    subprocess.run([setfacl, "-m", "u:1:r", path], check=True)
    make_successor(successor, str(path), old)
    acl = "system.posix_acl_access"
    assert os.getxattr(hidden, acl) == os.getxattr(path, acl)


def test_an_inherited_access_control_list_is_not(
    path: Path, hidden: Path, old: OpenFile, successor: OpenFile, setfacl: str
) -> None:
    subprocess.run([setfacl, "-d", "-m", "u:1:rw", path.parent], check=True)
    make_successor(successor, str(path), old)
    with pytest.raises(OSError, match="No data"):
        os.getxattr(hidden, "system.posix_acl_access")
    assert access_of(hidden) == access_of(path)


def test_a_system_without_access_control_lists_needs_none(
    path: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "getxattr")
    monkeypatch.delattr(os, "removexattr")
    make_successor(successor, str(path), old)


def test_the_list_is_copied_by_its_name(
    path: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def getxattr(fd: int, name: str) -> bytes:
        calls.append((fd, name))
        return b"list"

    monkeypatch.setattr(os, "getxattr", getxattr)
    monkeypatch.setattr(os, "setxattr", lambda fd, name, value: calls.append((fd, name, value)))
    monkeypatch.setattr(os, "removexattr", lambda fd, name: calls.append((fd, name)))
    make_successor(successor, str(path), old)
    acl = "system.posix_acl_access"
    assert calls == [(old.fds[0], acl), (successor.fds[0], acl, b"list")]
    calls.clear()
    failing(monkeypatch, "getxattr", error(errno.ENODATA))
    copy_access(old.fds[0], successor.fds[0])
    assert calls == [(successor.fds[0], acl)]


# -- putting it in place --------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_two_change_places(path: Path, backup: Path, hidden: Path, old: OpenFile, successor: OpenFile) -> None:
    make_successor(successor, str(path), old)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n"}
    assert successor.size_at(Place(str(path))) is not None


def test_the_path_is_not_missing_for_a_moment(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_successor(successor, str(path), old)
    really_rename, moved = os.rename, []

    def rename(name: str, new_name: str) -> None:
        moved.append(name)
        really_rename(name, new_name)
        assert path.exists()

    monkeypatch.setattr(os, "rename", rename)
    put_in_place(str(path), str(backup))
    assert moved == [str(path.with_name(".app.log.next"))]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM])
def test_without_an_exchange_the_files_are_renamed(
    number: int,
    path: Path,
    backup: Path,
    old: OpenFile,
    successor: OpenFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_exchange(monkeypatch, error(number))
    make_successor(successor, str(path), old)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n"}
    assert successor.size_at(Place(str(path))) is not None


@pytest.mark.parametrize("number", [EIO, errno.ESTALE, errno.ENOENT, errno.EACCES, errno.EBUSY])
def test_an_exchange_that_fails_for_another_reason_changes_nothing(
    number: int, path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two renames in its place would leave the path missing for a moment, on a file system that can do better."""
    refuse_exchange(monkeypatch, error(number))
    make_successor(successor, str(path), old)
    with pytest.raises(OSError) as raised:  # noqa: PT011
        put_in_place(str(path), str(backup))
    assert raised.value.errno == number
    assert contents(path.parent) == {"app.log": "old\n", "app.log.1": ""}
    discard_successor(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "old\n"}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_without_hard_links_the_successor_is_renamed(
    number: int,
    path: Path,
    backup: Path,
    old: OpenFile,
    successor: OpenFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    failing(monkeypatch, "link", error(number))
    make_successor(successor, str(path), old)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n"}
    assert successor.size_at(Place(str(path))) is not None


def test_a_file_that_another_process_made_meanwhile_is_kept(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    make_successor(successor, str(path), old)
    really_link = os.link

    def link(name: str, new_name: str) -> None:
        path.write_text("of another\n")
        really_link(name, new_name)

    monkeypatch.setattr(os, "link", link)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "of another\n", "app.log.1": "old\n"}


def test_a_successor_that_another_process_put_in_place_is_no_error(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    make_successor(successor, str(path), old)
    really_link = os.link

    def link(name: str, new_name: str) -> None:
        finish_by_another(name, new_name)
        really_link(name, new_name)

    def finish_by_another(name: str, new_name: str) -> None:
        really_link(name, new_name)
        os.unlink(name)

    monkeypatch.setattr(os, "link", link)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n"}


def test_any_other_error_of_a_link_is_raised(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    make_successor(successor, str(path), old)
    with monkeypatch.context() as patch:
        failing(patch, "link", error(EIO))
        with pytest.raises(OSError, match="Input/output"):
            put_in_place(str(path), str(backup))
    discard_successor(str(path), str(backup))
    assert contents(path.parent) == {".app.log.ready": "", "app.log.1": "old\n"}
    finish_interrupted(str(path))
    assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n"}


def test_a_hidden_name_that_cannot_be_removed_is_no_failure(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation is done by then, and the next one removes the name."""
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    make_successor(successor, str(path), old)
    with monkeypatch.context() as patch:
        failing(patch, "unlink", error(EIO))
        put_in_place(str(path), str(backup))
        assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n", ".app.log.ready": ""}


def test_an_exception_of_a_signal_handler_moves_nothing_back(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange may have been made, and the backup's name be that of the lines."""
    make_successor(successor, str(path), old)
    refuse_exchange(monkeypatch, TimeoutError("time limit"))
    with pytest.raises(TimeoutError):
        put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "old\n", "app.log.1": ""}


# -- after a rotation that did not end -----------------------------------------------------------


def test_a_missing_file_is_replaced_by_the_successor_that_was_made(path: Path, ready: Path) -> None:
    """It has the right mode and owner, which a new file would not have."""
    path.unlink()
    ready.touch(0o600)
    finish_interrupted(str(path))
    assert contents(path.parent) == {"app.log": ""}
    assert access_of(path)[0] == 0o600


def test_a_successor_that_is_being_made_is_not_used(path: Path, hidden: Path) -> None:
    """It may not have its mode yet, and its rotation will still put it in place."""
    path.unlink()
    hidden.touch(0o600)
    finish_interrupted(str(path))
    assert contents(path.parent) == {".app.log.next": ""}


def test_a_successor_that_was_used_and_moved_away_is_not_used_again(path: Path, ready: Path) -> None:
    """Its process was killed before it removed the hidden name: a line written to one name would appear under both."""
    path.unlink()
    ready.touch()
    os.link(ready, path.with_name("moved"))
    finish_interrupted(str(path))
    assert contents(path.parent) == {".app.log.ready": "", "moved": ""}


def test_a_newer_successor_is_not_removed(path: Path, ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was missing, and another process has put its successor there and rotated since."""
    path.unlink()
    ready.touch()
    really_link = os.link

    def link(name: str, new_name: str) -> None:
        os.rename(name, new_name)
        ready.touch()
        really_link(name, new_name)

    monkeypatch.setattr(os, "link", link)
    finish_interrupted(str(path))
    assert contents(path.parent) == {".app.log.ready": "", "app.log": ""}


def test_a_successor_that_cannot_lose_its_hidden_name_is_used(
    path: Path, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.unlink()
    ready.touch()
    failing(monkeypatch, "unlink", error(EIO))
    finish_interrupted(str(path))
    assert contents(path.parent) == {".app.log.ready": "", "app.log": ""}


def test_a_successor_that_has_become_the_file_is_left_over(
    path: Path, hidden: Path, ready: Path, successor: OpenFile
) -> None:
    """Killed between the link and the removal of its hidden name, or finished by another process."""
    os.link(path, ready)
    old = OpenFile()
    old.open(str(path), os.O_RDWR)
    make_successor(successor, str(path), old)
    assert contents(path.parent) == {hidden.name: "", "app.log": "old\n"}
    old.close()


def test_a_file_that_is_there_is_not_replaced(path: Path, ready: Path) -> None:
    ready.touch()
    finish_interrupted(str(path))
    assert contents(path.parent) == {"app.log": "old\n", ".app.log.ready": ""}


def test_without_a_successor_the_file_stays_missing(path: Path, ready: Path) -> None:
    path.unlink()
    finish_interrupted(str(path))
    assert not contents(path.parent)
    ready.write_text("somebody else's")
    finish_interrupted(str(path))
    assert contents(path.parent) == {".app.log.ready": "somebody else's"}
    ready.unlink()
    ready.mkdir()
    finish_interrupted(str(path))
    assert ready.is_dir()


def test_an_unknown_file_is_not_a_missing_one(
    path: Path, backup: Path, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready.touch()
    failing(monkeypatch, "lstat", error(EIO), only_for=path)
    with pytest.raises(OSError, match="Input/output"):
        finish_interrupted(str(path))
    discard_successor(str(path), str(backup))
    assert ready.exists()


@pytest.mark.parametrize("name", ["app.log.1", ".app.log.next", ".app.log.ready"])
def test_the_successor_of_a_rotation_that_failed_is_deleted(name: str, path: Path, backup: Path) -> None:
    """It is deleted under any name that it may have by then. A file with content stays."""
    successor = path.with_name(name)
    successor.touch()
    discard_successor(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "old\n"}
    discard_successor(str(path), str(backup))
    successor.write_text("somebody else's")
    discard_successor(str(path), str(backup))
    assert successor.exists()


def test_one_name_that_cannot_be_removed_does_not_keep_the_other(
    path: Path, backup: Path, hidden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.touch()
    hidden.touch()
    failing(monkeypatch, "unlink", error(EIO), only_for=backup)
    discard_successor(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "old\n", "app.log.1": ""}


def test_a_missing_file_needs_the_successor(path: Path, backup: Path, hidden: Path, ready: Path) -> None:
    path.unlink()
    for name in (backup, hidden, ready):
        name.touch()
    discard_successor(str(path), str(backup))
    assert contents(path.parent) == {".app.log.ready": ""}
