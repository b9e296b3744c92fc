from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskflow_loguru.sinks._open_file import OpenFile
from taskflow_loguru.sinks._opening import is_fifo, open_to_append

from .files import EIO, error, failing, unprivileged


@pytest.fixture
def file() -> Iterator[OpenFile]:
    file = OpenFile()
    yield file
    file.close()


def write(file: OpenFile, line: bytes) -> None:
    file.append([line], [], 0, False)


def test_a_missing_file_is_made_and_its_folders_too(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "some" / "folder" / "app.log"
    open_to_append(file, str(path))
    write(file, b"line\n")
    assert path.read_text() == "line\n"
    assert os.pread(file.fds[0], 1, 0) == b"l", "it is read for its last byte"


def test_a_file_goes_on_at_its_end(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("before\n")
    open_to_append(file, str(path))
    write(file, b"line\n")
    assert path.read_text() == "before\nline\n"
    assert os.pread(file.fds[0], 1, 0) == b"b"


def test_a_link_whose_file_and_folder_are_missing_is_followed(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.symlink_to(tmp_path / "missing" / "target")
    open_to_append(file, str(path))
    assert (tmp_path / "missing" / "target").exists()
    assert path.is_symlink()


def test_a_folder_that_another_process_makes_meanwhile_is_no_error(
    file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "app.log"
    really_resolve = os.path.realpath

    def make_and_resolve(name: str) -> str:
        (tmp_path / "folder").mkdir(exist_ok=True)
        return really_resolve(name)

    monkeypatch.setattr(os.path, "realpath", make_and_resolve)
    open_to_append(file, str(path))
    assert path.exists()


def test_a_file_that_can_be_written_but_not_read_is_written(file: OpenFile, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    path = folder / "app.log"
    folder.mkdir()
    path.write_text("before\n")
    path.chmod(0o222)
    for parent in (folder, *folder.parents[:3]):
        if parent.is_relative_to(tmp_path.parent.parent):
            parent.chmod(0o755)
    with unprivileged():
        open_to_append(file, str(path))
    write(file, b"line\n")
    assert path.read_text() == "before\nline\n"
    with pytest.raises(OSError, match="Bad file"):
        os.read(file.fds[0], 1)


def test_a_file_that_cannot_be_written_is_an_error(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.touch()
    path.chmod(0o444)
    with unprivileged(), pytest.raises(PermissionError):
        open_to_append(file, str(path))


def test_a_folder_is_an_error(file: OpenFile, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_to_append(file, str(tmp_path))


@pytest.mark.parametrize("call", ["stat", "readlink", "open"])
def test_an_error_of_the_disk_is_not_a_missing_file(
    call: str, file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.log"
    path.touch()
    failing(monkeypatch, call, error(EIO), only_for=path)
    with pytest.raises(OSError, match="Input/output"):
        open_to_append(file, str(path))


def test_an_exception_of_a_signal_handler_passes(
    file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "readlink", TimeoutError("time limit"))
    with pytest.raises(TimeoutError):
        open_to_append(file, str(tmp_path / "app.log"))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOENT, errno.ENOTDIR, errno.EACCES])
def test_a_path_that_is_no_link_is_a_path(
    number: int, file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps it from being read as a link is for the opening to report, or no error at all."""
    failing(monkeypatch, "readlink", error(number), only_for=tmp_path / "app.log")
    open_to_append(file, str(tmp_path / "app.log"))
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
    open_to_append(file, path)
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
    open_to_append(file, str(tmp_path / "folder" / "app.log"))
    os.close(fd)
    assert not file.is_regular


def test_a_file_whose_name_is_a_number_is_a_file(file: OpenFile, tmp_path: Path) -> None:
    open_to_append(file, str(tmp_path / "1"))
    assert file.is_regular


def test_a_descriptor_that_is_not_open_is_an_error(file: OpenFile) -> None:
    with pytest.raises(OSError, match="Bad file"):
        open_to_append(file, "/proc/self/fd/1000")


def test_links_that_lead_nowhere_are_an_error(file: OpenFile, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="Too many levels"):
        open_to_append(file, str(tmp_path / "a"))


def test_a_fifo_is_written_and_its_reader_sees_its_end(file: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OSError, match="No such device"):
        open_to_append(file, str(path))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    open_to_append(file, str(path))
    write(file, b"line\n")
    file.close()
    assert os.read(reader, 99) == b"line\n"
    assert os.read(reader, 99) == b""
    os.close(reader)


def test_a_fifo_is_told_from_all_else(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    assert is_fifo(str(tmp_path / "fifo"))
    assert is_fifo(str(tmp_path / "link"))
    assert not is_fifo(str(tmp_path))
    assert not is_fifo(str(tmp_path / "missing"))
