"""Pairs such as ``order=42 note="two words"``: written so that each value comes back with its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._escapes import escape
from ._bound import size
from ._json import to_json
from ._keys import key_escape, unescape_key
from ._parsing import DECODER

escape_key = key_escape(r'[\s"=%\x00-\x1f\x7f-\x9f\u2028\u2029]')

_PLAIN = re.compile(r"(?!(?:true|false|null)$)[a-zA-Z_/][\w/.@:-]*", re.ASCII)
_BARE = re.compile(r'[^\s"=\[{][^\s"=]*')
_TYPED = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null", re.ASCII)
_PAIR = re.compile(r'( {0,2})([^\s"=]+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)(?= |$)')


def value_text(value: Any) -> str:
    """Return *value* as logfmt has it: in quotes only if it needs them, an object or an array as JSON in quotes."""
    if not isinstance(value, str):
        text = to_json(value)
        return to_json(text) if text[0] in '[{"' else text
    if _PLAIN.fullmatch(value) or (value.isprintable() and _BARE.fullmatch(value) and not _TYPED.fullmatch(value)):
        return value
    # The quotes of a text that looks like an object are text themselves: so it is not read as an object.
    return to_json(to_json(value) if value[:1] in ("[", "{", '"') else value)


def value_from(text: str) -> Any:
    """Return the value of a text of :func:`value_text`."""
    if text[0] == '"':
        value = DECODER.decode(text)
        return DECODER.decode(value) if value[:1] in ("[", "{", '"') else value
    return DECODER.decode(text) if _TYPED.fullmatch(text) else text


def pairs_of(values: Mapping[str, Any], prefix: str = "") -> str:
    """Return the pairs of *values*, each after a space."""
    return "".join([f" {prefix}{escape_key(key)}={value_text(value)}" for key, value in values.items()])


def pair_cost(name: str, value: Any) -> int:
    """Return the bytes that a value takes in a pair, or a mapping in its pairs."""
    return size(pairs_of(value, f"{name}.") if isinstance(value, Mapping) else value_text(value))


def read_pairs(line: str) -> list[tuple[str, Any]] | None:
    """Return the pairs of a line that has nothing else; None for any other line."""
    pairs, end = [], 0
    while match := _PAIR.match(line, end):
        pairs.append((match[2], value_from(match[3])))
        end = match.end()
    return pairs if end == len(line) else None


def with_pairs(text: str, data: Mapping[str, Any], tags: Mapping[str, Any]) -> str:
    """Return *text*, escaped, with the pairs of *data* and, after two spaces, those of *tags*.

    The text is in quotes if it ends like such a pair.
    """
    pairs = pairs_of(data) + (f" {pairs_of(tags)}" if tags else "")
    line = (shown := escape(text)) + pairs
    if text[:1] == '"' or (("=" in text or text[-1:] == " ") and split_pairs(line)[0] != shown):
        return to_json(text) + pairs
    return line


def split_pairs(line: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the text of a line of :func:`with_pairs`, still escaped or in its quotes, and its data and tags."""
    if "=" not in line:
        return line, {}, {}
    found: list[re.Match[str]] = []
    place = 0 if line[:1] == " " else line.find(" ")
    while 0 <= place < len(line):
        match = _PAIR.match(line, place)
        if match is None:
            found.clear()
            place = line.find(" ", place + 1)
            continue
        if len(match[1]) == 2 and any(len(earlier[1]) == 2 for earlier in found):
            found.clear()  # only the last of two groups can be the tags
        found.append(match)
        place = match.end()
    data: dict[str, Any] = {}
    tags: dict[str, Any] = {}
    into = data
    for match in found:
        if len(match[1]) == 2:
            into = tags
        into[unescape_key(match[2])] = _value_or_text(match[3])
    return line[: found[0].start()] if found else line, data, tags


def _value_or_text(text: str) -> Any:
    try:
        return value_from(text)
    except (ValueError, RecursionError):  # a number without end, or quotes that are not JSON
        return text
