"""Checks of arguments: each error names the parameter, what was given and what is allowed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def checked_path(path: str | os.PathLike[str]) -> str:
    """The absolute path that ``path`` names; a folder, an empty path and anything but text is refused."""
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(f"path must be a str or an os.PathLike of str, not {path!r}")
    if not name or "\0" in name:
        raise ValueError(f"path must be a file's path, not {name!r}")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ValueError(f"path must be a file's path, not {name!r}: {error}") from error
    if name.endswith(os.sep) or os.path.isdir(name):
        raise ValueError(f"path must be a file's path, not the folder {name!r}")
    return os.path.abspath(name)


def checked_size(name: str, value: int) -> int:
    """``value``, when it is a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int of at least 0, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be at least 0, not {value}")
    return value


def checked_loss_line(value: Callable[[int, str], str]) -> Callable[[int, str], str]:
    """Return *value* if it can be called."""
    if not callable(value):
        raise TypeError(f"loss_line must be a function of a count and a reason, not {value!r}")
    return value


def checked_choice(name: str, value: T, choices: Sequence[T]) -> T:
    """Return *value* if it is one of *choices*."""
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}")
    return value
