"""A JSON format as one table of fields and facts, from which the line and its parser come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ._bound import Layout, bounded, check_name, json_cost
from ._facts import Facts, facts_of
from ._json import to_json, to_text
from ._words import LEVELS

if TYPE_CHECKING:
    from loguru import Record

Convert: TypeAlias = Callable[[Any], Any] | None
Name: TypeAlias = str | None
"""A name that an app sets for a field; None leaves the field out."""


class Field(NamedTuple):
    """A field of a system.

    Attributes:
        fact: The fact in it.
        to: The conversion of the fact to the field's value.
        back: The conversion of the value back to the fact.
        default: The value of the field if the event does not have the fact; None leaves the field out.
        is_read: Whether the parser takes the fact from this field.
    """

    fact: str
    to: Convert = None
    back: Convert = None
    default: Any = None
    is_read: bool = True


Fields: TypeAlias = Mapping[str, "str | Field | Fields"]
"""The fields of a line, nested as they are in it; a text is the name of a fact that needs no conversion."""


def derived(fact: str, to: Convert = None, default: Any = None) -> Field:
    """Return a field that is made of a fact, and which the parser does not need."""
    return Field(fact, to, default=default, is_read=False)


def always(value: Any) -> Field:
    """Return a field that has the same value in each line."""
    return Field("", default=value, is_read=False)


def words(fact: str, by_fact: Mapping[str, Any]) -> Field:
    """Return a field in which the system has its own words for a fact; the first of equal words is the one read."""
    return Field(fact, by_fact.get, {word: own for own, word in reversed(list(by_fact.items()))}.__getitem__)


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return *values* as text, for labels, which have no other type."""
    return {key: to_text(value) for key, value in values.items()}


MODULE = Field("module", "{}.py".format, lambda file: file.removesuffix(".py"))
"""The module of a captured record, as the name of its file."""


class Table:
    """The table of a format.

    Args:
        fields: The fields. The fact "level" is one of loguru's: of a level of the app, the next lower one.
        complete: A function that adds derived facts to those of an event before they are rendered.
    """

    def __init__(self, fields: Fields, complete: Callable[[Facts], None] | None = None) -> None:
        self._fields = fields
        self._complete = complete
        self._conversions: dict[str, list[Convert]] = {}
        self._readable: dict[str, Any] = {}
        self._add(fields, self._readable, "")
        self._layout = Layout(self.line_of, self.cost)
        self._literals: dict[tuple[str, ...], Callable[[Facts], dict[str, Any]]] = {}

    def _add(self, fields: Fields, readable: dict[str, Any], path: str) -> None:
        for key, field in fields.items():
            if isinstance(field, Mapping):
                self._add(field, readable.setdefault(key, {}), f"{path}{key}.")
                continue
            field = Field(field) if isinstance(field, str) else field
            self._conversions.setdefault(field.fact, []).append(field.to)
            if field.is_read:
                readable[key] = self._readable[path + key] = field  # version 0.2 wrote the path as the key

    def text(self, record: Record, max_bytes: int | None, host: Name, **names: Name) -> str:
        """Return the line of a record, without its newline; *names* are facts that the app sets."""
        facts = facts_of(record, host)
        for name, value in (("host", host), *names.items()):
            if value is not None:
                check_name(name, value)
                facts[name] = value
        if facts["level"] not in LEVELS:
            number = record["level"].no
            facts["level"] = next((name for name, least in reversed(LEVELS.items()) if number >= least), "trace")
        return self.line_of(facts) if max_bytes is None else bounded(facts, self._layout, max_bytes)

    def line_of(self, facts: Facts) -> str:
        """Return the line with these facts."""
        if "status" in facts or "duration" in facts or "trace_id" in facts:
            facts = self._completed(facts)
        names = tuple(facts)
        literal = self._literals.get(names)
        if literal is None:
            # Lines with the same facts have the same shape: one nested literal takes a third of the time of any loop.
            conversions: dict[str, Any] = {}
            source = _literal(self._fields, names, conversions)
            literal = self._literals[names] = eval(f"lambda facts: {source}", conversions)
        return to_json(literal(facts))

    def _completed(self, facts: Facts) -> Facts:
        facts = dict(facts)
        duration = facts.get("duration")
        if duration is not None and abs(duration) < 9e9:  # beyond, it has more than 64 bits
            facts["nanoseconds"] = round(duration * 1e9)
        if self._complete is not None:
            self._complete(facts)
        return facts

    def cost(self, name: str, value: Any) -> int:
        """Return the bytes that a fact takes in a line."""
        return sum(json_cost(name, to(value) if to else value) for to in self._conversions.get(name, ()))

    def facts_in(self, fields: dict[str, Any]) -> Facts:
        """Return the facts that the fields of a line hold."""
        facts: Facts = {}
        _read(self._readable, fields, facts)
        return facts


def _literal(fields: Fields, names: tuple[str, ...], conversions: dict[str, Any]) -> str:
    """Return the source of a dictionary with the fields that facts with these *names* have."""
    items: list[str] = []
    for key, field in fields.items():
        value = ""
        if isinstance(field, Mapping):
            value = _literal(field, names, conversions).replace("{}", "")
        elif isinstance(field, str) or field.to is None:
            field = Field(field) if isinstance(field, str) else field
            value = f"facts[{field.fact!r}]" if field.fact in names else ""
        elif field.fact in names:
            conversion = f"to_{len(conversions)}"
            conversions[conversion] = field.to
            value = f"{conversion}(facts[{field.fact!r}])"
        if not value and isinstance(field, Field) and field.default is not None:
            value = repr(field.default)
        if value:
            items.append(f"{key!r}: {value}")
    return f"{{{', '.join(items)}}}"


def _read(readable: Mapping[str, Any], fields: dict[str, Any], facts: Facts) -> None:
    for key, value in fields.items():
        field = readable.get(key)
        if type(field) is dict:
            if type(value) is dict:
                _read(field, value, facts)
        elif field is not None and value is not None and value != field.default:
            facts[field.fact] = value if field.back is None else field.back(value)
