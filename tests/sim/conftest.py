"""Programs to simulate, which leave nothing behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from .files import machine
from .loading import Program, programs
from .scheduler import Run


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call() -> Iterator[None]:
    """Let the sinks of killed processes be collected in silence."""
    # A fixture would be too early: pytest 8.2 sets its own hook again for the call.
    before, sys.unraisablehook = sys.unraisablehook, Run.ignore_the_dead
    try:
        yield
    finally:
        sys.unraisablehook = before


@pytest.fixture
def simulated_programs() -> Iterator[list[Program]]:
    """The sinks of four processes, and of the one that comes after them."""
    gc.collect()
    gc.disable()
    try:
        yield programs(5)
    finally:
        machine.run = None
        gc.enable()
        gc.collect()
