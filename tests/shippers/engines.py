"""The languages in the configurations, each run by the engine of the shipper: RE2, Onigmo, VRL, Lua."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lark import Lark, Transformer

Fields = dict[str, Any]

_ALLOY = Lark(
    r"""
    start: (block | attribute)*
    block: NAME ("." NAME)* STRING? "{" (block | attribute)* "}"
    attribute: NAME "=" value
    ?value: STRING -> string | RAW -> raw | array | object | reference
    array: "[" (value ("," value)* ","?)? "]"
    object: "{" (NAME "=" value ("," NAME "=" value)* ","?)? "}"
    reference: NAME ("." NAME)+
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    STRING: /"(\\.|[^"\\\n])*"/
    RAW: /`[^`]*`/
    COMMENT: "//" /[^\n]*/
    %import common.WS
    %ignore WS
    %ignore COMMENT
    """
)


class _AlloyValues(Transformer[Any, Any]):
    def string(self, items: list[Any]) -> str:
        return str(json.loads(items[0]))

    def raw(self, items: list[Any]) -> str:
        return str(items[0][1:-1])

    def array(self, items: list[Any]) -> list[Any]:
        return items

    def object(self, items: list[Any]) -> Fields:
        return {str(name): value for name, value in zip(items[::2], items[1::2], strict=True)}

    def reference(self, items: list[Any]) -> str:
        return ".".join(map(str, items))

    def attribute(self, items: list[Any]) -> tuple[str, Any]:
        return str(items[0]), items[1]

    def block(self, items: list[Any]) -> tuple[str, Fields]:
        names = [str(item) for item in items if isinstance(item, str) and not item.startswith('"')]
        return ".".join(names), dict(item for item in items if isinstance(item, tuple))

    def start(self, items: list[Any]) -> Fields:
        return dict(items)


def parse_alloy(text: str) -> Fields:
    """Return the blocks and attributes of a configuration of Grafana Alloy."""
    parsed: Fields = _AlloyValues().transform(_ALLOY.parse(text))
    return parsed


def parse_fluentd(text: str) -> Fields:
    """Return the sections and parameters of a configuration of Fluentd; a section is named as in ``<name argument>``.

    Raises:
        ValueError: A section is not closed, or not the one that is closed.
    """
    sections: list[tuple[str, Fields]] = [("", {})]
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("</"):
            name, section = sections.pop()
            if line != f"</{name}>":
                raise ValueError(f"{line} closes <{name}>")
            sections[-1][1][name] = section
        elif line.startswith("<"):
            sections.append((line[1:-1].split()[0], {}))
        else:
            name, value = line.split(maxsplit=1)
            sections[-1][1][name] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith("'") else value
    [(_, parsed)] = sections
    return parsed


def match_re2(pattern: str, lines: Iterable[str]) -> list[Fields]:
    """Return the named groups of each line, as found by programs written in Go."""
    import re2

    compiled = re2.compile(pattern)
    return [_present(match.groupdict()) if (match := compiled.search(line)) else {} for line in lines]


def run_ruby(program: str, script: str, given: object) -> Any:
    """Return the result of a Ruby script with the variable ``given``. Ruby and Fluent Bit have Onigmo's expressions."""
    wrapped = f"require 'json'\nrequire 'time'\ngiven = JSON.parse(STDIN.read)\nputs JSON.generate(({script}))"
    ended = subprocess.run(
        [program, "-Ku", "-e", wrapped], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


def match_onigmo(ruby: str, pattern: str, lines: Sequence[str]) -> list[Fields]:
    script = "r = Regexp.new(given['pattern']); given['lines'].map { |l| (m = r.match(l)) ? m.named_captures : {} }"
    found = run_ruby(ruby, script, {"pattern": pattern, "lines": lines})
    return [_present(fields) for fields in found]


def run_vrl(program: str, lines: Iterable[str]) -> list[Fields]:
    """Return the events that Vector's ``remap`` makes of each line."""
    from vrl_python import VRLRuntime

    return [VRLRuntime.run(program, {"message": line}, "UTC").processed_event for line in lines]


def lua_54(source: str, name: str) -> Callable[..., Any]:
    """Return a function in the Lua of Vector."""
    from lupa.lua54 import LuaRuntime  # type: ignore[import-untyped]

    return _lua(LuaRuntime(), source, name)


def lua_jit(source: str, name: str) -> Callable[..., Any]:
    """Return a function in the Lua of Fluent Bit."""
    from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

    return _lua(LuaRuntime(unpack_returned_tuples=True), source, name)


def _lua(runtime: Any, source: str, name: str) -> Callable[..., Any]:
    runtime.execute(source)
    function: Callable[..., Any] = runtime.globals()[name]
    return lambda *values: function(
        *(runtime.table_from(x, recursive=True) if isinstance(x, dict) else x for x in values)
    )


def _present(groups: Mapping[str, str | None]) -> Fields:
    return {name: text for name, text in groups.items() if text is not None}
