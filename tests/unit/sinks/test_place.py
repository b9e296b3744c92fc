from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _place
from taskflow_loguru.sinks._place import Place

from .files import EIO, error, failing

INODE_AND_SIZE, MTIME = 0x300, 0x40  # STATX_INO | STATX_SIZE, STATX_MTIME


def no_library(*_: Any, **__: Any) -> Any:
    raise OSError("image not found")


def without_the_call(*_: Any, **__: Any) -> Any:
    return SimpleNamespace()


needs_statx = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "statx"), reason="needs statx in the C library")


@pytest.fixture(
    params=[pytest.param(ctypes.CDLL, marks=needs_statx), without_the_call, no_library],
    ids=["with-statx", "without-statx", "no-library"],
)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(ctypes, "CDLL", request.param)
    monkeypatch.setattr(_place, "_statx", _place._load())
    return Place(str(tmp_path / "größe.log"))


def test_a_look_shows_the_file_that_is_there_now(place: Place) -> None:
    path = Path(place.path)
    for size in (0, 5, 5_000_000_000):
        with path.open("ab") as file:
            file.truncate(size)
        status = path.stat()
        assert place.look() == (status.st_dev, status.st_ino, size)
    path.rename(path.with_suffix(".1"))
    path.write_text("new")
    status = path.stat()
    assert place.look() == (status.st_dev, status.st_ino, 3)


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/status"])
def test_a_look_shows_the_device_of_any_file_system(path: str, place: Place) -> None:
    status = os.stat(path)
    assert Place(path).look()[:2] == (status.st_dev, status.st_ino)


def test_a_look_through_a_link_shows_its_target(place: Place, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("1234")
    Path(place.path).symlink_to("target")
    assert place.look()[1:] == ((tmp_path / "target").stat().st_ino, 4)


def test_a_missing_file_is_an_error_with_its_path(place: Place) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        place.look()
    assert raised.value.filename == place.path


@needs_statx
def test_a_look_asks_for_no_more_than_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose times were read takes longer to write."""
    really_look: Callable[..., int] = _place._load()
    asked: list[int] = []

    def look(*arguments: Any) -> int:
        asked.append(arguments[3])
        return really_look(*arguments)

    monkeypatch.setattr(_place, "_statx", look)
    places = [Place(str(tmp_path)), Place(str(tmp_path), asks_for_time=True)]
    failing(monkeypatch, "stat", error(EIO))
    for place in places:
        place.look()
    assert asked == [INODE_AND_SIZE, INODE_AND_SIZE | MTIME]


def test_a_look_finds_when_the_file_was_modified(place: Place) -> None:
    Path(place.path).touch()
    timed = Place(place.path, asks_for_time=True)
    for moment in (1_000_000_000, 2**33 + 5):
        os.utime(place.path, (1, moment + 0.75))
        timed.look()
        assert timed.modified == moment
