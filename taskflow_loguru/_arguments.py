"""Checks of arguments: each error names the parameter, its value and the allowed values."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def checked_path(path: str | os.PathLike[str], parameter: str = "path") -> str:
    """Return the absolute path of *path*; refuse a folder, an empty path and anything but text."""
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(f"{parameter} must be a str or an os.PathLike of str, not {path!r}")
    if not name or "\0" in name:
        raise ValueError(f"{parameter} must be a file's path, not {name!r}")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ValueError(f"{parameter} must be a file's path, not {name!r}: {error}") from error
    if name.endswith(os.sep) or os.path.isdir(name):
        raise ValueError(f"{parameter} must be a file's path, not the folder {name!r}")
    # Not abspath(), which removes ".." and the folder before it, even if that folder is a link.
    return os.path.join(os.getcwd(), name)


def checked_size(name: str, value: int) -> int:
    """Return *value* if it is a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int of at least 0, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be at least 0, not {value}")
    return value


def checked_choice(name: str, value: T, choices: Sequence[T]) -> T:
    """Return *value* if it is one of *choices*."""
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}")
    return value


def checked_level(level: str | int, find: Callable[[str], T | None], known: str) -> T | int:
    """Return a *level* that is a number, or what *find* returns for its name, as it is or in upper case."""
    if isinstance(level, bool) or not isinstance(level, (str, int)):
        raise TypeError(f"level must be the name of a level or an int of at least 0, not {level!r}")
    if isinstance(level, int):
        if level < 0:
            raise ValueError(f"level must be the name of a level or an int of at least 0, not {level}")
        return level
    for name in (level, level.upper()):
        if (found := find(name)) is not None:
            return found
    raise ValueError(f"level must be the name of one of {known}, not {level!r}")


def checked_flag(name: str, value: bool) -> bool:
    """Return *value* if it is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def check_function(name: str, value: object, *parameters: str) -> None:
    """Raise a TypeError unless *value* can be called with *parameters* and returns its result at once."""
    wanted = f"{name} must be a function of {' and '.join(parameters)}"
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{wanted}, not {value!r}")
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004
        raise TypeError(f"{wanted}, and not async, as {value!r} is")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError) as error:
        if isinstance(value, partial):
            raise TypeError(f"{wanted}, not {value!r}: {error}") from error
        return  # some functions that are written in C have no signature
    try:
        signature.bind(*parameters)
    except TypeError as error:
        raise TypeError(f"{wanted}, not {value!r}, which takes {signature}: {error}") from error


def as_call(made: object, arguments: dict[str, Any]) -> str:
    """Return the call that makes such an object, for its repr, without the *arguments* that are defaults."""
    parts = []
    rest = dict(arguments)
    for name, parameter in inspect.signature(type(made)).parameters.items():
        if name in rest and (value := rest.pop(name)) != parameter.default:
            is_named = parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
            parts.append(f"{name}={shown(value)}" if is_named else shown(value))
    parts += (f"{name}={shown(value)}" for name, value in rest.items())  # a subclass that takes **options
    return f"{type(made).__name__}({', '.join(parts)})"


def shown(value: Any) -> str:
    """Return the repr of *value*, but the name of a function: its repr has only an address."""
    if isinstance(value, partial):
        arguments = [
            shown(value.func),
            *map(repr, value.args),
            *(f"{key}={item!r}" for key, item in value.keywords.items()),
        ]
        return f"partial({', '.join(arguments)})"
    return str(getattr(value, "__qualname__", None) or repr(value))
