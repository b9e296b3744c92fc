"""Programs to simulate, and nothing of them left behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from .files import machine
from .loading import Program, programs
from .scheduler import Run


@pytest.fixture
def simulated_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Program]]:
    """The sinks of four processes, and of the one that comes after them."""
    monkeypatch.setattr(sys, "unraisablehook", Run.ignore_the_dead)
    gc.collect()
    gc.disable()
    try:
        yield programs(5)
    finally:
        machine.run = None
        gc.enable()
        gc.collect()
