"""Arguments and options of several commands: each is declared once."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from . import moments

_PASTED = re.compile(r"\s*\[([^\]]*)\].*", re.DOTALL)
_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


class Command(TyperCommand):
    """A command that refuses an option that is given twice and can only be given once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for param in {param: None for param in given if given.count(param) > 1}:
            if param.param_type_name == "option" and not param.multiple and not ctx.resilient_parsing:
                raise typer.BadParameter("can be given only once", ctx=ctx, param=param)
        return super().parse_args(ctx, args)


def usage_error_of(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Turn a ValueError of *parse* into a usage error."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


def task_id_of(text: str) -> str:
    """Return the id that *text* is, or that stands in brackets at its start.

    Raises:
        ValueError: It is empty.
    """
    match = _PASTED.fullmatch(text)
    task_id = (match[1] if match else text).strip()
    if not task_id:
        raise ValueError(f"{text!r} must be the id of a task, or its beginning")
    return task_id


def pair_of(text: str) -> tuple[str, str]:
    """Parse ``KEY=VALUE``."""
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise ValueError(f"{text!r} must be KEY=VALUE")
    return key, value


def pattern_of(text: str) -> re.Pattern[str]:
    """Compile a regular expression."""
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} must be a regular expression: {error}") from None


def percentage_of(text: str) -> str:
    """Return the number of a percentage.

    Raises:
        ValueError: It is none, or more than 100%.
    """
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)%", text, re.ASCII)
    if match is None or float(match[1]) > 100:
        raise ValueError(f"{text!r} must be a percentage from 0% to 100%, such as 5% or 0.5%")
    return match[1]


def one_of(*words: str) -> Callable[[str], str]:
    """Accept one of *words*, in upper or lower case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{text!r} must be one of {', '.join(words)}")
        return text.lower()

    return usage_error_of(parse)


def word_of(name: str) -> Callable[[str], str]:
    """Accept one of the words of the formats, ``LEVELS`` or ``STATUSES``: they are imported when they are needed."""
    return lambda text: one_of(*_words(name))(text)


def completed(name: str) -> Callable[[str], list[str]]:
    """Return the function with which a shell completes such a word."""
    return lambda incomplete: [word for word in _words(name) if word.startswith(incomplete.lower())]


def _words(name: str) -> Iterable[str]:
    from taskflow_loguru.formats import _words

    words: Iterable[str] = getattr(_words, name)
    return words


def stream_or_path(text: str) -> Path:
    """Return the path of a log; ``-`` is stdin."""
    path = "/dev/stdin" if text == "-" else text
    return Path(path) if path.startswith(_STREAMS) else log_path(text)


def log_path(text: str) -> Path:
    """Return the path of a log file.

    Raises:
        ValueError: No log can be at the path.
    """
    if not text or "\0" in text:
        raise ValueError(f"{text!r} must be the path of a log file")
    try:
        mode = os.stat(text).st_mode
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
            raise ValueError(f"{text!r}: {error.strerror}") from None
        return Path(text)  # a file that may appear, or whose error the command prints
    if stat.S_ISDIR(mode):
        raise ValueError(f"{text!r} is a directory, not a log file")
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"{text!r} is not a regular file; to read a pipe or a FIFO, give it as stdin, and - as the path"
        )
    return Path(text)


def _range(ctx: typer.Context, param: typer.CallbackParam, value: str | None) -> datetime | None:
    """Parse ``--since`` or ``--until``; ``--tz`` was parsed before."""
    if value is None:
        return None
    moment: datetime = usage_error_of(moments.parse_moment)(value)
    ends: dict[str | None, datetime] = ctx.meta.setdefault("taskflow_loguru.range", {})
    ends[param.name] = moment
    if len(ends) == 2 and ends["since"] >= ends["until"]:
        raise typer.BadParameter("--since must be a time before --until")
    return moment


_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}


def _parse_size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,18})\s*([A-Za-z]*)", text, re.ASCII)
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} must be a size such as 200000, 200kB or 10MiB")
    return int(match[1]) * _UNITS[match[2].lower()]


size = usage_error_of(_parse_size)
"""Accept a number of bytes, with or without a unit."""

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        parser=usage_error_of(stream_or_path),
        help="Log files of any format; - is stdin. The backups of each are read too, compressed ones included.",
    ),
]
LogPath = Annotated[Path, typer.Argument(metavar="PATH", parser=usage_error_of(log_path), help="The log file.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=str,
        callback=_range,
        help="From this time on: 30m, 1h30m or 2d ago, today, yesterday, 14:30, or 2026-01-31T12:00.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", metavar="TIME", parser=str, callback=_range, help="Before this time, written like --since."
    ),
]
Tz = Annotated[
    str,
    typer.Option(
        "--tz",
        metavar="ZONE",
        is_eager=True,
        callback=usage_error_of(moments.set_zone),
        help="The time zone of all times: local, UTC, or a name such as Europe/Berlin.",
    ),
]
LoguruBackups = Annotated[
    bool, typer.Option("--loguru-backups", help="Read the backups of loguru's own file sink, too: tasks.<time>.log.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Func = Annotated[str | None, typer.Option("--func", metavar="NAME", help="Only this function.")]

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Do not end, but print lines as they are written.")]
Count = Annotated[
    int | None,
    typer.Option("--lines", "-n", metavar="N", min=0, help="Only the last N lines, and what follows with -f."),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task", metavar="ID", parser=usage_error_of(task_id_of), help="Only this task: an id or its beginning."
    ),
]
Funcs = Annotated[
    list[str] | None,
    typer.Option("--func", metavar="NAME", help="Only this function. * and ? stand for any characters."),
]
Level = Annotated[
    str | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        parser=word_of("LEVELS"),
        autocompletion=completed("LEVELS"),
        help="Only lines of this level or above. Lines of task_line have no level: of these, only status lines.",
    ),
]
Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        parser=word_of("STATUSES"),
        autocompletion=completed("STATUSES"),
        help="Only status lines with this status.",
    ),
]
Attempts = Annotated[
    list[int] | None, typer.Option("--attempt", metavar="N", min=0, help="Only lines of this attempt; 0 is the first.")
]
Tags = Annotated[
    list[Any] | None,
    typer.Option("--tag", metavar="KEY=VALUE", parser=usage_error_of(pair_of), help="Only tasks with this tag."),
]
Data = Annotated[
    list[Any] | None,
    typer.Option(
        "--data",
        metavar="KEY=VALUE",
        parser=usage_error_of(pair_of),
        help="Only lines with this value from task_log().",
    ),
]
Grep = Annotated[
    list[Any] | None,
    typer.Option(
        "--grep", metavar="REGEX", parser=usage_error_of(pattern_of), help="Only lines with this regular expression."
    ),
]
Invert = Annotated[bool, typer.Option("--invert-match", "-v", help="Only lines without those of --grep.")]
Failed = Annotated[bool, typer.Option("--failed", help="All lines of the tasks that failed.")]
FailOver = Annotated[
    str | None,
    typer.Option(
        "--fail-over",
        metavar="PERCENT",
        parser=usage_error_of(percentage_of),
        help="Exit with code 3 if more than this share of the ended runs failed, such as 5%.",
    ),
]
