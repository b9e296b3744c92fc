"""What the unit tests need to be run by mutmut."""

from __future__ import annotations

import gc
import os

if "MUTANT_UNDER_TEST" in os.environ:
    # mutmut keeps its own book in each call of a function, and in 3.8 fails if the collector calls one in the middle.
    gc.disable()
