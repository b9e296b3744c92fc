from __future__ import annotations

import errno
import fcntl
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _compressor
from taskflow_loguru.sinks._compressor import Compressor, Opened, compress_backups
from taskflow_loguru.sinks._folder_lock import FolderLock

from .files import EIO, NOBODY, Clock, descriptors, error, failing, is_unlocked, locked, unprivileged

WAIT_SECONDS = 30.0


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
    compress_backups(str(path), 3, Opened())
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
    compress_backups(str(path), 2, Opened())
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
    compress_backups(str(path), 2, Opened())
    assert steps == ["fchmod", "utime", "fsync", "rename", "unlink"]


def test_a_file_that_a_killed_process_left_is_overwritten(path: Path) -> None:
    path.with_name(".app.log.gz").write_bytes(b"x" * 100_000)
    compress_backups(str(path), 2, Opened())
    with gzip.open(path.with_name("app.log.2.gz"), "rt") as file:
        assert file.read() == "2\n" * 1000


def test_it_is_private_until_it_has_the_mode_of_the_plain_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    monkeypatch.setattr(_compressor, "copy_access", lambda _, new: modes.append(os.fstat(new).st_mode & 0o777))
    compress_backups(str(path), 2, Opened())
    assert modes == [0o600]


def test_it_has_the_access_of_the_plain_file_before_it_has_its_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill, another user with access to the log must be able to open, lock and replace the file."""
    sizes: list[int] = []
    monkeypatch.setattr(_compressor, "copy_access", lambda _, new: sizes.append(os.fstat(new).st_size))
    compress_backups(str(path), 2, Opened())
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
        compress_backups(str(path), 2, Opened())
    assert names(path) == ["app.log", "app.log.1", "app.log.2.gz", "app.log.3"]
    assert path.with_name("app.log.2.gz").stat().st_uid == NOBODY


def test_a_hidden_file_that_another_process_makes_first_is_left_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, before = path.with_name(".app.log.gz"), descriptors(path.parent)
    really_open = os.open

    def make_and_open(name: str, flags: int, *arguments: Any) -> int:
        if flags & os.O_EXCL:
            hidden.touch()
        return really_open(name, flags, *arguments)

    monkeypatch.setattr(os, "open", make_and_open)
    compress_backups(str(path), 2, Opened())
    assert names(path) == [".app.log.gz", *NOTHING_DONE]
    assert descriptors(path.parent) == before


def test_a_name_that_something_else_has_is_passed_over(path: Path) -> None:
    path.with_name("app.log.3.gz").mkdir()
    compress_backups(str(path), 3, Opened())
    assert names(path) == ["app.log", "app.log.1", "app.log.2.gz", "app.log.3", "app.log.3.gz"]
    assert path.with_name("app.log.3.gz").is_dir()


def test_a_hidden_file_that_somebody_has_deleted_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_unlink, hidden = os.unlink, path.with_name(".app.log.gz")

    def unlink(name: str) -> None:
        if name == str(hidden):
            really_unlink(name)
        really_unlink(name)

    monkeypatch.setattr(os, "unlink", unlink)
    monkeypatch.setattr(_compressor, "_replace", lambda *_: None)
    compress_backups(str(path), 2, Opened())
    assert names(path) == NOTHING_DONE


def test_a_link_under_the_hidden_name_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    path.with_name(".app.log.gz").symlink_to("precious")
    with pytest.raises(OSError, match="Too many levels"):
        compress_backups(str(path), 2, Opened())
    assert (tmp_path / "precious").read_text() == "keep"


def test_one_process_compresses_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other ones leave all backups to it."""
    hidden = path.with_name(".app.log.gz")
    hidden.touch()
    before = descriptors(path.parent)
    really_lock = fcntl.flock
    attempts: list[int] = []

    def lock(fd: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX:
            attempts.append(fd)
        really_lock(fd, operation)

    with locked(hidden), monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lock)
        compress_backups(str(path), 3, Opened())
    assert len(attempts) == 1
    assert names(path) == [".app.log.gz", *NOTHING_DONE]
    assert descriptors(path.parent) == before


