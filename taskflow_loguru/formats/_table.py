"""A JSON format as one table of fields and facts, from which the line and its parser come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ._bound import bounded, json_cost
from ._facts import Facts, facts_of
from ._json import to_json, to_text
from ._options import check_name
from ._words import LEVELS

if TYPE_CHECKING:
    from loguru import Record

Convert: TypeAlias = Callable[[Any], Any] | None


class Field(NamedTuple):
    """A field of a system.

    Attributes:
        fact: The fact in it.
        to: The conversion of the fact to the field's value; a value of None leaves the field out.
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


def derived(fact: str, to: Convert, default: Any = None) -> Field:
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


def nanoseconds(duration: float) -> int | None:
    """Return a duration in nanoseconds; None if it has more than 64 bits."""
    return round(duration * 1e9) if abs(duration) < 9e9 else None


class Table:
    """The table of a format.

    Args:
        fields: The fields. The fact "level" is one of loguru's: of a level of the app, the next lower one.
        complete: A function that adds to the facts of an event before they are rendered.
    """

    def __init__(self, fields: Fields, complete: Callable[[Facts], None] | None = None) -> None:
        self._complete = complete
        self._places: dict[str, list[tuple[tuple[str, ...], str, Convert]]] = {}
        self._defaults: list[tuple[tuple[str, ...], str, Any]] = []
        self._readable: dict[str, Any] = {}
        for (*parents, key), field in _walk(fields):
            if field.default is not None:
                self._defaults.append((tuple(parents), key, field.default))
            self._places.setdefault(field.fact, []).append((tuple(parents), key, field.to))
            if field.is_read:
                _at(self._readable, parents)[key] = field
                self._readable[".".join([*parents, key])] = field  # as version 0.2 wrote it

    def text(self, record: Record, max_bytes: int | None, host: str | None, **names: str | None) -> str:
        """Return the line of a record, without its newline; *names* are facts that the app sets."""
        facts = facts_of(record, host)
        for name, value in (("host", host), *names.items()):
            if value is not None:
                check_name(name, value)
                facts[name] = value
        if facts["level"] not in LEVELS:
            number = record["level"].no
            facts["level"] = next((name for name, least in reversed(LEVELS.items()) if number >= least), "trace")
        if self._complete is not None:
            self._complete(facts)
        return self.line_of(facts) if max_bytes is None else bounded(facts, self, max_bytes)

    def line_of(self, facts: Facts) -> str:
        """Return the line with these facts."""
        line: dict[str, Any] = {}
        for name, fact in facts.items():
            for parents, key, to in self._places.get(name, ()):
                value = fact if to is None else to(fact)
                if value is not None:
                    (_at(line, parents) if parents else line)[key] = value
        for parents, key, value in self._defaults:
            _at(line, parents).setdefault(key, value)
        return to_json(line)

    def cost(self, name: str, value: Any) -> int:
        """Return the bytes that a fact takes in a line."""
        return sum(json_cost(name, to(value) if to else value) for _, _, to in self._places.get(name, ()))

    def facts_in(self, fields: dict[str, Any]) -> Facts:
        """Return the facts that the fields of a line hold."""
        facts: Facts = {}
        _read(self._readable, fields, facts)
        return facts


def _walk(fields: Fields, *parents: str) -> Iterator[tuple[tuple[str, ...], Field]]:
    for key, field in fields.items():
        if isinstance(field, Mapping):
            yield from _walk(field, *parents, key)
        else:
            yield (*parents, key), Field(field) if isinstance(field, str) else field


def _at(line: dict[str, Any], parents: list[str] | tuple[str, ...]) -> dict[str, Any]:
    for parent in parents:
        line = line.setdefault(parent, {})
    return line


def _read(readable: Mapping[str, Any], fields: dict[str, Any], facts: Facts) -> None:
    for key, value in fields.items():
        field = readable.get(key)
        if type(field) is dict:
            if type(value) is dict:
                _read(field, value, facts)
        elif field is not None and value is not None and value != field.default:
            facts[field.fact] = value if field.back is None else field.back(value)
