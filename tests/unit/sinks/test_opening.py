from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import _locking
from taskflow_loguru.sinks._locking import Folder
from taskflow_loguru.sinks._open_file import OpenFile
from taskflow_loguru.sinks._opening import is_fifo, open_to_append

from .files import EIO, Clock, Place, descriptors, error, failing, is_unlocked, locked, unprivileged
from .interrupts import interrupted, moments


@pytest.fixture
def file() -> Iterator[OpenFile]:
    file = OpenFile()
    yield file
    file.close()


def open_at(file: OpenFile, path: str) -> None:
    open_to_append(file, path, Folder())


def write(file: OpenFile, line: bytes) -> None:
    file.append([line], 0, is_torn=False)


def test_a_missing_file_is_made_and_its_folders_too(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "some" / "folder" / "app.log"
    open_at(file, str(path))
    write(file, b"line\n")
    assert path.read_text() == "line\n"
    assert os.pread(file.fd, 1, 0) == b"l", "it is read for its last byte"


def test_a_file_is_continued_at_its_end(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("before\n")
    open_at(file, str(path))
    write(file, b"line\n")
    assert path.read_text() == "before\nline\n"
    assert os.pread(file.fd, 1, 0) == b"b"


def test_a_link_whose_file_and_folder_are_missing_is_followed(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.symlink_to(tmp_path / "missing" / "target")
    open_at(file, str(path))
    assert (tmp_path / "missing" / "target").exists()
    assert path.is_symlink()


def test_a_folder_that_another_process_makes_meanwhile_is_no_error(
    file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some" / "folder" / "app.log"
    really_make = os.mkdir

    def make_twice(name: str) -> None:
        if os.path.isdir(os.path.dirname(name)):
            really_make(name)
        really_make(name)

    monkeypatch.setattr(os, "mkdir", make_twice)
    open_at(file, str(path))
    assert path.exists()


def test_a_folder_that_cannot_be_made_is_an_error(
    file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        open_at(file, str(tmp_path / "dangling" / "folder" / "app.log"))
    failing(monkeypatch, "mkdir", error(EIO))
    with pytest.raises(OSError, match="Input/output"):
        open_at(file, str(tmp_path / "folder" / "app.log"))


def test_a_file_that_can_be_written_but_not_read_is_written(file: OpenFile, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    path = folder / "app.log"
    folder.mkdir()
    path.write_text("before\n")
    path.chmod(0o222)
    for parent in (folder, *folder.parents):
        if parent.parent.is_relative_to(tempfile.gettempdir()):
            parent.chmod(0o755)
    with unprivileged():
        open_at(file, str(path))
    write(file, b"line\n")
    assert path.read_text() == "before\nline\n"
    with pytest.raises(OSError, match="Bad file"):
        os.read(file.fd, 1)


def test_a_file_that_cannot_be_written_is_an_error(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.touch()
    path.chmod(0o444)
    with unprivileged(), pytest.raises(PermissionError):
        open_at(file, str(path))


def test_a_folder_is_an_error(file: OpenFile, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_at(file, str(tmp_path))


@pytest.mark.parametrize("call", ["stat", "readlink", "open"])
def test_an_error_of_the_disk_is_not_a_missing_file(
    call: str, file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.log"
    path.touch()
    failing(monkeypatch, call, error(EIO), only_for=path)
    with pytest.raises(OSError, match="Input/output"):
        open_at(file, str(path))


@pytest.mark.parametrize("call", ["readlink", "stat", "open", "mkdir"])
def test_an_exception_of_a_signal_handler_passes(
    call: str, file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that strikes once the call has done its work."""
    really_call = getattr(os, call)

    def call_and_raise(*arguments: Any, **options: Any) -> None:
        with contextlib.suppress(FileNotFoundError):
            really_call(*arguments, **options)
        raise TimeoutError("time limit")

    monkeypatch.setattr(os, call, call_and_raise)
    with pytest.raises(TimeoutError):
        open_at(file, str(tmp_path / "some" / "folder" / "app.log"))


# -- making it ------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder / "app.log"


def make_successor_of(path: Path) -> None:
    """Make the file that a rotation leaves between its two renames."""
    path.with_name(".app.log.ready").touch(0o600)


def test_a_file_that_is_being_rotated_is_waited_for(
    path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is made while the path is missing would have the mode of any new file, not that of the old one."""
    Clock(monkeypatch, _locking)
    with locked(path.parent) as fd:

        def finish() -> None:
            assert not path.exists()
            path.touch(0o600)
            fcntl.flock(fd, fcntl.LOCK_UN)

        monkeypatch.setattr(os, "sched_yield", finish)
        open_to_append(file, str(path), Folder())
    assert path.stat().st_mode & 0o777 == 0o600
    assert Place(str(path)).size(file) is not None


def test_a_file_that_is_moved_while_it_is_opened_is_not_made_in_passing(
    path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file can go missing between the look at it and its opening: that is a rotation too."""
    path.touch(0o600)
    really_open = os.open

    def move_and_open(name: str, *arguments: Any, **options: Any) -> int:
        monkeypatch.setattr(os, "open", really_open)
        path.rename(path.with_name("app.log.1"))
        make_successor_of(path)
        return really_open(name, *arguments, **options)

    monkeypatch.setattr(os, "open", move_and_open)
    open_at(file, str(path))
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_folder_is_locked_until_the_file_is_made(
    path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = descriptors(path.parent)
    really_open = os.open
    seen: list[tuple[bool, bool]] = []

    def look_and_open(name: str, flags: int, *arguments: Any, **options: Any) -> int:
        if name == str(path):
            seen.append((bool(flags & os.O_CREAT), is_unlocked(path.parent)))
        return really_open(name, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", look_and_open)
    open_at(file, str(path))
    monkeypatch.undo()
    assert seen == [(False, True), (True, False)]
    assert is_unlocked(path.parent)
    file.close()
    assert descriptors(path.parent) == before


def test_a_successor_is_put_in_place_under_the_lock(
    path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a rotation is under way, its successor would have two names."""
    make_successor_of(path)
    really_link = os.link

    def link(*names: Any, **folders: Any) -> None:
        assert not is_unlocked(path.parent)
        really_link(*names, **folders)

    monkeypatch.setattr(os, "link", link)
    open_at(file, str(path))
    assert [found.name for found in path.parent.iterdir()] == ["app.log"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_made_even_if_its_folder_stays_locked(
    path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation that was stopped between its renames has made the file's successor: that is used."""
    make_successor_of(path)
    monkeypatch.setattr(_locking, "LOCK_TIMEOUT", 0.001)
    with locked(path.parent):
        open_to_append(file, str(path), Folder())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_made_even_if_its_folder_cannot_be_locked(
    path: Path, file: OpenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "open", error(EIO), only_for=path.parent)
    open_at(file, str(path))
    assert path.exists()


def test_no_interrupt_leaves_the_folder_locked(path: Path) -> None:
    """Once the owner has closed the file and the folder, no descriptor of them is left either."""
    before = descriptors(path.parent)
    for moment in moments():
        file, lock = OpenFile(), Folder()
        goes_on = interrupted(partial(open_to_append, file, str(path), lock), moment)
        assert is_unlocked(path.parent), moment
        file.close()
        lock.release()
        assert descriptors(path.parent) == before, moment
        path.unlink(missing_ok=True)
        if not goes_on:
            break
    assert moment > 50


# -- paths that lead elsewhere --------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOENT, errno.ENOTDIR, errno.EACCES])
def test_a_path_that_is_not_a_link_is_kept(
    number: int, file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of reading it as a link is reported by the opening, if it matters there."""
    failing(monkeypatch, "readlink", error(number), only_for=tmp_path / "app.log")
    open_at(file, str(tmp_path / "app.log"))
    assert file.is_regular


@pytest.mark.parametrize("folder", ["/proc/self/fd", "/dev/fd"])
@pytest.mark.parametrize("links", [0, 1, 39])
def test_a_path_to_a_descriptor_shares_it(folder: str, links: int, file: OpenFile, tmp_path: Path) -> None:
    """Opened a second time, a file that stdout is redirected to would be written at two places at once."""
    fd = os.open(tmp_path / "redirected", os.O_CREAT | os.O_WRONLY)
    path = f"{folder}/{fd}"
    for number in range(links):
        link = tmp_path / f"link{number}"
        link.symlink_to(path)
        path = str(link)
    os.write(fd, b"printed\n")
    open_at(file, path)
    write(file, b"logged\n")
    os.write(fd, b"printed\n")
    os.close(fd)
    assert (tmp_path / "redirected").read_text() == "printed\nlogged\nprinted\n"
    assert not file.is_regular


def test_a_relative_link_is_followed_from_its_folder(file: OpenFile, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "redirected", os.O_CREAT | os.O_WRONLY)
    (tmp_path / "descriptor").symlink_to(f"/proc/self/fd/{fd}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "app.log").symlink_to("../descriptor")
    open_at(file, str(tmp_path / "folder" / "app.log"))
    os.close(fd)
    assert not file.is_regular


def test_a_file_whose_name_is_a_number_is_a_file(file: OpenFile, tmp_path: Path) -> None:
    open_at(file, str(tmp_path / "1"))
    assert file.is_regular


def test_a_descriptor_that_is_not_open_is_an_error(file: OpenFile) -> None:
    with pytest.raises(OSError, match="Bad file"):
        open_at(file, "/proc/self/fd/1000")


def test_links_that_lead_nowhere_are_an_error(file: OpenFile, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="Too many levels"):
        open_at(file, str(tmp_path / "a"))


def test_a_fifo_is_written_and_its_reader_sees_its_end(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OSError, match="No such device"):
        open_at(file, str(path))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    open_at(file, str(path))
    write(file, b"line\n")
    file.close()
    assert os.read(reader, 99) == b"line\n"
    assert os.read(reader, 99) == b""
    os.close(reader)


def test_only_a_fifo_is_recognized_as_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    assert is_fifo(str(tmp_path / "fifo"))
    assert is_fifo(str(tmp_path / "link"))
    assert not is_fifo(str(tmp_path))
    assert not is_fifo(str(tmp_path / "missing"))


def test_a_file_may_have_the_longest_name(file: OpenFile, tmp_path: Path) -> None:
    """The hidden files of a rotation beside it have longer ones, which no file can have."""
    path = tmp_path / ("n" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    open_at(file, str(path))
    write(file, b"line\n")
    assert path.read_bytes() == b"line\n"