def test_a_file_that_another_process_has_just_finished_is_left_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_lock, hidden = fcntl.flock, path.with_name(".app.log.gz")

    def lock(fd: int, operation: int) -> None:
        if not path.with_name("app.log.9.gz").exists():
            hidden.rename(path.with_name("app.log.9.gz"))
        really_lock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", lock)
    compress_backups(str(path), 3, Opened())
    assert names(path) == [*NOTHING_DONE, "app.log.9.gz"]


def test_a_file_that_is_moved_up_meanwhile_keeps_its_new_number(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_sync = os.fsync

    def move_up_and_sync(fd: int) -> None:
        if path.with_name("app.log.2").exists():
            path.with_name("app.log.2").rename(path.with_name("app.log.3"))
        really_sync(fd)

    path.with_name("app.log.3").unlink()
    monkeypatch.setattr(os, "fsync", move_up_and_sync)
    compress_backups(str(path), 3, Opened())
    assert names(path) == ["app.log", "app.log.1", "app.log.3.gz"]
    with gzip.open(path.with_name("app.log.3.gz"), "rt") as file:
        assert file.read() == "2\n" * 1000


def test_a_file_that_was_deleted_meanwhile_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_sync = os.fsync

    def delete_and_sync(fd: int) -> None:
        path.with_name("app.log.2").unlink()
        really_sync(fd)

    monkeypatch.setattr(os, "fsync", delete_and_sync)
    compress_backups(str(path), 2, Opened())
    assert names(path) == ["app.log", "app.log.1", "app.log.3"]


def test_a_file_that_has_moved_before_it_was_opened_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks._backups.Backups.to_compress", lambda _: iter([9, 2]))
    compress_backups(str(path), 3, Opened())
    assert names(path) == ["app.log", "app.log.1", "app.log.2.gz", "app.log.3"]


@pytest.mark.parametrize("call", ["fchmod", "utime", "fsync", "rename"])
def test_a_step_that_fails_leaves_the_plain_file(call: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = descriptors(path.parent)
    with monkeypatch.context() as patch:
        failing(patch, call, error(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            compress_backups(str(path), 3, Opened())
    assert names(path) == NOTHING_DONE
    assert is_unlocked(path.parent)
    assert descriptors(path.parent) == before
    compress_backups(str(path), 3, Opened())
    assert names(path) == ALL_DONE


# -- the thread -----------------------------------------------------------------------------------


class Threads:
    """Threads that a test runs itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[Callable[[], None]] = []
        self.is_allowed = True
        monkeypatch.setattr(_compressor, "_thread", SimpleNamespace(start_new_thread=self._start))
        monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None, raising=False)

    def _start(self, function: Callable[[], None], arguments: tuple[()]) -> int:
        if not self.is_allowed:
            raise RuntimeError("can't start new thread")
        self.started.append(function)
        return 1

    def run(self) -> None:
        self.started.pop(0)()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    return Threads(monkeypatch)


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The calls of ``compress_backups``, which does nothing here."""
    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(_compressor, "compress_backups", lambda path, count, _: calls.append((path, count)))
    return calls


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux has SCHED_IDLE")
def test_a_thread_of_low_priority_compresses(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that thread has the priority: the program keeps its own."""
    before = os.sched_getscheduler(0)
    done: SimpleQueue[int] = SimpleQueue()
    monkeypatch.setattr(_compressor, "compress_backups", lambda *_: done.put(os.sched_getscheduler(0)))
    Compressor(3).start(str(path))
    assert done.get(timeout=WAIT_SECONDS) == os.SCHED_IDLE
    assert os.sched_getscheduler(0) == before


def test_the_thread_offers_the_processor_after_each_block(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that writes a line waits for the compression of 32 KiB at most."""
    plain = path.with_name("app.log.2")
    plain.write_bytes(bytes(100_000))
    offers: list[int] = []
    monkeypatch.setattr(os, "sched_yield", lambda: offers.append(1))
    compress_backups(str(path), 3, Opened())
    assert len(offers) >= 100_000 / 32_768


@pytest.mark.parametrize("failure", [None, error(errno.EPERM)])
def test_a_priority_that_cannot_be_lowered_is_no_error(
    failure: OSError | None, threads: Threads, compressed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if failure is None:
        monkeypatch.delattr(os, "SCHED_IDLE", raising=False)
    else:
        failing(monkeypatch, "sched_setscheduler", failure)
    Compressor(3).start("path")
    threads.run()
    assert compressed == [("path", 3)]


def test_there_is_one_thread_at_a_time(threads: Threads, compressed: list[Any]) -> None:
    compressor = Compressor(3)
    compressor.start("first")
    compressor.start("second")
    assert len(threads.started) == 1
    threads.run()
    assert compressed == [("second", 3)]
    compressor.start("third")
    threads.run()
    assert compressed == [("second", 3), ("third", 3)]


def test_a_thread_that_has_ended_leaves_nothing_to_close(threads: Threads, compressed: list[Any]) -> None:
    compressor = Compressor(3)
    for _ in range(2):
        compressor.start("path")
        threads.run()
    assert not compressor._opened


def test_no_backup_is_forgotten(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever a rotation comes, its backups are compressed, by the running thread or a new one."""
    compressor = Compressor(3)
    compressed: list[str] = []

    class Due:
        """Rotate in the moment after the thread has looked for the last time."""

        def __init__(self) -> None:
            self.looks = 0
            self.value = False

    due = Due()

    class Watched(Compressor):
        @property
        def _is_due(self) -> bool:
            value = due.value
            due.looks += 1
            if due.looks == 2:
                assert not value
                self.start("second")
            return value

        @_is_due.setter
        def _is_due(self, value: bool) -> None:
            due.value = value

    monkeypatch.setattr(_compressor, "compress_backups", lambda path, *_: compressed.append(path))
    compressor = Watched(3)
    compressor.start("first")
    while threads.started:
        threads.run()
    assert compressed == ["first", "second"]


def test_a_rotation_during_a_compression_has_its_backups_compressed(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed: list[str] = []

    def compress(path: str, count: int, opened: Opened) -> None:
        compressed.append(path)
        if path == "first":
            compressor.start("second")

    monkeypatch.setattr(_compressor, "compress_backups", compress)
    compressor = Compressor(3)
    compressor.start("first")
    threads.run()
    assert compressed == ["first", "second"]
    assert not threads.started


def test_two_threads_of_one_process_compress_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second was started in the moment before the first looked for the last time."""
    begun: SimpleQueue[str] = SimpleQueue()
    may_end: SimpleQueue[None] = SimpleQueue()

    def compress(path: str, *_: Any) -> None:
        begun.put(path)
        may_end.get(timeout=WAIT_SECONDS)

    monkeypatch.setattr(_compressor, "compress_backups", compress)
    compressor = Compressor(3)
    compressor.start("first")
    assert begun.get(timeout=WAIT_SECONDS) == "first"
    compressor._running.clear()
    compressor.start("second")
    with pytest.raises(Empty):
        begun.get(timeout=0.1)
    may_end.put(None)
    may_end.put(None)
    assert begun.get(timeout=WAIT_SECONDS) == "second"


def test_if_no_thread_is_allowed_the_next_rotation_tries_again(threads: Threads, compressed: list[Any]) -> None:
    compressor = Compressor(3)
    threads.is_allowed = False
    compressor.start("path")
    threads.is_allowed = True
    compressor.start("path")
    threads.run()
    assert compressed == [("path", 3)]


def test_a_failure_is_reported_once_until_it_works_again(
    path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compressor = Compressor(3)

    def compress() -> str:
        compressor.start(str(path))
        threads.run()
        # Count this file alone: the thread of another test may still be running.
        return "".join(line for line in capsys.readouterr().err.splitlines(True) if str(path) in line)

    message = f"taskflow_loguru: cannot compress a backup of {str(path)!r}: {error(EIO)}; it stays uncompressed\n"
    for _ in range(2):
        with monkeypatch.context() as patch:
            failing(patch, "fsync", error(EIO))
            assert compress() == message
            assert compress() == ""
        assert compress() == ""
        path.with_name("app.log.2.gz").unlink()
        path.with_name("app.log.2").touch()


def test_the_folder_is_waited_for_as_for_any_rotation(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[float] = []

    class Lock(FolderLock):
        def acquire(self, folder: str, since: float) -> None:
            assert folder == str(path.parent)
            started.append(since)

        def release(self) -> None:
            started.append(0.0)

    clock = Clock(monkeypatch, _compressor)
    monkeypatch.setattr(_compressor, "FolderLock", Lock)
    compress_backups(str(path), 2, Opened())
    assert started == [clock.now, 0.0]
