from __future__ import annotations

import ctypes
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskflow_loguru.sinks import _exchange
from taskflow_loguru.sinks._exchange import exchange

needs_exchange = pytest.mark.skipif(_exchange._renameat2 is None, reason="needs renameat2")


@needs_exchange
def test_two_files_change_places(tmp_path: Path) -> None:
    first, second = tmp_path / "ä", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    exchange(str(first), str(second))
    assert (first.read_text(), second.read_text()) == ("2", "1")


@needs_exchange
@pytest.mark.parametrize("is_first", [True, False])
def test_without_one_of_them_nothing_is_changed(
    tmp_path: Path, is_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exchange, "_renameat2", _exchange._load())
    first, second = tmp_path / "first", tmp_path / "second"
    (first if is_first else second).write_text("here")
    ctypes.set_errno(0)  # or else an earlier call may have left the right number
    with pytest.raises(FileNotFoundError) as raised:
        exchange(str(first), str(second))
    assert (raised.value.filename, raised.value.filename2) == (str(first), str(second))
    assert "No such file or directory" in str(raised.value)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["here"]


def test_a_system_that_cannot_exchange_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exchange, "_renameat2", None)
    with pytest.raises(OSError, match="not implemented") as raised:
        exchange("first", "second")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSYS, "first")


def test_a_c_library_without_the_call_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace())
    assert _exchange._load() is None


def test_a_c_library_that_cannot_be_loaded_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("image not found")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert _exchange._load() is None
