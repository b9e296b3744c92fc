from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _successor
from taskflow_loguru.sinks._open_file import OpenFile
from taskflow_loguru.sinks._successor import hidden_name

from .files import EIO, Place, error, failing, opened_folder, refuse_exchange


def make_successor(successor: OpenFile, path: str, old: OpenFile) -> None:
    with opened_folder(path) as (folder, name):
        _successor.make_successor(folder, name, old, successor)


def put_in_place(path: str, backup: str) -> None:
    with opened_folder(path) as (folder, name):
        _successor.put_in_place(folder, name, os.path.basename(backup))


def finish_interrupted(path: str) -> None:
    with opened_folder(path) as (folder, name):
        _successor.finish_interrupted(folder, name)


def discard_successor(path: str, backup: str) -> None:
    with opened_folder(path) as (folder, name):
        _successor.discard_successor(folder, name, os.path.basename(backup))


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
    assert hidden_name("app.log", "next") == ".app.log.next"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o666])
def test_it_is_empty_and_has_the_mode_of_the_old_file(
    mode: int, path: Path, hidden: Path, old: OpenFile, successor: OpenFile
) -> None:
    path.chmod(mode)
    make_successor(successor, str(path), old)
    assert access_of(hidden) == access_of(path)
    assert hidden.read_text() == ""


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
def test_a_left_over_with_lines_is_kept_under_a_name_that_shows(
    suffix: str, path: Path, hidden: Path, old: OpenFile, successor: OpenFile
) -> None:
    """It is the only name of these lines, and must not prevent all rotations either."""
    left = path.with_name(f".app.log.{suffix}")
    left.write_text("lines\n")
    inode = left.stat().st_ino
    make_successor(successor, str(path), old)
    assert contents(path.parent) == {"app.log": "old\n", ".app.log.next": "", f"app.log.{suffix}-{inode}": "lines\n"}


@pytest.mark.parametrize("suffix", ["next", "ready"])
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_somebody_elses_file_under_its_name_is_left_alone(
    kind: str, suffix: str, path: Path, old: OpenFile, successor: OpenFile
) -> None:
    hidden = path.with_name(f".app.log.{suffix}")
    if kind == "folder":
        hidden.mkdir()
    else:
        hidden.symlink_to("empty")
    with pytest.raises(FileExistsError) as raised:
        make_successor(successor, str(path), old)
    assert raised.value.strerror == "unexpected file, which is not overwritten"
    assert (raised.value.errno, raised.value.filename) == (errno.EEXIST, hidden.name)
    assert os.path.lexists(hidden)


# -- putting it in place --------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_two_change_places(path: Path, backup: Path, hidden: Path, old: OpenFile, successor: OpenFile) -> None:
    make_successor(successor, str(path), old)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "", "app.log.1": "old\n"}
    assert Place(str(path)).size(successor) is not None


def test_the_path_is_not_missing_for_a_moment(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_successor(successor, str(path), old)
    really_rename, moved = os.rename, []

    def rename(name: str, new_name: str, **folder: Any) -> None:
        moved.append(name)
        really_rename(name, new_name, **folder)
        assert path.exists()

    monkeypatch.setattr(os, "rename", rename)
    put_in_place(str(path), str(backup))
    assert moved == [".app.log.next"]


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
    assert Place(str(path)).size(successor) is not None


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
    assert Place(str(path)).size(successor) is not None


def test_a_file_that_another_process_made_meanwhile_is_kept(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    make_successor(successor, str(path), old)
    really_link = os.link

    def link(name: str, new_name: str, **folder: Any) -> None:
        path.write_text("of another\n")
        really_link(name, new_name, **folder)

    monkeypatch.setattr(os, "link", link)
    put_in_place(str(path), str(backup))
    assert contents(path.parent) == {"app.log": "of another\n", "app.log.1": "old\n"}


def test_a_successor_that_another_process_put_in_place_is_no_error(
    path: Path, backup: Path, old: OpenFile, successor: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_exchange(monkeypatch, error(errno.EINVAL))
    make_successor(successor, str(path), old)
    really_link = os.link

    def link(name: str, new_name: str, **folder: Any) -> None:
        really_link(name, new_name, **folder)
        os.unlink(name, dir_fd=folder["src_dir_fd"])
        really_link(name, new_name, **folder)

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

    def link(name: str, new_name: str, **folder: Any) -> None:
        os.rename(name, new_name, **folder)
        ready.touch()
        really_link(name, new_name, **folder)

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
    failing(monkeypatch, "stat", error(EIO), only_for=path)
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
