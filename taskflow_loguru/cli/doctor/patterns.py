"""Paths and globs in the configurations of other programs."""

from __future__ import annotations

import re
from pathlib import Path


def matches(pattern: str, path: Path) -> bool:
    """Return whether the glob *pattern* matches *path*: ``*`` stays in a folder; ``**`` and ``{a,b}`` are supported."""
    return any(re.fullmatch(_expression(one), str(path)) for one in _alternatives(pattern))


def _alternatives(pattern: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    return [
        one
        for part in match[1].split(",")
        for one in _alternatives(pattern[: match.start()] + part + pattern[match.end() :])
    ]


def _expression(pattern: str) -> str:
    parts = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]/]+\]|.", pattern, re.DOTALL)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(part) or (part.replace("[!", "[^", 1) if len(part) > 2 and part[0] == "[" else re.escape(part))
        for part in parts
    )
