from __future__ import annotations

import errno
import fcntl
import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _locking, _upkeep
from taskflow_loguru.sinks._upkeep import Upkeep

from .files import NOBODY, Clock, descriptors, error, failing, is_unlocked, locked, unprivileged


def compress_backups(path: str, backup_count: int) -> None:
    list(Upkeep(path, backup_count, "gzip").steps())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("0\n")
    for number in (1, 2, 3):
        path.with_name(f"app.log.{number}").write_text(f"{number}\n" * 1000)
    return path


def names(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


ALL_DONE = ["app.log", "app.log.1", "app.log.2.gz", "app.log.3.gz"]
NOTHING_DONE = ["app.log", "app.log.1", "app.log.2", "app.log.3"]


def test_all_backups_but_the_newest_are_compressed(path: Path) -> None:
    before = descriptors(path.parent)
    compress_backups(str(path), 3)
    assert names(path) == ALL_DONE
    for number in (2, 3):
        with gzip.open(path.with_name(f"app.log.{number}.gz"), "rt") as file:
            assert file.read() == f"{number}\n" * 1000
    assert path.with_name("app.log.3.gz").stat().st_size < 100
    assert is_unlocked(path.parent)
    assert descriptors(path.parent) == before


def test_the_compressed_file_has_mode_owner_and_time_of_the_plain_one(path: Path) -> None:
    plain = path.with_name("app.log.2")
    plain.chmod(0o640)
    os.utime(plain, ns=(1_500_000_000_123_456_789, 1_600_000_000_987_654_321))
    before = plain.stat()
    compress_backups(str(path), 2)
    after = path.with_name("app.log.2.gz").stat()
    for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns"):
        assert getattr(after, field) == getattr(before, field)
    content = path.with_name("app.log.2.gz").read_bytes()
    assert int.from_bytes(content[4:8], "little") == 1_600_000_000  # for gzip -l and gunzip -N
    assert content[10:20] == b"app.log.2\0"


def test_it_is_synced_before_the_plain_file_is_deleted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for name in ("fsync", "rename", "unlink", "utime", "fchmod"):
        real: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any, _name: str = name, _real: Callable[..., Any] = real, **options: Any) -> Any:
            steps.append(_name)
            return _real(*arguments, **options)

        monkeypatch.setattr(os, name, call)
    compress_backups(str(path), 2)
    assert steps == ["fsync", "fchmod", "utime", "fsync", "rename", "rename", "unlink"]


def test_a_file_that_a_killed_process_left_is_overwritten(path: Path) -> None:
    path.with_name(".app.log.gz").write_bytes(b"x" * 100_000)
    compress_backups(str(path), 2)
    with gzip.open(path.with_name("app.log.2.gz"), "rt") as file:
        assert file.read() == "2\n" * 1000


def test_it_is_private_until_it_has_the_mode_of_the_plain_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    monkeypatch.setattr(_upkeep, "copy_access", lambda _, new: modes.append(os.fstat(new).st_mode & 0o777))
    compress_backups(str(path), 2)
    assert modes == [0o600]


