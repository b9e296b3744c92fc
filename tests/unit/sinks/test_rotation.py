from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _rotation
from taskflow_loguru.sinks._flock import LOCK_TIMEOUT
from taskflow_loguru.sinks._folder_lock import FolderLock
from taskflow_loguru.sinks._notices import Notices
from taskflow_loguru.sinks._open_file import OpenFile
from taskflow_loguru.sinks._place import Place
from taskflow_loguru.sinks._rotation import ROTATION_RETRY, Rotation

from .files import EIO, Clock, descriptors, error, failing, is_unlocked, locked, refuse_exchange
from .interrupts import interrupted, moments


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder / "app.log"


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def rotation(notices: Notices) -> Iterator[Rotation]:
    rotation = Rotation(2, None, FolderLock(), notices)
    yield rotation
    rotation.successor.close()
    rotation._folder.release()


@pytest.fixture
def file(path: Path) -> Iterator[OpenFile]:
    path.write_text("new\n")
    file = OpenFile()
    file.open(str(path), os.O_RDWR)
    yield file
    file.close()


def contents(path: Path) -> dict[str, str]:
    return {found.name: found.read_text() for found in path.parent.iterdir()}


def make_backups(path: Path, *numbers: int) -> None:
    for number in numbers:
        path.with_name(f"app.log.{number}").write_text(f"{number}\n")


def perform(rotation: Rotation, path: Path, file: OpenFile) -> bool:
    return rotation.perform(Place(str(path)), file, time.monotonic())


def test_the_backups_move_up_and_the_oldest_is_deleted(rotation: Rotation, path: Path, file: OpenFile) -> None:
    make_backups(path, 1, 2)
    assert perform(rotation, path, file)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}
    assert rotation.count == 1
    assert rotation.successor.size_at(Place(str(path))) is not None
    assert is_unlocked(path.parent)
    file.close()
    file.open(str(path), os.O_RDWR)
    assert perform(rotation, path, file)
    assert rotation.count == 2


