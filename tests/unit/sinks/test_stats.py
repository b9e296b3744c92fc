from __future__ import annotations

import dataclasses

import pytest

from taskflow_loguru.sinks import Stats


def test_stats_are_numbers_that_nobody_can_change() -> None:
    stats = Stats(1, 2, 3, 4, 5, 6.0)
    assert stats.lines_waiting == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.lines_lost = 0  # type: ignore[misc]