def test_it_has_the_access_of_the_plain_file_before_it_has_its_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill, another user with access to the log must be able to open, lock and replace the file."""
    sizes: list[int] = []
    monkeypatch.setattr(_upkeep, "copy_access", lambda _, new: sizes.append(os.fstat(new).st_size))
    compress_backups(str(path), 2)
    assert sizes == [0]


def test_a_file_that_another_users_process_left_is_replaced(path: Path, as_root: None) -> None:
    """Only the owner of a file may set its times, so a new file takes its place."""
    hidden = path.with_name(".app.log.gz")
    hidden.write_bytes(b"of another user")
    hidden.chmod(0o666)
    folder = path.parent
    for name in (folder, *folder.iterdir()):
        if name != hidden:
            os.chown(name, NOBODY, NOBODY)
    os.chown(hidden, NOBODY - 1, NOBODY)
    for parent in folder.parents[:3]:
        parent.chmod(0o755)
    with unprivileged():
        compress_backups(str(path), 2)
    assert names(path) == ["app.log", "app.log.1", "app.log.2.gz", "app.log.3"]
    assert path.with_name("app.log.2.gz").stat().st_uid == NOBODY


def test_a_hidden_file_that_another_process_makes_first_is_left_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, before = path.with_name(".app.log.gz"), descriptors(path.parent)
    really_open = os.open

    def make_and_open(name: str, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_EXCL:
            hidden.touch()
        return really_open(name, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", make_and_open)
    compress_backups(str(path), 2)
    assert names(path) == [".app.log.gz", *NOTHING_DONE]
    assert descriptors(path.parent) == before


def test_a_name_that_something_else_has_is_passed_over(path: Path) -> None:
    path.with_name("app.log.3.gz").mkdir()
    compress_backups(str(path), 3)
    assert names(path) == ["app.log", "app.log.1", "app.log.2.gz", "app.log.3", "app.log.3.gz"]
    assert path.with_name("app.log.3.gz").is_dir()


def test_a_link_under_the_hidden_name_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    path.with_name(".app.log.gz").symlink_to("precious")
    compress_backups(str(path), 2)
    assert (tmp_path / "precious").read_text() == "keep"


def test_a_file_that_another_process_has_just_finished_is_left_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_lock, hidden = fcntl.flock, path.with_name(".app.log.gz")

    def lock(fd: int, operation: int) -> None:
        if hidden.exists() and not path.with_name("app.log.9.gz").exists():
            hidden.rename(path.with_name("app.log.9.gz"))
        really_lock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", lock)
    compress_backups(str(path), 3)
    assert names(path) == [*NOTHING_DONE, "app.log.9.gz"]


def test_a_file_that_is_moved_up_meanwhile_keeps_its_new_number(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_sync = os.fsync

    def move_up_and_sync(fd: int) -> None:
        if path.with_name("app.log.2").exists():
            path.with_name("app.log.2").rename(path.with_name("app.log.3"))
        really_sync(fd)

    path.with_name("app.log.3").unlink()
    monkeypatch.setattr(os, "fsync", move_up_and_sync)
    compress_backups(str(path), 3)
    assert names(path) == ["app.log", "app.log.1", "app.log.3.gz"]
    with gzip.open(path.with_name("app.log.3.gz"), "rt") as file:
        assert file.read() == "2\n" * 1000


def test_a_file_that_was_deleted_meanwhile_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_sync = os.fsync

    def delete_and_sync(fd: int) -> None:
        path.with_name("app.log.2").unlink()
        really_sync(fd)

    monkeypatch.setattr(os, "fsync", delete_and_sync)
    compress_backups(str(path), 2)
    assert names(path) == ["app.log", "app.log.1", "app.log.3"]


@pytest.mark.parametrize("call", ["fchmod", "utime", "fsync", "rename"])
def test_a_step_that_fails_leaves_the_plain_file(call: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors(path.parent)
    with monkeypatch.context() as patch:
        failing(patch, call, error(errno.ENOSPC))
        compress_backups(str(path), 3)
    assert names(path) == NOTHING_DONE
    assert is_unlocked(path.parent)
    assert descriptors(path.parent) == before
    compress_backups(str(path), 3)
    assert names(path) == ALL_DONE


@pytest.mark.parametrize("mode", [0o300, 0o330])
def test_in_a_folder_that_may_not_be_listed_no_backup_is_lost(mode: int, tmp_path: Path, path: Path) -> None:
    path.parent.chmod(0o700)
    upkeep = Upkeep(str(path), 3, "gzip")
    opened = _locking.Folder.open

    def open_unlisted(self: _locking.Folder, name: str) -> None:
        opened(self, name)
        self.is_listable = False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_locking.Folder, "open", open_unlisted)
        with locked(path):  # by a rotation, which the lock of the log keeps out
            patch.setattr("taskflow_loguru.sinks._locking.LOCK_TIMEOUT", 0.01)
            patch.setattr(_upkeep, "_MOST_ATTEMPTS", 2)
            list(upkeep.steps())
            assert names(path) == NOTHING_DONE
        list(upkeep.steps())
    assert names(path) == ALL_DONE


def test_a_line_that_comes_late_is_not_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped in the middle of a write without the lock appends to a backup."""
    really_sync = os.fsync

    def append_and_sync(fd: int) -> None:
        with path.with_name("app.log.2").open("a") as file:
            file.write("late\n")
        really_sync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", append_and_sync)
        compress_backups(str(path), 2)
    assert path.with_name("app.log.2").read_text().endswith("late\n")
    assert names(path) == NOTHING_DONE


