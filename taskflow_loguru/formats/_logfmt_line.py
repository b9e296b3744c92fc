"""One line of logfmt per event, with all its facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._bound import Layout, bounded, check_name
from ._facts import Facts, facts_of
from ._keys import unescape_key
from ._line import TaskLine
from ._logfmt import pair_cost, pairs_of, read_pairs, value_text
from ._parsing import task_line_of

if TYPE_CHECKING:
    from loguru import Record

_NAMES = {"message": "msg"}
_GROUPS = ("tags", "data")


def logfmt_text(record: Record, *, max_bytes: int | None = None, host: str | None = None) -> str:
    """Return all facts of an event in logfmt, for Loki, Grafana, and people.

    ::

        time=2026-01-01T12:00:00.004000Z level=info event=log task_id=abc12345-6789 func_name=send_email attempt=0
        msg="Connecting to SMTP server" tags.tenant=a data.order=42 host=web-1 pid=4711

    (in one line). The names are those of :func:`json_line`, but ``msg`` for the message. Tags are ``tags.NAME``, the
    keyword arguments of ``task_log()`` are ``data.NAME``. A text is in quotes only if it needs them, or looks like a
    number; objects and arrays are JSON in quotes.

    Args:
        record: The loguru record of an event.
        max_bytes: The maximum length of a line in bytes, newline included, as for :func:`json_line`.
        host: The name of the host; None: the system's host name.

    Raises:
        TypeError, ValueError: An argument is invalid, or ``max_bytes`` has no room for ids and times.
    """
    if host is not None:
        check_name("host", host)
    facts = facts_of(record, host)
    return _line_of(facts) if max_bytes is None else bounded(facts, _LAYOUT, max_bytes)


def _line_of(facts: Facts) -> str:
    return " ".join(
        [
            pairs_of(value, f"{name}.")[1:] if name in _GROUPS else f"{_NAMES.get(name, name)}={value_text(value)}"
            for name, value in facts.items()
            if name != "v"
        ]
    )


_LAYOUT = Layout(_line_of, pair_cost)


def parse_logfmt_line(line: str) -> TaskLine | None:
    """Parse a line of :func:`logfmt_line`; return None for any other line."""
    try:
        pairs = read_pairs(line) if line.startswith("time=") else None
        if pairs is None:
            return None
        facts: dict[str, Any] = {group: {} for group in _GROUPS}
        for name, value in pairs:
            group, dot, key = name.partition(".")
            if dot and group in _GROUPS:
                facts[group][unescape_key(key)] = value
            else:
                facts[name] = value
        return task_line_of({**facts, "message": facts["msg"]})
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None