def test_the_file_that_a_link_leads_to_is_rotated(
    rotation: Rotation, path: Path, file: OpenFile, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert perform(rotation, link, file)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n"}
    assert link.is_symlink()


def test_a_file_that_was_moved_away_is_not_rotated(rotation: Rotation, path: Path, file: OpenFile) -> None:
    make_backups(path, 1)
    path.rename(path.with_name("moved"))
    path.touch()
    assert not perform(rotation, path, file)
    assert contents(path) == {"app.log": "", "app.log.1": "1\n", "moved": "new\n"}
    assert rotation.count == 0
    assert not rotation.successor.fds
    assert is_unlocked(path.parent)


def test_an_unknown_link_is_not_replaced(
    rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``realpath`` must not take an error for the end of the links."""
    failing(monkeypatch, "lstat", error(EIO), only_for=path)
    with pytest.raises(OSError, match="Input/output"):
        perform(rotation, path, file)
    monkeypatch.undo()
    assert contents(path) == {"app.log": "new\n"}


def test_another_process_that_moves_backups_is_not_waited_for_long(
    rotation: Rotation, path: Path, file: OpenFile
) -> None:
    with locked(path.parent), pytest.raises(BlockingIOError):
        rotation.perform(Place(str(path)), file, time.monotonic() - LOCK_TIMEOUT)
    assert contents(path) == {"app.log": "new\n"}


STEPS = {"lstat": "app.log.1", "open": ".app.log.next", "rename": "app.log.1"}


@pytest.mark.parametrize("call", STEPS)
def test_a_step_that_fails_leaves_all_files_and_no_lock(
    call: str, rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1, 2)
    with monkeypatch.context() as patch:
        failing(patch, call, error(errno.ENOSPC), only_for=path.with_name(STEPS[call]))
        with pytest.raises(OSError, match="No space"):
            perform(rotation, path, file)
    assert sorted(contents(path).values()) == ["1\n", "2\n", "new\n"]
    assert is_unlocked(path.parent)
    assert rotation.count == 0
    assert perform(rotation, path, file)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}


def test_an_exchange_that_fails_leaves_no_empty_backup(
    rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backups have moved up by then; the next rotation finds the number that is free."""
    make_backups(path, 1, 2)
    with monkeypatch.context() as patch:
        refuse_exchange(patch, error(EIO))
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                perform(rotation, path, file)
            assert contents(path) == {"app.log": "new\n", "app.log.2": "1\n", "app.log.3": "2\n"}
    assert perform(rotation, path, file)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}


def test_an_exception_of_a_signal_handler_keeps_the_successor(
    rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may already be in its place; if it is not, the next rotation removes it."""
    with monkeypatch.context() as patch:
        failing(patch, "rename", TimeoutError("time limit"))
        with pytest.raises(TimeoutError):
            perform(rotation, path, file)
    assert path.with_name(".app.log.next").exists()
    assert is_unlocked(path.parent)
    before = descriptors(path.parent)
    assert perform(rotation, path, file)
    assert len(descriptors(path.parent)) == len(before)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n"}


def test_an_error_of_closing_the_folder_is_no_failure(
    rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation is done by then."""
    really_close = os.close

    def close(fd: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        really_close(fd)
        if is_folder:
            raise error(EIO)

    monkeypatch.setattr(os, "close", close)
    assert perform(rotation, path, file)
    assert rotation.count == 1


def test_a_backup_that_cannot_be_deleted_is_reported_and_the_file_rotates(
    rotation: Rotation, path: Path, file: OpenFile, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1, 2)
    with monkeypatch.context() as patch:
        failing(patch, "unlink", error(errno.EPERM), only_for=path.with_name("app.log.3"))
        assert perform(rotation, path, file)
    assert list(notices.pending) == [f"cannot delete a backup: {error(errno.EPERM)}"]
    assert contents(path)["app.log.3"] == "2\n"


def test_an_exception_of_a_signal_handler_is_not_reported(
    rotation: Rotation, path: Path, file: OpenFile, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1, 2)
    failing(monkeypatch, "unlink", TimeoutError("time limit"))
    with pytest.raises(TimeoutError):
        perform(rotation, path, file)
    assert not notices.pending
    assert is_unlocked(path.parent)


def test_after_a_failure_the_next_attempt_waits_a_second(
    rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, _rotation)
    assert rotation.may_be_tried(clock.now)
    rotation.fail(str(path), error(EIO))
    assert not rotation.may_be_tried(clock.now + ROTATION_RETRY - 0.001)
    assert rotation.may_be_tried(clock.now + ROTATION_RETRY)
    assert rotation.perform(Place(str(path)), file, time.monotonic())
    assert rotation.may_be_tried(clock.now)


def test_an_incident_is_reported_once(rotation: Rotation, path: Path, file: OpenFile, notices: Notices) -> None:
    for _ in range(2):
        rotation.fail(str(path), error(EIO))
        assert notices.pending.popleft() == (
            f"cannot rotate {str(path)!r}: {error(EIO)}; it grows until it can be rotated"
        )
        rotation.fail(str(path), error(EIO))
        assert not notices.pending
        if file.size_at(Place(str(path))) is not None:
            assert perform(rotation, path, file)


@pytest.mark.parametrize(("compression", "expected"), [("gzip", True), (None, False)])
def test_backups_are_compressed_after_a_rotation(
    compression: Any, expected: bool, path: Path, file: OpenFile, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    rotation = Rotation(2, compression, FolderLock(), notices)
    monkeypatch.setattr(rotation._compressor, "start", started.append)
    path.with_name("app.log.1.gz").write_text("compressed")
    assert perform(rotation, path, file)
    assert started == [str(path)] * expected
    assert path.with_name("app.log.2.gz").exists()
    rotation.successor.close()


@pytest.mark.parametrize("can_exchange", [True, False])
def test_no_interrupt_loses_a_line_or_a_backup(can_exchange: bool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it leave the folder locked, or a file open for good; the next rotation completes what it broke off."""
    if not can_exchange:
        refuse_exchange(monkeypatch, error(errno.EINVAL))
    before = descriptors(path.parent)
    for moment in moments():
        path.write_text("new\n")
        make_backups(path, 1, 2)
        rotation, file = Rotation(3, None, FolderLock(), Notices()), OpenFile()
        file.open(str(path), os.O_RDWR)
        goes_on = interrupted(partial(rotation.perform, Place(str(path)), file, time.monotonic()), moment)
        assert is_unlocked(path.parent), moment
        if goes_on and file.size_at(Place(str(path))) is not None:
            assert perform(rotation, path, file)
        backups = {name: text for name, text in contents(path).items() if text}
        assert backups == {"app.log.1": "new\n", "app.log.2": "1\n", "app.log.3": "2\n"}, moment
        rotation.successor.close()
        rotation._folder.release()
        file.close()
        assert descriptors(path.parent) == before, moment
        for name in contents(path):
            path.with_name(name).unlink()
        if not goes_on:
            break
    assert moment > 50


def test_a_rotation_that_fails_leaves_no_deleted_file_open(
    rotation: Rotation, path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold an inode; without end if no rotation can succeed, as with a file that is a mount point."""
    before = descriptors(path.parent)
    refuse_exchange(monkeypatch, error(errno.EBUSY))
    with pytest.raises(OSError, match="busy"):
        perform(rotation, path, file)
    assert descriptors(path.parent) == before