def test_a_hidden_file_that_another_process_writes_is_left_to_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, _upkeep)
    hidden = path.with_name(".app.log.gz")
    hidden.touch()
    upkeep = Upkeep(str(path), 3, "gzip")
    with locked(hidden):
        for _ in range(5):
            list(upkeep.steps())
            with hidden.open("a") as file:
                file.write("x")
            clock.time += 60
    assert names(path) == [".app.log.gz", *NOTHING_DONE]


def test_a_left_over_that_a_stranger_has_locked_does_not_end_compression(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone who may read it can hold its lock."""
    clock = Clock(monkeypatch, _upkeep)
    hidden = path.with_name(".app.log.gz")
    hidden.write_text("left")
    upkeep = Upkeep(str(path), 3, "gzip")
    with locked(hidden):
        list(upkeep.steps())
        assert names(path) == [".app.log.gz", *NOTHING_DONE]
        clock.time += 10
        list(upkeep.steps())
    assert names(path) == ALL_DONE


def test_a_left_over_goes_though_compression_is_off_by_now(path: Path) -> None:
    path.with_name(".app.log.gz").write_text("left")
    list(Upkeep(str(path), 3, None).steps())
    assert names(path) == NOTHING_DONE


def test_a_failure_is_reported_once_until_it_works_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    upkeep = Upkeep(str(path), 2, "gzip")
    for _ in range(2):
        with monkeypatch.context() as patch:
            failing(patch, "fsync", error(errno.EIO))
            list(upkeep.steps())
            assert capsys.readouterr().err == (
                f"taskflow_loguru: cannot sync or compress a backup of {str(path)!r}: {error(errno.EIO)}; "
                "the next rotation tries again\n"
            )
            list(upkeep.steps())
            assert capsys.readouterr().err == ""
        list(upkeep.steps())
        path.with_name("app.log.2.gz").unlink()
        path.with_name("app.log.2").write_text("next")


# -- a power cut ----------------------------------------------------------------------------------


def test_each_new_backup_is_synced_once_and_then_the_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))))
    upkeep = Upkeep(str(path), 3, None)
    list(upkeep.steps())
    assert synced == ["app.log.1", "app.log.2", "app.log.3", path.parent.name]
    synced.clear()
    list(upkeep.steps())
    assert synced == []
    path.with_name("app.log.2").rename(path.with_name("app.log.3"))
    path.with_name("app.log.1").rename(path.with_name("app.log.2"))
    path.with_name("app.log.1").write_text("new")
    list(upkeep.steps())
    assert synced == ["app.log.1", path.parent.name]


def test_a_backup_with_the_inode_of_a_synced_one_is_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a burst of rotations, a new file can have the inode of one that was deleted."""
    synced: list[int] = []
    upkeep = Upkeep(str(path), 3, None)
    list(upkeep.steps())
    path.with_name("app.log.1").write_text("new lines in the same inode")
    os.utime(path.with_name("app.log.1"), (1, 1))
    monkeypatch.setattr(os, "fdatasync", synced.append)
    list(upkeep.steps())
    assert synced


# -- priority -------------------------------------------------------------------------------------


@pytest.fixture
def priorities(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "setpriority", lambda which, who, value: calls.append((who, value)))
    monkeypatch.setattr(
        os, "sched_setscheduler", lambda *_: pytest.fail("a thread of another class can stop all others"), raising=False
    )
    return calls


def test_a_thread_of_its_own_compresses_with_low_priority(path: Path, priorities: list[tuple[int, int]]) -> None:
    upkeep = Upkeep(str(path), 3, "gzip")
    thread = threading.Thread(target=lambda: list(upkeep.steps()))
    thread.start()
    thread.join()
    assert priorities == [(thread.native_id, 10)]
    assert names(path) == ALL_DONE


def test_the_main_thread_keeps_its_priority(path: Path, priorities: list[tuple[int, int]]) -> None:
    """Under gevent, a helper is a greenlet of the main thread."""
    compress_backups(str(path), 3)
    assert priorities == []
    assert names(path) == ALL_DONE


def test_a_priority_that_cannot_be_lowered_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "setpriority", error(errno.EPERM))
    monkeypatch.setattr(_upkeep, "threading", SimpleNamespace(get_native_id=lambda: 1))
    compress_backups(str(path), 3)
    assert names(path) == ALL_DONE
