"""Arguments and options of several commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from .moments import parse_moment


def _usage_error_of(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Turn a ValueError of *parse* into a usage error."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


def one_of(*words: str) -> Callable[[str], str]:
    """Accept one of *words*, in upper or lower case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{text!r} must be one of {', '.join(words)}")
        return text.lower()

    return _usage_error_of(parse)


_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}


def _parse_size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,18})\s*([A-Za-z]*)", text, re.ASCII)
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} must be a size such as 200000, 200kB or 10MiB")
    return int(match[1]) * _UNITS[match[2].lower()]


size = _usage_error_of(_parse_size)
"""Accept a number of bytes, with or without a unit."""

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        dir_okay=False,
        help="Log files of any format. The backups of each are read too, compressed ones included.",
    ),
]
LogPath = Annotated[Path, typer.Argument(metavar="PATH", dir_okay=False, help="The log file.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=_usage_error_of(parse_moment),
        help="From this time on: an age such as 30m, 1h30m or 2d, or a time in UTC such as 2026-01-31T12:00.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", metavar="TIME", parser=_usage_error_of(parse_moment), help="Before this time, written like --since."
    ),
]
Func = Annotated[str | None, typer.Option("--func", metavar="NAME", help="Only this function.")]
