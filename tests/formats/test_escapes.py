"""Escapes: the same result on every path through the code."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru._escapes import escape, escape_in_json, unescape

CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]
CHARS = st.sampled_from([*CONTROLS, *SURROGATES, *'\\nxu0a"ü你😀'])


def by_codec(text: str) -> str:
    """Return ``text`` with each forbidden character of a line escaped by Python's codec."""
    return "".join(
        char.encode("unicode_escape").decode() if char in CONTROLS or "\ud800" <= char <= "\udfff" else char
        for char in text
    )


@given(st.text(CHARS) | st.text(st.sampled_from("\\\n\x00n0\x7f")) | st.text(st.characters()))
def test_each_character_is_escaped_by_itself(text: str) -> None:
    assert escape(text) == by_codec(text)


@pytest.mark.parametrize(
    "text", ["\n" * 1000, "ü\n" * 1000, "".join(CONTROLS) * 9, "ü" + "".join(CONTROLS + SURROGATES)]
)
def test_dense_text_is_escaped_like_any(text: str) -> None:
    assert escape(text) == by_codec(text)
    assert unescape(escape(text)) == text


@given(st.text(st.sampled_from([*CONTROLS, *SURROGATES, *"aü你😀"])))
def test_text_without_a_backslash_comes_back(text: str) -> None:
    assert unescape(escape(text)) == text


@given(st.text(st.sampled_from([*CONTROLS, *'\\nü"']), min_size=1))
def test_a_json_document_keeps_its_values(text: str) -> None:
    document = escape_in_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(document) == text
    assert not set(document) & set(CONTROLS)
