"""Checks of the formats' names."""

from __future__ import annotations

import re
from typing import Any

_PROJECT = re.compile(r"[\w.:-]+", re.ASCII)


def check_name(name: str, value: Any) -> None:
    """Raise a TypeError or a ValueError that names the argument, unless it is a text for a field."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str or None, not {value!r}")
    if not value:
        raise ValueError(f"{name} must be a text of at least one character, or None, not {value!r}")
    if name == "project" and not _PROJECT.fullmatch(value):
        raise ValueError(f"project must be the id of a Google Cloud project, not {value!r}")
