"""Paths and plain globs in the configurations of other programs."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

_MAX_ALTERNATIVES = 100


def matches(pattern: str, path: Path) -> bool:
    """Return whether a glob matches *path*: ``*``, ``?`` and ``[...]`` within a folder, ``**`` and ``{a,b}``.

    Raises:
        ValueError: It is more than a plain glob, such as a variable or a nested brace.
    """
    if re.search(r"[$%\\]|\{[^{},]*\}", pattern):
        raise ValueError(f"not a plain glob: {pattern}")
    try:
        return any(_match(tuple(one.split("/")), ("", *path.parts[1:])) for one in _alternatives(pattern))
    except re.error:  # of a range such as [z-a]
        raise ValueError(f"not a plain glob: {pattern}") from None


@cache
def _match(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return len(pattern) == 1 or any(_match(pattern[1:], parts[start:]) for start in range(len(parts)))
    return fnmatchcase(parts[0], pattern[0].replace("[^", "[!")) and _match(pattern[1:], parts[1:])


def _alternatives(pattern: str) -> list[str]:
    """Return the globs that the braces of *pattern* stand for."""
    made = [""]
    for part in re.split(r"(\{[^{}]*\})", pattern):
        choices = part[1:-1].split(",") if part.startswith("{") and part.endswith("}") else [part]
        if "{" in part[1:] or "}" in part[:-1] or len(made) * len(choices) > _MAX_ALTERNATIVES:
            raise ValueError(f"not a plain glob: {pattern}")
        made = [start + choice for start in made for choice in choices]
    return made
