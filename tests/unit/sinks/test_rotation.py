from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _rotation
from taskflow_loguru.sinks._backups import Backups
from taskflow_loguru.sinks._rotation import ROTATION_RETRY, Period, RotatingLog, start_of
from taskflow_loguru.sinks._successor import put_in_place

from .files import EIO, Clock, descriptors, error, failing, is_unlocked, locked, refuse_exchange
from .interrupts import interrupted, moments

DAY = 86400
MakeLog = Callable[..., RotatingLog]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder / "app.log"


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def make_log(path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeLog]:
    """``make_log(max_bytes, backup_count, when)``; the helper's work is left out."""
    logs: list[RotatingLog] = []

    def make(max_bytes: int = 5, backup_count: int = 2, when: Period | None = None, of: Path = path) -> RotatingLog:
        log = RotatingLog(str(of), reports.append, max_bytes, backup_count, None, when)
        logs.append(log)
        return log

    yield make
    for log in logs:
        log.close()


@pytest.fixture
def log(make_log: MakeLog) -> RotatingLog:
    log = make_log()
    log.append((b"new\n",))
    return log


def rotate(log: RotatingLog) -> None:
    """Rotate the file as ``RotatingFileSink.rotate`` does."""
    log.is_requested = True
    log.append(())


def contents(path: Path) -> dict[str, str]:
    return {found.name: found.read_text() for found in path.parent.iterdir()}


def make_backups(path: Path, *numbers: int) -> None:
    for number in numbers:
        path.with_name(f"app.log.{number}").write_text(f"{number}\n")


# -- when -----------------------------------------------------------------------------------------


def test_a_line_that_does_not_fit_is_the_first_of_the_next_file(log: RotatingLog, path: Path) -> None:
    log.append((b"1\n",))
    assert contents(path) == {"app.log": "1\n", "app.log.1": "new\n"}
    log.append((b"2\n",))
    log.append((b"long line\n",))
    assert contents(path) == {"app.log": "long line\n", "app.log.1": "1\n2\n", "app.log.2": "new\n"}
    assert log.rotations == 2


def test_a_batch_is_divided_where_the_file_is_full(make_log: MakeLog) -> None:
    lines = [b"1\n", b"2\n", b"3\n", b"long line\n"]
    log = make_log()
    counts = []
    while lines:
        counts.append(log.append(lines))
        del lines[: counts[-1]]
    assert counts == [2, 1, 1]


def test_without_a_limit_or_a_backup_the_file_grows(make_log: MakeLog, path: Path) -> None:
    for log in (make_log(0), make_log(5, 0)):
        log.append((b"0123456789\n",))
    assert set(contents(path)) == {"app.log"}


def test_a_file_that_the_system_allows_no_larger_is_rotated(
    make_log: MakeLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ulimit -f``, or the largest file of the file system."""
    log = make_log(1000)
    really_write = os.write
    monkeypatch.setattr(
        os, "write", lambda fd, data: really_write(fd, data) if os.fstat(fd).st_size < 4 else _too_large()
    )
    for line in (b"one\n", b"two\n", b"three\n"):
        log.append((line,))
    assert contents(path) == {"app.log": "three\n", "app.log.1": "two\n", "app.log.2": "one\n"}


def _too_large() -> int:
    raise error(errno.EFBIG)


@pytest.mark.parametrize(
    ("period", "time", "start"),
    [
        ("hour", 7322.5, 7200),
        ("day", 90000, DAY),
        ("week", 5 * DAY, 4 * DAY),  # 1970-01-05 was a Monday
        ("week", 4 * DAY - 1, -3 * DAY),
    ],
)
def test_a_period_begins_with_its_first_second_in_utc(period: Period, time: float, start: float) -> None:
    assert start_of(period, time) == start
    assert start_of(period, start) == start


@pytest.mark.parametrize("lag", [0.5, 3600, -0.5, -3600])
def test_a_clock_of_the_file_system_that_differs_costs_no_backup(
    lag: float, make_log: MakeLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS, a machine that slept, libfaketime: the file rotates once a day, by whichever clock."""
    clock = Clock(monkeypatch, _rotation)
    clock.time = 100 * DAY - 5000.0
    really_fstat = os.fstat

    def fstat(fd: int) -> os.stat_result:
        status = list(really_fstat(fd))
        status[8] = int(clock.time - lag)
        return os.stat_result(status, {"st_mtime": clock.time - lag, "st_ctime_ns": 0, "st_mtime_ns": 0})

    log = make_log(0, 50, "day")
    monkeypatch.setattr(os, "fstat", fstat)
    for step in range(200):
        log.append((b"%d\n" % step,))
        os.utime(path, (clock.time - lag, clock.time - lag))
        clock.time += 50
    assert log.rotations == 1


# -- how ------------------------------------------------------------------------------------------


def test_the_backups_move_up_and_the_oldest_is_deleted(log: RotatingLog, path: Path) -> None:
    make_backups(path, 1, 2)
    rotate(log)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}
    assert is_unlocked(path.parent)


