"""Shared by the tests of the reader: the path of a log file in its own folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("taskflow_loguru.reader._follow.POLL_INTERVAL", 0.002)
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder / "tasks.log"
