"""Notation of a path in the language of each tool."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Syntax:
    """The language of a tool's configuration.

    Attributes:
        suffix: The end of the configuration's file name.
        quote: A function that turns a text into a literal.
        special: The characters that the tool does not take literally in a path, even in quotes.
    """

    suffix: str
    quote: Callable[[str], str]
    special: str = ""

    def literal(self, tool: str, path: str) -> str:
        """Return *path* as a literal of this language; raise ValueError if the tool cannot take it as a path."""
        for char in path:
            if char in self.special:
                raise ValueError(f"path must not contain {char!r}, which {tool} does not take literally, not {path!r}")
            if not char.isprintable():
                raise ValueError(f"path must be printable to be written in a configuration, not {path!r}")
        return self.quote(path)


def _double_quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _dollars_doubled(text: str) -> str:
    return _double_quoted(text).replace("$", "$$")


def _backticks_doubled(text: str) -> str:
    return _double_quoted(text).replace("`", "``")


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", r"\'") + "'"


_GLOB = "*?[]{}\\"

SYNTAXES = {
    "alloy": Syntax(".alloy", _double_quoted),
    "cloudwatch": Syntax(".json", _double_quoted, _GLOB),
    "datadog": Syntax(".yaml", _double_quoted, _GLOB),
    "filebeat": Syntax(".yml", _double_quoted, _GLOB + "$"),
    "fluent-bit": Syntax(".yaml", _double_quoted, _GLOB + "$,"),
    "fluentd": Syntax(".conf", _single_quoted, _GLOB + "%,"),
    "logrotate": Syntax(".conf", _double_quoted, _GLOB + '"'),
    "ops-agent": Syntax(".yaml", _double_quoted, _GLOB + "$,"),
    "otel-collector": Syntax(".yaml", _dollars_doubled, _GLOB),
    "promtail": Syntax(".yaml", _double_quoted, _GLOB),
    "rsyslog": Syntax(".conf", _double_quoted, _GLOB),
    "syslog-ng": Syntax(".conf", _backticks_doubled),
    "vector": Syntax(".toml", _dollars_doubled, _GLOB),
}
