"""One event, one line: escapes for the characters that end a line, hide it, or drive a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ._signals import is_from_signal_handler

_MAX_REPLACED_SINGLY = 8
"""The number of characters to replace, up to which one ``str.replace`` for each is faster than a table."""

_CONTROLS = [chr(number) for number in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]
_RUN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SEQUENCE = re.compile(r"\\(?:[nrt]|x[01][0-9a-f]|x7f|x[89][0-9a-f]|u202[89]|ud[89a-f][0-9a-f]{2})")


class _Escapes:
    """Replacements of single characters. The cost per character hardly depends on how many are replaced."""

    def __init__(self, escape: Callable[[str], str]) -> None:
        self._escape = escape
        by_char = self._by_char = {char: escape(char) for char in _CONTROLS}
        # str.translate looks a character up by its number, faster in a list than in a dictionary. It does not change
        # characters beyond the end of the list.
        self._by_number = [by_char.get(char, char) for char in map(chr, range(0x202A))]

    def apply(self, text: str) -> str:
        found = [char for char in self._by_char if char in text]
        if len(found) > _MAX_REPLACED_SINGLY:
            return "".join([self._apply_to_piece(text[start : start + 4096]) for start in range(0, len(text), 4096)])
        for char in found:
            text = text.replace(char, self._by_char[char])
        return text

    def _apply_to_piece(self, piece: str) -> str:
        # A match costs as much as ten characters of a table, whatever its length.
        if len(_RUN.findall(piece, 0, 512)) < 25:
            return _RUN.sub(self._apply_to_run, piece)
        return piece.translate(self._by_number)

    def _apply_to_run(self, match: re.Match[str]) -> str:
        return self._escape(match[0])


def _python_escape(text: str) -> str:
    return text.encode("unicode_escape").decode()


def _json_escape(text: str) -> str:
    return json.dumps(text)[1:-1]


_IN_TEXT, _IN_JSON = _Escapes(_python_escape), _Escapes(_json_escape)
_CHARS = {_python_escape(char): char for char in (*_CONTROLS, *map(chr, range(0xD800, 0xE000)))}


def as_text(value: object) -> str:
    """Return *value* as text; a value whose ``__str__`` raises gets a placeholder."""
    if type(value) is str:
        return value
    try:
        return str(value)
    except Exception as error:
        return placeholder(value, error)


def placeholder(value: object, error: Exception) -> str:
    """Return the placeholder for a value whose conversion to text raised *error*.

    Raises:
        Exception: *error* itself, if a signal handler raised it and not the value.
    """
    if is_from_signal_handler(error):
        raise error
    return f"<{type(value).__name__} that raises {type(error).__name__}>"


def without_surrogates(text: str) -> str:
    """Return *text* with lone surrogates, which UTF-8 cannot encode, as Python escapes."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def escape(text: str) -> str:
    """Return *text* with control characters (C0, DEL, C1, U+2028, U+2029) and lone surrogates as Python escapes."""
    # isprintable() is false for each of these characters, and far cheaper than a search for them.
    if text.isprintable():
        return text
    if text.isascii():
        # The codec escapes the same characters, but also doubles each backslash. A run of backslashes in its output is
        # pairs, then at most one that starts an escape. So replacing pairs from the left restores the text exactly.
        return text.encode("unicode_escape").replace(b"\\\\", b"\\").decode()
    text = _IN_TEXT.apply(text)
    return text if text.isprintable() else without_surrogates(text)


def unescape(text: str) -> str:
    """Undo :func:`escape`. A text that already had such a sequence cannot be recognised, and is unescaped too."""
    return _SEQUENCE.sub(_unescaped, text) if "\\" in text else text


def escape_in_json(document: str) -> str:
    """Return a JSON document with the same characters, which only its strings can have, as JSON escapes."""
    if document.isascii():  # the encoders escape C0 themselves
        return document.replace("\x7f", "\\u007f") if "\x7f" in document else document
    return document if document.isprintable() else _IN_JSON.apply(document)


def _unescaped(match: re.Match[str]) -> str:
    return _CHARS[match[0]]
