"""One event, one line: what becomes of the characters that would end a line, hide it, or drive a terminal."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SEQUENCE = re.compile(r"\\(?:[nrt]|x[01][0-9a-f]|x7f|x[89][0-9a-f]|u202[89]|ud[89a-f][0-9a-f]{2})")
_CHARS = {sequence: char for char, sequence in _SHORT.items()}


def as_text(value: object) -> str:
    """``value`` as text, whatever it is: a broken ``__str__`` costs its own words, not the line."""
    if type(value) is str:
        return value
    try:
        return str(value)
    except Exception as error:
        return raising(value, error)


def raising(value: object, error: Exception) -> str:
    """What stands in a line for a value that cannot be shown."""
    return f"<{type(value).__name__} that raises {type(error).__name__}>"


def escape(text: str) -> str:
    """``text`` with control characters (C0, DEL, C1, U+2028, U+2029) and lone surrogates as Python writes them."""
    # isprintable() is false for all of them, and much cheaper to ask than the expression.
    return text if text.isprintable() else _HIDDEN.sub(_escaped, text)


def unescape(text: str) -> str:
    """What :func:`escape` was given; a text that held such a sequence itself is not to be told from it."""
    return _SEQUENCE.sub(_unescaped, text) if "\\" in text else text


def escape_in_json(document: str) -> str:
    """A JSON document with the same characters, which can only stand in its strings, as JSON escapes."""
    return document if document.isprintable() else _HIDDEN.sub(_escaped_long, document)


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if char < "\u0100" else _escaped_long(match))


def _escaped_long(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _unescaped(match: re.Match[str]) -> str:
    sequence = match[0]
    digits = sequence[2:]  # behind \x or \u
    return _CHARS.get(sequence) or chr(int(digits, 16))
