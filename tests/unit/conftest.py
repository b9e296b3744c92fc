"""Settings for a run of the unit tests by mutmut."""

from __future__ import annotations

import gc
import os

if "MUTANT_UNDER_TEST" in os.environ:
    # mutmut 3.8 records each call of a function, and fails if the garbage collector calls another one meanwhile.
    gc.disable()

    def pytest_sessionfinish() -> None:
        """Leave nothing to the collections with which pytest ends: they call functions too."""
        gc.freeze()
