from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _place
from taskflow_loguru.sinks._place import Place, identity_of

INODE_AND_SIZE = 0x300  # STATX_INO | STATX_SIZE


def no_library(*_: Any, **__: Any) -> Any:
    raise OSError("image not found")


def without_the_call(*_: Any, **__: Any) -> Any:
    return SimpleNamespace()


@pytest.fixture(params=[ctypes.CDLL, without_the_call, no_library], ids=["with-statx", "without-statx", "no-library"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param is ctypes.CDLL and not hasattr(ctypes.CDLL(None), "statx"):
        pytest.skip("needs statx in the C library")
    monkeypatch.setattr(ctypes, "CDLL", request.param)
    monkeypatch.setattr(_place, "_statx", _place._load())
    return Place(str(tmp_path / "größe.log"))


def test_a_look_shows_the_file_that_is_there_now(place: Place) -> None:
    path = Path(place.path)
    for size in (0, 5, 5_000_000_000):
        with path.open("ab") as file:
            file.truncate(size)
        status = path.stat()
        inode, size_seen, major, minor = place.look()
        assert (inode, major, minor) == identity_of(status)
        assert (inode, size_seen) == (status.st_ino, size)
        assert os.makedev(major, minor) == status.st_dev
    path.rename(path.with_suffix(".1"))
    path.write_text("new")
    assert place.look()[:2] == (path.stat().st_ino, 3)


def test_a_look_through_a_link_shows_its_target(place: Place, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("1234")
    Path(place.path).symlink_to("target")
    assert place.look()[:2] == ((tmp_path / "target").stat().st_ino, 4)


def test_a_missing_file_is_an_error_with_its_path(place: Place) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        place.look()
    assert raised.value.filename == place.path


def test_a_look_asks_for_no_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose times were read takes longer to write."""
    really_look: Callable[..., int] = _place._load()
    asked: list[int] = []

    def look(*arguments: Any) -> int:
        asked.append(arguments[3])
        return really_look(*arguments)

    monkeypatch.setattr(_place, "_statx", look)
    Place(str(tmp_path)).look()
    assert asked == [INODE_AND_SIZE]
