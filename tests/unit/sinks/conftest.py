"""Keep the helper threads out of the unit tests of the sinks: what they do has tests of its own."""

from __future__ import annotations

import pytest

from taskflow_loguru.sinks._upkeep import Upkeep


@pytest.fixture(autouse=True)
def no_upkeep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upkeep, "start", lambda *_: None)
