"""The number of interrupted moments, and settings for a run of the unit tests by mutmut."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator

import pytest

from tests.unit.sinks import interrupts

if "MUTANT_UNDER_TEST" in os.environ:
    # mutmut 3.8 records each call of a function, and fails if the garbage collector calls another one meanwhile.
    gc.disable()

    def pytest_sessionfinish() -> None:
        """Leave nothing to the collections with which pytest ends: they call functions too."""
        gc.freeze()


@pytest.fixture(autouse=True)
def _count_moments(record_property: Callable[[str, object], None]) -> Iterator[None]:
    before = interrupts.count_of_moments
    yield
    if count := interrupts.count_of_moments - before:
        record_property("moments", count)
