"""Pairs such as ``order=42 note="two words"``: written so that each value comes back with its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._escapes import escape
from ._bound import size
from ._json import to_json
from ._keys import key_escape, unescape_key
from ._parsing import DECODER, finite

escape_key = key_escape(r'[\s"=%\x00-\x1f\x7f-\x9f\u2028\u2029]')

_PLAIN = re.compile(r"[a-zA-Z_/][\w/.@:-]*", re.ASCII)
_BARE = re.compile(r'[^\s"=\[{][^\s"=]*')
_WORDS = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)((?:\.\d+)?(?:[eE][+-]?\d+)?)", re.ASCII)
_KEY, _VALUE = r'[^\s"=]+', r'"(?:[^"\\]|\\.)*"|[^\s"=]+'
_PAIR = re.compile(f"( {{0,2}})({_KEY})=({_VALUE})(?= |$)")
_PAIRS = re.compile("((?: {0})*)((?:  {0}(?: {0})*)?)".format(f"{_KEY}=(?:{_VALUE})"))
"""Data, and behind two spaces tags."""


def value_text(value: Any) -> str:
    """Return *value* as logfmt has it: in quotes only if it needs them, an object or an array as JSON in quotes."""
    if not isinstance(value, str):
        text = to_json(value)
        return to_json(text) if text[0] in '[{"' else text
    is_bare = _PLAIN.fullmatch(value) or (
        value.isprintable() and _BARE.fullmatch(value) and not _NUMBER.fullmatch(value)
    )
    if is_bare and value not in _WORDS:
        return value
    # The quotes of a text that looks like an object are text themselves: so it is not read as an object.
    return to_json(to_json(value) if value[:1] in ("[", "{", '"') else value)


def value_from(text: str) -> Any:
    """Return the value of a text of :func:`value_text`."""
    if text[0] == '"':
        value = DECODER.decode(text)
        return DECODER.decode(value) if value[:1] in ("[", "{", '"') else value
    if text[0] > "9":
        return _WORDS.get(text, text)
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    return finite(text) if number[1] else int(text)


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
    equals = line.find("=")
    start = line.rfind(" ", 0, max(equals, 0))
    if start < 0:  # no pair at all, or the first "=" belongs to the text
        start = line.find(" ", equals) if equals >= 0 else -1
        if start < 0:
            return line, {}, {}
    elif line[start - 1 : start] == " ":
        start -= 1
    pairs = _PAIRS.fullmatch(line, start) or _PAIRS.fullmatch(line, _start_of_pairs(line, start))
    if pairs is None:
        return line, {}, {}
    return line[: pairs.start()], _values(pairs[1]), _values(pairs[2])


def _start_of_pairs(line: str, start: int) -> int:
    """Return the index from which on a line has pairs alone, at *start* or behind it; its length if there is none."""
    place, has_tags = start, False
    while place < len(line):
        match = _PAIR.match(line, place)
        if match is None:
            place = start = line.find(" ", place + 1) % (len(line) + 1)
            has_tags = False
        else:
            if len(match[1]) == 2:
                start = match.start() if has_tags else start  # only the last of two groups can be the tags
                has_tags = True
            place = match.end()
    return start


def _values(pairs: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _, key, text in _PAIR.findall(pairs) if pairs else ():
        try:
            values[unescape_key(key)] = value_from(text)
        except (ValueError, RecursionError):  # a number without end, or quotes that are not JSON
            values[unescape_key(key)] = text
    return values
