"""Parse a line of any format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ..formats import JSON_SCHEMA_VERSION, TaskLine
from ..formats._detailed_line import parse_detailed_line
from ..formats._formats import parse_system_line
from ..formats._json_line import parse_json_line
from ..formats._logfmt_line import parse_logfmt_line
from ..formats._task_line import parse_host_line, parse_task_line

_Parser = Callable[[str], TaskLine | None]

# The most common formats first: each is tried until one accepts the line.
_OF_JSON: tuple[_Parser, ...] = (parse_json_line, parse_system_line)
_OF_TEXT: tuple[_Parser, ...] = (parse_task_line, parse_detailed_line, parse_host_line, parse_logfmt_line)


def parse(line: str) -> TaskLine | None:
    """Parse a line of any format of :mod:`taskflow_loguru.formats`, or of the host's own FileLogger.

    The host writes ``task_line`` without a time, or with a time and a ``Z``.

    The escapes of a text line are undone. But a backslash itself is not escaped: a message with a backslash and an n
    comes back with a newline.

    Returns:
        The line; None for a line of any other format, or of a later version of the JSON line.

    Raises:
        TypeError: ``line`` is not a str.
    """
    if not isinstance(line, str):
        raise TypeError(f"line must be a str, not {line!r}")
    line = line.removesuffix("\n")
    return None if "\n" in line else parse_line(line)


def parse_line(line: str) -> TaskLine | None:
    """Parse a str without its newline."""
    for parser in _OF_JSON if line[:1] == "{" else _OF_TEXT:
        parsed = parser(line)
        if parsed is not None:
            return parsed
    return None


def is_of_later_version(line: str) -> bool:
    """Return whether a line that cannot be parsed was written by :func:`json_line` of a later version."""
    if line[:1] != "{" or '"v"' not in line:
        return False
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    version = fields.get("v")
    return type(version) is int and version > JSON_SCHEMA_VERSION and {"time", "message"} <= fields.keys()


def decoded(block: bytes) -> list[str]:
    r"""Return the lines of a block. Bytes that are not UTF-8 become ``\xff``; CRLF ends a line like LF."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return block.decode("utf-8", "backslashreplace").split("\n")


def parse_block(block: bytes) -> Iterator[TaskLine]:
    """Yield the lines of tasks in a block."""
    return filter(None, map(parse_line, decoded(block)))
