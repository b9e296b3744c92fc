from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks._backups import Backups
from taskflow_loguru.sinks._locking import Folder

from .files import EIO, error, failing


def make(folder: Path, *names: str) -> None:
    """Make files ``app.log.<name>``; a name that ends with a slash becomes a folder."""
    for name in names:
        path = folder / f"app.log.{name}"
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text(name)


_folders: list[Folder] = []


@pytest.fixture(autouse=True)
def closed_folders() -> Iterator[None]:
    yield
    while _folders:
        _folders.pop().release()


def backups_in(folder: Path, limit: int = 3) -> Backups:
    opened = Folder()
    _folders.append(opened)
    opened.open(str(folder))
    return Backups(opened, "app.log", limit)


def plan(folder: Path, limit: int = 3) -> tuple[str, list[str]]:
    """Return the plan of a rotation, in numbers: ``("1", ["2>3", "1>2"])``."""
    backup, moves = backups_in(folder, limit).plan()
    start = len("app.log.")
    return backup[start:], [f"{name[start:]}>{above[start:]}" for name, above in moves]


def test_the_first_backup_moves_nothing(tmp_path: Path) -> None:
    assert plan(tmp_path) == ("1", [])


def test_backups_move_up_the_oldest_first(tmp_path: Path) -> None:
    make(tmp_path, "1", "2")
    assert plan(tmp_path) == ("1", ["2>3", "1>2"])


def test_backups_above_the_limit_move_too(tmp_path: Path) -> None:
    """Deleted before the rotation is done, they would be lost if it fails."""
    make(tmp_path, "1", "2", "3", "4")
    assert plan(tmp_path) == ("1", ["4>5", "3>4", "2>3", "1>2"])


def test_a_gap_that_a_killed_rotation_left_is_filled(tmp_path: Path) -> None:
    make(tmp_path, "1", "3")
    assert plan(tmp_path) == ("1", ["1>2"])
    (tmp_path / "app.log.1").unlink()
    assert plan(tmp_path) == ("1", [])


def test_a_folder_or_link_is_not_moved(tmp_path: Path) -> None:
    make(tmp_path, "1/", "2", "3/", "4")
    assert plan(tmp_path) == ("2", ["4>5", "2>4"])
    (tmp_path / "app.log.2").unlink()
    (tmp_path / "app.log.2").symlink_to("app.log.4")
    assert plan(tmp_path, 4) == ("4", ["4>5"])


@pytest.mark.parametrize("limit", [1, 2])
def test_if_something_else_has_all_the_names_it_is_named(limit: int, tmp_path: Path) -> None:
    make(tmp_path, "1/", "2/")
    with pytest.raises(FileExistsError) as raised:
        plan(tmp_path, limit)
    assert raised.value.strerror == "unexpected file, which is not overwritten"
    assert raised.value.filename == "app.log.1"
    assert raised.value.errno == errno.EEXIST
    assert plan(tmp_path, 3) == ("3", [])


def test_compressed_backups_move_as_the_others_do(tmp_path: Path) -> None:
    make(tmp_path, "1", "2", "2.gz", "3.gz")
    assert plan(tmp_path) == ("1", ["3.gz>4.gz", "2>3", "2.gz>3.gz", "1>2"])


def test_a_folder_beside_a_backup_makes_its_number_unusable(tmp_path: Path) -> None:
    make(tmp_path, "1", "1.gz/")
    assert plan(tmp_path) == ("2", [])


def test_the_empty_successor_of_a_killed_rotation_is_no_backup(tmp_path: Path) -> None:
    make(tmp_path, "2")
    (tmp_path / "app.log.1").touch()
    assert plan(tmp_path) == ("1", [])


def test_an_empty_backup_is_a_free_number(tmp_path: Path) -> None:
    """A power cut can empty one that was not on the disk yet."""
    make(tmp_path, "1", "3")
    (tmp_path / "app.log.2").touch()
    assert plan(tmp_path) == ("1", ["1>2"])


def test_an_empty_file_beside_a_compressed_backup_is_kept(tmp_path: Path) -> None:
    make(tmp_path, "1.gz")
    (tmp_path / "app.log.1").touch()
    assert plan(tmp_path) == ("1", ["1.gz>2.gz"])


def test_an_unreadable_name_may_be_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "1", "2")
    failing(monkeypatch, "stat", error(EIO), only_for=tmp_path / "app.log.2")
    with pytest.raises(OSError, match="Input/output"):
        plan(tmp_path)


def left(folder: Path) -> list[str]:
    return sorted(path.name.removeprefix("app.log.") for path in folder.iterdir())


def test_backups_above_the_limit_are_deleted(tmp_path: Path) -> None:
    make(tmp_path, "1", "2", "3", "4", "4.gz", "5.gz", "6")
    backups_in(tmp_path).delete_surplus()
    assert left(tmp_path) == ["1", "2", "3"]


def test_the_oldest_is_deleted_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle, it leaves the newest, and no gap."""
    make(tmp_path, "3", "4", "5", "6")
    failing(monkeypatch, "unlink", error(errno.EPERM), only_for=tmp_path / "app.log.5")
    with pytest.raises(PermissionError):
        backups_in(tmp_path).delete_surplus()
    assert left(tmp_path) == ["3", "4", "5"]


def test_deletion_ends_at_the_first_free_number(tmp_path: Path) -> None:
    make(tmp_path, "4", "6")
    backups_in(tmp_path).delete_surplus()
    assert left(tmp_path) == ["6"]


def test_a_folder_is_never_deleted(tmp_path: Path) -> None:
    make(tmp_path, "4", "5/", "6")
    backups_in(tmp_path).delete_surplus()
    assert left(tmp_path) == ["5"]


def test_all_but_the_newest_are_compressed_the_oldest_first(tmp_path: Path) -> None:
    make(tmp_path, "1", "2", "3", "3.gz", "4.gz", "5/", "6")
    shutil.copystat(tmp_path / "app.log.3", tmp_path / "app.log.3.gz")  # killed before it deleted the plain one
    assert list(backups_in(tmp_path, 5).to_compress()) == [3, 2]
    assert list(backups_in(tmp_path, 1).to_compress()) == []


def test_a_compressed_backup_is_not_overwritten_by_another(tmp_path: Path) -> None:
    make(tmp_path, "1", "2", "2.gz")
    os.utime(tmp_path / "app.log.2.gz", (1, 1))
    assert list(backups_in(tmp_path).to_compress()) == []


@pytest.fixture
def many(tmp_path: Path) -> Path:
    make(tmp_path, *map(str, range(1, 31)), "31.gz", "33", "40/", "07", "3x", "\u0664")
    return tmp_path


def test_many_backups_are_found_with_one_look_at_the_folder(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    really_stat = os.stat

    def stat(*arguments: Any, **options: Any) -> os.stat_result:
        nonlocal calls
        calls += 1
        return really_stat(*arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    backup, moves = plan(many, 1000)
    assert (backup, moves[0], len(moves)) == ("1", "31.gz>32.gz", 31)
    assert calls < 50
    assert backups_in(many, 100_000).to_compress() == [33, *range(30, 1, -1)]
    assert calls < 50


def test_a_folder_that_may_not_be_listed_is_searched_up_to_the_first_gap(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = backups_in(many, 1000)
    _folders[-1].is_listable = False
    assert backups.to_compress() == [*range(30, 1, -1)]
    assert len(backups.plan()[1]) == 31
