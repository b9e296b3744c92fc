from __future__ import annotations

import errno
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _linux
from taskflow_loguru.sinks._linux import Look, device_of, exchange, ignoring, is_mounted_by_itself, look_at

from .files import EIO, error, failing

LINKS_INODE_AND_SIZE, MTIME = 0x304, 0x40  # STATX_NLINK | STATX_INO | STATX_SIZE, STATX_MTIME
needs_statx = pytest.mark.skipif(_linux._statx is None, reason="needs statx in the C library")
needs_exchange = pytest.mark.skipif(_linux._renameat2 is None, reason="needs renameat2 in the C library")


@pytest.fixture(params=[pytest.param(True, marks=needs_statx), False], ids=["with-statx", "without-statx"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not request.param:
        monkeypatch.setattr(_linux, "_statx", None)
    return tmp_path / "größe.log"


def found(look: Look) -> tuple[int, ...]:
    """Return what a look finds, without the mtime."""
    links, inode, size, _, device = look()
    return links, inode, size, device


def test_a_look_shows_the_file_that_is_there_now(path: Path) -> None:
    look = look_at(str(path))
    assert look() == (0, 0, 0, 0, 0)
    for size in (0, 5, 5_000_000_000):
        with path.open("ab") as file:
            file.truncate(size)
        status = path.stat()
        assert found(look) == (1, status.st_ino, size, device_of(status))
    path.with_name("second").hardlink_to(path)
    assert found(look)[0] == 2
    path.rename(path.with_suffix(".1"))
    path.write_text("new")
    assert found(look) == (1, path.stat().st_ino, 3, device_of(path.stat()))


@pytest.mark.parametrize("name", ["/dev/null", "/proc/self/status"])
def test_a_look_shows_the_device_of_any_file_system(name: str, path: Path) -> None:
    status = os.stat(name)
    _, inode, _, device = found(look_at(name))
    assert (inode, device) == (status.st_ino, device_of(status))


def test_a_look_through_a_link_shows_its_target(path: Path) -> None:
    path.symlink_to("target")
    path.with_name("target").write_text("1234")
    assert found(look_at(str(path)))[1:3] == (path.with_name("target").stat().st_ino, 4)


def test_only_enoent_means_that_there_is_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "stat", error(EIO), only_for=path)
    with pytest.raises(OSError, match="Input/output"):
        look_at(str(path))()


def test_a_look_finds_when_the_file_was_modified(path: Path) -> None:
    path.touch()
    look = look_at(str(path), with_mtime=True)
    for moment in (1_000_000_000, 2**33 + 5):
        os.utime(path, (1, moment + 0.75))
        assert look()[3] == moment


def test_a_path_that_this_user_may_not_reach_is_the_file_that_is_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("1234")
    fd = os.open(path, os.O_RDONLY)
    look = look_at(str(path), unless_hidden=fd)
    monkeypatch.setattr(_linux, "_statx", None)
    failing(monkeypatch, "stat", error(errno.EACCES), only_for=path)
    hidden = look_at(str(path), unless_hidden=fd)
    assert found(hidden)[1:3] == (os.fstat(fd).st_ino, 4)
    os.close(fd)
    assert look is not hidden


@needs_statx
def test_a_look_asks_for_no_more_than_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose times were read takes longer to write."""
    asked: list[int] = []
    really_look: Callable[..., int] = _linux._statx

    def look(*arguments: Any) -> int:
        asked.append(arguments[3])
        return really_look(*arguments)

    monkeypatch.setattr(_linux, "_statx", look)
    look_at(str(tmp_path))()
    look_at(str(tmp_path), with_mtime=True)()
    assert asked == [LINKS_INODE_AND_SIZE, LINKS_INODE_AND_SIZE | MTIME]


def test_a_mount_point_is_recognized(path: Path) -> None:
    path.touch()
    assert not is_mounted_by_itself(str(path))
    assert is_mounted_by_itself("/proc") == (_linux._statx is not None)
    assert not is_mounted_by_itself(str(path.with_name("missing")))


# -- an exchange ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@needs_exchange
def test_two_files_change_places(tmp_path: Path, folder: int) -> None:
    first, second = tmp_path / "ä", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    exchange(folder, first.name, second.name)
    assert (first.read_text(), second.read_text()) == ("2", "1")


@needs_exchange
@pytest.mark.parametrize("name", ["first", "second"])
def test_without_one_of_them_nothing_is_changed(name: str, tmp_path: Path, folder: int) -> None:
    (tmp_path / name).write_text("here")
    with pytest.raises(FileNotFoundError) as raised:
        exchange(folder, "first", "second")
    assert (raised.value.filename, raised.value.filename2) == ("first", "second")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["here"]


def test_a_system_that_cannot_exchange_reports_it(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_linux, "_renameat2", None)
    with pytest.raises(OSError, match="not implemented") as raised:
        exchange(folder, "first", "second")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSYS, "first")


def no_library(*_: Any, **__: Any) -> Any:
    raise OSError("image not found")


def empty_library(*_: Any, **__: Any) -> Any:
    return SimpleNamespace()


@pytest.mark.parametrize("library", [SimpleNamespace(CDLL=no_library), SimpleNamespace(CDLL=empty_library), None])
def test_a_c_library_without_the_calls_is_no_error(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_linux, "ctypes", library)
    assert _linux._load("statx") is None


@pytest.mark.parametrize("missing", ["_ctypes", "zlib"])
def test_a_python_that_was_built_without_a_library_can_write(missing: str, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink({str(tmp_path / "app.log")!r}, max_bytes=5, backup_count=2)
for line in ("one", "two"):
    sink.write(line)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "app.log").read_text() + (tmp_path / "app.log.1").read_text() == "two\none\n"


@pytest.mark.parametrize("failure", [OSError(errno.EPERM, "no"), TimeoutError("time limit"), OSError("a handler's")])
def test_only_the_errors_of_system_calls_are_ignored(failure: OSError) -> None:
    with ignoring(errno.EIO):
        raise error(errno.EIO)
    if failure.errno is None:
        with pytest.raises(OSError, match=str(failure)), ignoring():
            raise failure
    with pytest.raises(OSError, match=failure.args[-1]), ignoring(errno.EIO):
        raise failure


def test_an_ignored_error_keeps_nothing_alive() -> None:
    """A sink that is dropped closes its file at once, and not with the next garbage collection."""

    class Sink:
        def open(self) -> None:
            with ignoring():
                raise error(errno.EIO)

    sink = Sink()
    sink.open()
    dropped = weakref.ref(sink)
    del sink
    assert dropped() is None
