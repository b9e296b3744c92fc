"""Disks and folders in which a rotation is impossible: nothing is lost, and the file grows."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskflow_loguru.sinks import RotatingFileSink

from .disks import BlockDisk, append_only, fill_inodes, mounted_over_itself, small_disk
from .owners import access
from .writers import Writer, backups_of, lines, read_lines

LINES = lines("a", range(200))
BACKUPS = ["zero\n", "one\n", "two\n"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def write_backups(path: Path) -> None:
    for number, text in enumerate(reversed(BACKUPS), start=1):
        path.with_name(f"app.log.{number}").write_text(text)


def write_all(sink: RotatingFileSink, texts: list[str]) -> None:
    for text in texts:
        sink.write(text)


def wait_for_a_rotation(sink: RotatingFileSink, folder: Path) -> list[str]:
    """Write until the file has been rotated; return the lines."""
    written: list[str] = []
    before = set(os.listdir(folder))
    deadline = time.monotonic() + 30
    while set(os.listdir(folder)) == before:
        assert time.monotonic() < deadline
        written.append(f"waited {len(written)}\n")
        sink.write(written[-1])
        time.sleep(0.05)
    return written


# -- no free inode ----------------------------------------------------------------------------------


@contextlib.contextmanager
def tmpfs_with_few_inodes(folder: Path) -> Iterator[Path]:
    with small_disk(folder / "disk", size=1024 * 1024, inodes=20) as point:
        yield point


@contextlib.contextmanager
def ext4_with_few_inodes(folder: Path) -> Iterator[Path]:
    with BlockDisk(folder, "-N", "32").mounted() as point:
        yield point


@pytest.mark.parametrize("disk", [tmpfs_with_few_inodes, ext4_with_few_inodes])
def test_without_a_free_inode_the_file_grows(
    disk: Callable[[Path], contextlib.AbstractContextManager[Path]],
    as_root: None,
    program: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every line is in the file when ``write`` returns; with an inode again, the file rotates again."""
    program("mkfs.ext4")
    with disk(tmp_path) as point:
        path = point / "app.log"
        sink = RotatingFileSink(path, max_bytes=1000, backup_count=99)
        write_all(sink, LINES[:50])
        filler = fill_inodes(point)
        write_all(sink, LINES[50:])
        assert read_lines(path) == LINES
        assert capsys.readouterr().err.count("cannot rotate") == 1
        shutil.rmtree(filler)
        waited = wait_for_a_rotation(sink, point)
        assert read_lines(path) == [*LINES, *waited]
        sink.stop()


# -- a file that cannot be moved --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["append-only", "mount point"])
def test_a_rotation_that_fails_deletes_no_backup(
    how: str, as_root: None, program: Callable[[str], str], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often it fails, all backups stay as they are."""
    write_backups(path)
    path.write_text("three\n")
    spoiled = append_only(path, program("chattr")) if how == "append-only" else mounted_over_itself(path)
    with spoiled:
        for _ in range(4):  # a new sink tries at once
            sink = RotatingFileSink(path, max_bytes=1, backup_count=3)
            sink.write("four\n")
            sink.stop()
        assert read_lines(path) == [*BACKUPS, "three\n", *["four\n"] * 4]
        assert not [name for name in os.listdir(path.parent) if name.startswith(".")]
        assert capsys.readouterr().err.count("cannot rotate") == 4
    RotatingFileSink(path, max_bytes=1, backup_count=3).write("five\n")
    assert path.read_text() == "five\n"


# -- something else under the name of a backup ------------------------------------------------------


def a_folder(place: Path) -> None:
    place.mkdir()
    (place / "file").write_text("somebody's")


def a_link(place: Path) -> None:
    place.symlink_to("nowhere")


def a_socket(place: Path) -> None:
    os.mknod(place, stat.S_IFSOCK | 0o600)


@pytest.mark.parametrize("make", [a_folder, a_link, os.mkfifo, a_socket])
@pytest.mark.parametrize("number", [1, 2])
def test_a_file_that_is_not_a_backup_is_neither_moved_nor_deleted(
    make: Callable[[Path], None], number: int, path: Path
) -> None:
    """Rotation skips its number."""
    place = path.with_name(f"app.log.{number}")
    make(place)
    before = os.lstat(place)
    sink = RotatingFileSink(path, max_bytes=1, backup_count=4)
    write_all(sink, LINES[:10])
    sink.stop()
    after = os.lstat(place)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    backups = [file for file in backups_of(path) if stat.S_ISREG(os.lstat(file).st_mode)]
    assert [file.read_text() for file in (*backups, path)] == LINES[10 - len(backups) - 1 : 10]
    assert len(backups) == 3


def test_a_folder_for_the_only_backup_is_named_and_stays(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_folder(path.with_name("app.log.1"))
    sink = RotatingFileSink(path, max_bytes=1, backup_count=1)
    write_all(sink, LINES[:5])
    sink.stop()
    assert path.read_text() == "".join(LINES[:5])
    assert (path.parent / "app.log.1" / "file").read_text() == "somebody's"
    assert f"unexpected file, which is not overwritten: '{path.name}.1'" in capsys.readouterr().err


# -- a file system without locks --------------------------------------------------------------------


def test_without_flock_a_torn_line_swallows_none(
    path: Path, start_writer: Callable[..., Writer], program: Callable[[str], str]
) -> None:
    """After a restart too, the next line does not continue the partial line of a killed process."""
    path.write_text("torn")
    strace = [program("strace"), "-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK", "-e", "trace=flock"]
    for name in "ab":
        with path.open("a") as file:
            file.write("torn")
        writer = start_writer(name, path, max_bytes=1000, backup_count=9, launcher=strace)
        writer.write_and_wait(2)
        writer.finish()
    assert read_lines(path) == ["torntorn\n", *lines("a", range(2)), "torn\n", *lines("b", range(2))]


# -- the new file -----------------------------------------------------------------------------------


def test_a_rotation_keeps_the_acl(path: Path, program: Callable[[str], str]) -> None:
    """The ACL of the file, and not the default one of its folder."""
    path.touch(0o640)
    subprocess.run([program("setfacl"), "-m", "u:1234:rw,g:1235:r", path], check=True)
    subprocess.run([program("setfacl"), "-d", "-m", "u:4321:rw", path.parent], check=True)
    shown = subprocess.run([program("getfacl"), "-pn", path], check=True, capture_output=True).stdout
    sink = RotatingFileSink(path, max_bytes=1, backup_count=3)
    write_all(sink, LINES[:3])
    sink.stop()
    assert subprocess.run([program("getfacl"), "-pn", path], check=True, capture_output=True).stdout == shown
    assert access(path) == access(path.with_name("app.log.1"))


@pytest.mark.parametrize("option", ["---disable-inotify", "--follow=name"])
def test_tail_follows_every_rotation(option: str, path: Path, program: Callable[[str], str]) -> None:
    """``tail -F`` recognises by inotify, or by stat, that the file was rotated, and shows each line once."""
    path.write_text("begun\n")
    command = [program("tail"), option, "-s", "0.01", "-n", "+1", "-F", str(path)]
    tail = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert tail.stdout is not None
    assert tail.stdout.readline() == "begun\n"
    sink = RotatingFileSink(path, max_bytes=1, backup_count=3)
    try:
        for text in LINES[:10]:
            sink.write(text)
            assert tail.stdout.readline() == text
    finally:
        tail.kill()
        tail.communicate()
