"""Keys of task data that are safe in a system: special characters are written as in a URL, and read back exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from .._escapes import without_surrogates


def key_escape(unsafe: str) -> Callable[[str], str]:
    """Return a function that escapes the characters of a key that the expression *unsafe* matches.

    No two keys become equal: the expression includes "%". The empty key becomes "%".
    """
    find = re.compile(unsafe).sub

    def escape(key: str) -> str:
        return key if key.isidentifier() else find(_escaped, without_surrogates(key)) or "%"

    return escape


def unescape_key(key: str) -> str:
    """Return the key that was escaped."""
    return unquote(key) if key != "%" else ""


def with_keys(rename: Callable[[str], str], value: Any) -> Any:
    """Return *value* with each key in it renamed, at every depth."""
    if type(value) is dict:
        return {rename(key): with_keys(rename, item) for key, item in value.items()}
    return [with_keys(rename, item) for item in value] if type(value) is list else value


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
