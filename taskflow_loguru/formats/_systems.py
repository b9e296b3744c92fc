"""Rendering shared by the JSON formats for other systems."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ._bound import bounded, json_cost
from ._facts import system_facts
from ._options import check_options
from ._record import rendered

if TYPE_CHECKING:
    from loguru import Record


def system_line(line_of: Callable[..., str], record: Record, max_bytes: int | None = None, **names: str | None) -> str:
    """Check the options of a format, and return loguru's template for its line."""
    check_options(line_of, json_cost, max_bytes, **names)
    return rendered(record, bounded(system_facts(record), partial(line_of, **names), max_bytes, json_cost))


def system_text(line_of: Callable[..., str], record: Record, max_bytes: int | None = None, **names: str | None) -> str:
    """Return the line that *line_of* makes of the facts and *names*, without its newline."""
    return bounded(system_facts(record), partial(line_of, **names), max_bytes, json_cost)
