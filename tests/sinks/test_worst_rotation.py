"""Rotations that are killed, stopped, or meet an error, at each of their system calls."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

from taskflow_loguru.sinks import RotatingFileSink

from .owners import ALICE, BOB, LOG, access, as_user, give, public_folder
from .tracing import Call, Lab, lab
from .writers import read_lines

__all__ = ["lab", "public_folder"]

BEFORE = ["zero\n", "one\n", "two\n", "three\n"]
ACCESS = (BOB, LOG, 0o600)
WRITE = "sink.write('four')"

no_exchange = "inject=renameat2:error=EINVAL"  # as on NFS
each_way = pytest.mark.parametrize("way", [(), (no_exchange,)], ids=["exchanged", "renamed"])


def a_file_with_backups(folder: Path) -> Path:
    """Make a file that only its owner, another user, can read, with three backups."""
    folder.mkdir()
    path = folder / "app.log"
    for number, text in enumerate(reversed(BEFORE)):
        file = path.with_name(f"app.log.{number}") if number else path
        file.write_text(text)
        give(file, *ACCESS)
    return path


def rotating(path: Path, backup_count: int = 9) -> str:
    return f"RotatingFileSink({str(path)!r}, max_bytes=1, backup_count={backup_count})"


def write_on(path: Path, *texts: str, backup_count: int = 9) -> None:
    sink = RotatingFileSink(path, max_bytes=1, backup_count=backup_count)
    for text in texts:
        sink.write(text)
    sink.stop()


def calls_of(lab: Lab, path: Path, act: str, backup_count: int, *way: str) -> list[Call]:
    """Return the system calls that a rotation of *path* makes, except one that always fails."""
    calls = lab.calls(rotating(path, backup_count), act, *way)
    assert any(call.name.startswith("rename") for call in calls)
    return [call for call in calls if not way or call.name != "renameat2"]


def hidden_files(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.parametrize(("backup_count", "way"), [(1, ()), (3, ()), (9, ()), (1, (no_exchange,)), (3, (no_exchange,))])
def test_a_rotation_killed_at_any_call_keeps_all(
    backup_count: int, way: tuple[str, ...], lab: Lab, tmp_path: Path
) -> None:
    """Mode and owner stay; the next rotation loses no backup and leaves no other file.

    The path is never missing, unless the file system cannot exchange files.
    """
    calls = calls_of(lab, a_file_with_backups(tmp_path / "traced"), WRITE, backup_count, *way)
    for number, call in enumerate(call for call in calls if call.changes_something):
        path = a_file_with_backups(tmp_path / str(number))
        killed = lab.run(rotating(path, backup_count), WRITE, *way, call.inject("signal=SIGKILL"))
        assert killed == -signal.SIGKILL, call
        assert way or access(path) == ACCESS, call
        written = [*BEFORE, *(["four\n"] if "four\n" in read_lines(path) else [])]
        write_on(path, "five", "six", backup_count=backup_count)
        written += ["five\n", "six\n"]
        assert read_lines(path) == written[-1 - backup_count :], call
        assert all(access(file) == ACCESS for file in path.parent.iterdir()), call
        assert hidden_files(path.parent) == [], call


@pytest.mark.parametrize("is_link", [False, True])
@each_way
def test_an_error_of_any_call_of_a_rotation_loses_nothing(
    is_link: bool, way: tuple[str, ...], lab: Lab, tmp_path: Path
) -> None:
    """Only ENOENT means that a file is missing: no other error leads to an overwritten backup or symbolic link."""
    act = f"{WRITE}; sink.stop()"
    errors = itertools.cycle(["EIO", "ESTALE", "ETIMEDOUT"])
    for number, call in enumerate(calls_of(lab, a_file_with_backups(tmp_path / "traced"), act, 9, *way)):
        path = target = a_file_with_backups(tmp_path / str(number))
        if is_link:
            path = tmp_path / f"{number}.log"
            path.symlink_to(target)
        assert lab.run(rotating(path), act, *way, call.inject(f"error={next(errors)}")) == 0
        write_on(path, "five", "six")
        assert path.is_symlink() == is_link, call
        assert read_lines(target) == [*BEFORE, "four\n", "five\n", "six\n"], call
        assert all(access(file) == ACCESS for file in target.parent.iterdir()), call
        assert hidden_files(target.parent) == [], call


@each_way
def test_another_user_never_makes_the_file_in_a_rotation(way: tuple[str, ...], lab: Lab, public_folder: Path) -> None:
    """A process of another user that starts during a rotation does not lock the app out of its file."""
    calls = calls_of(lab, a_file_with_backups(public_folder / "traced"), WRITE, 9, *way)
    # The owner of the file does not have to change the owner of its successor.
    for number, call in enumerate(call for call in calls if call.changes_something and call.name != "fchown"):
        path = a_file_with_backups(public_folder / str(number))
        give(path.parent, BOB, LOG, 0o777)
        child = lab.start(rotating(path), WRITE, *way, call.inject("signal=SIGSTOP"), user=(BOB, LOG, []))
        assert child.go() == -signal.SIGSTOP, call
        with as_user(ALICE, ALICE), pytest.raises(PermissionError):
            RotatingFileSink(path, max_bytes=1, backup_count=9)
        assert child.resume() == 0
        assert read_lines(path) == [*BEFORE, "four\n"], call
        assert all(access(file) == ACCESS for file in path.parent.iterdir()), call


def test_a_member_of_the_group_keeps_group_and_mode(public_folder: Path) -> None:
    """Two users of one group take turns at rotating a file."""
    path = public_folder / "logs" / "app.log"
    path.parent.mkdir()
    give(path.parent, BOB, LOG, 0o775)
    path.write_text("first\n")
    give(path, BOB, LOG, 0o664)
    for number, user in enumerate([ALICE, BOB, ALICE]):
        with as_user(user, user, [LOG]):
            write_on(path, f"line {number}")
        assert access(path) == (user, LOG, 0o664)
    assert read_lines(path) == ["first\n", "line 0\n", "line 1\n", "line 2\n"]