def test_an_empty_file_is_not_rotated(make_log: MakeLog, path: Path) -> None:
    log = make_log()
    rotate(log)
    assert set(contents(path)) == {"app.log"}


def test_a_requested_rotation_is_one_however_many_lines_others_write(
    log: RotatingLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def put_and_write(*arguments: Any) -> None:
        put_in_place(*arguments)
        path.write_text("of another\n")

    monkeypatch.setattr(_rotation, "put_in_place", put_and_write)
    rotate(log)
    assert contents(path) == {"app.log": "of another\n", "app.log.1": "new\n"}


def test_the_file_that_a_link_leads_to_is_rotated(make_log: MakeLog, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    log = make_log(of=link)
    log.append((b"new\n",))
    rotate(log)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n"}
    assert link.is_symlink()


def test_a_file_that_was_moved_away_meanwhile_is_not_rotated(
    log: RotatingLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1)
    really_lock = log._folder.lock

    def move_and_lock() -> None:
        if not path.with_name("moved").exists():
            path.rename(path.with_name("moved"))
        really_lock()

    monkeypatch.setattr(log._folder, "lock", move_and_lock)
    log.append((b"next\n",))
    assert contents(path) == {"app.log": "next\n", "app.log.1": "1\n", "moved": "new\n"}
    assert log.rotations == 0


def test_a_folder_that_is_swapped_in_is_left_alone(
    log: RotatingLog, path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the folder above must not lead a rotation elsewhere."""
    make_backups(path, 1)
    other = path.parent.with_name("other")
    other.mkdir()
    make_backups(other / "app.log", 1)
    (other / "app.log").write_text("foreign\n")
    really_plan = Backups.plan

    def swap_and_plan(self: Backups) -> object:
        path.parent.rename(path.parent.with_name("mine"))
        other.rename(path.parent)
        return really_plan(self)

    monkeypatch.setattr(Backups, "plan", swap_and_plan)
    rotate(log)
    assert contents(path) == {"app.log": "foreign\n", "app.log.1": "1\n"}
    mine = path.parent.with_name("mine") / "app.log"
    assert contents(mine) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}


def test_another_process_that_moves_backups_is_not_waited_for_long(log: RotatingLog, path: Path) -> None:
    with locked(path.parent), pytest.raises(BlockingIOError):
        rotate(log)
    assert contents(path) == {"app.log": "new\n"}


@pytest.mark.parametrize("mode", [0o300, 0o730])
def test_a_folder_that_may_not_be_listed_is_rotated_in(mode: int, log: RotatingLog, path: Path) -> None:
    make_backups(path, 1)
    path.parent.chmod(mode)
    log._folder.open(str(path.parent))
    rotate(log)
    path.parent.chmod(0o700)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}


STEPS = {"stat": "app.log.1", "open": ".app.log.next", "rename": "app.log.1"}


@pytest.mark.parametrize("call", STEPS)
def test_a_step_that_fails_leaves_all_files_and_no_lock(
    call: str, log: RotatingLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1, 2)
    with monkeypatch.context() as patch:
        failing(patch, call, error(errno.ENOSPC), only_for=path.with_name(STEPS[call]))
        with pytest.raises(OSError, match="No space"):
            rotate(log)
    assert sorted(contents(path).values()) == ["1\n", "2\n", "new\n"]
    assert is_unlocked(path.parent)
    assert log.rotations == 0
    rotate(log)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}


@pytest.mark.parametrize("number", [EIO, errno.EBUSY])
def test_an_exchange_that_fails_leaves_no_empty_backup_and_no_file_open(
    number: int, log: RotatingLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backups have moved up by then; the next rotation finds the number that is free."""
    make_backups(path, 1, 2)
    before = descriptors(path.parent)
    with monkeypatch.context() as patch:
        refuse_exchange(patch, error(number))
        for _ in range(2):
            with pytest.raises(OSError, match=os.strerror(number)):
                rotate(log)
            assert contents(path) == {"app.log": "new\n", "app.log.2": "1\n", "app.log.3": "2\n"}
    assert descriptors(path.parent) <= before
    rotate(log)
    assert contents(path) == {"app.log": "", "app.log.1": "new\n", "app.log.2": "1\n"}


def test_a_backup_that_cannot_be_deleted_is_reported_and_the_file_rotates(
    log: RotatingLog, path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1, 2)
    with monkeypatch.context() as patch:
        failing(patch, "unlink", error(errno.EPERM), only_for=path.with_name("app.log.3"))
        rotate(log)
    assert reports == [f"cannot delete a backup: {error(errno.EPERM)}"]
    assert contents(path)["app.log.3"] == "2\n"


@pytest.mark.parametrize("call", ["rename", "unlink"])
def test_an_exception_of_a_signal_handler_passes(
    call: str, log: RotatingLog, path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_backups(path, 1, 2)
    with monkeypatch.context() as patch:
        failing(patch, call, TimeoutError("time limit"))
        with pytest.raises(TimeoutError):
            log.append((b"next\n",))
    assert is_unlocked(path.parent)
    assert not reports
    log.append((b"next\n",))
    assert sorted(contents(path).values())[-2:] == ["new\n", "next\n"]


def test_after_a_failure_the_file_grows_until_an_attempt_a_second_later(
    log: RotatingLog, path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, _rotation)
    with monkeypatch.context() as patch:
        refuse_exchange(patch, error(EIO))
        for number in range(3):
            log.append((b"%d\n" % number,))
    assert contents(path) == {"app.log": "new\n0\n1\n2\n"}
    assert reports == [f"cannot rotate {str(path)!r}: {error(EIO)}; it grows until it can be rotated"]
    clock.time += ROTATION_RETRY - 0.001
    log.append((b"3\n",))
    assert log.rotations == 0
    clock.time += 0.001
    log.append((b"4\n",))
    assert log.rotations == 1


@pytest.mark.parametrize("can_exchange", [True, False])
def test_no_interrupt_loses_a_line_or_a_backup(
    can_exchange: bool, path: Path, make_log: MakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it leave the folder locked, or a file open for good; the next rotation completes what it broke off."""
    if not can_exchange:
        refuse_exchange(monkeypatch, error(errno.EINVAL))
    before = descriptors(path.parent)
    for moment in moments():
        path.write_text("new\n")
        make_backups(path, 1, 2)
        log = make_log(5, 3)
        log.open()
        goes_on = interrupted(partial(rotate, log), moment)
        assert is_unlocked(path.parent), moment
        if goes_on and path.exists() and path.stat().st_size:
            rotate(log)
        backups = {name: text for name, text in contents(path).items() if text}
        assert backups == {"app.log.1": "new\n", "app.log.2": "1\n", "app.log.3": "2\n"}, moment
        log.close()
        assert descriptors(path.parent) == before, moment
        for name in contents(path):
            path.with_name(name).unlink()
        if not goes_on:
            break
    assert moment > 50
