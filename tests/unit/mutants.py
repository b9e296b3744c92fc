"""Compare the mutants that survived the unit tests with those that are explained in ``mutants.md``.

Run after ``mutmut run``, which ``make mutants`` does. A mutant is known by its function and by the lines that it
changes, since its number changes with every edit of the function.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

EXPLAINED = Path(__file__).parent / "mutants.md"
DEAD = ("killed", "timeout", "caught by type check")

_RESULT = re.compile(r"^ +(?P<name>\S+__mutmut_\d+): (?P<status>.+)$", re.MULTILINE)
_NAME = re.compile(r"^taskflow_loguru\.sinks\.(?P<module>\w+)\.x(?:ǁ(?P<class>\w+)ǁ|_)(?P<function>\w+)__mutmut_\d+$")
_EXPLAINED = re.compile(r"^## (?P<function>\S+)\n|^```diff\n(?P<diff>.*?)^```\n", re.MULTILINE | re.DOTALL)


class Mutant(NamedTuple):
    """A change of a function: the lines that are removed, and those that are added."""

    function: str
    diff: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"## {self.function}", "", "```diff", *self.diff, "```"])


def _changes(diff: str) -> tuple[str, ...]:
    lines = [line for line in diff.splitlines() if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]
    return tuple(f"{line[0]} {line[1:].strip()}" for line in lines)


def _mutmut(*arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _function_of(name: str) -> str:
    match = _NAME.match(name)
    assert match is not None, name
    return ".".join(part for part in match.group("module", "class", "function") if part)


def explained() -> Iterator[Mutant]:
    """Return the mutants that ``mutants.md`` explains."""
    function = ""
    for match in _EXPLAINED.finditer(EXPLAINED.read_text()):
        function = match["function"] or function
        if match["diff"] is not None:
            yield Mutant(function, _changes(match["diff"]))


def main() -> int:
    """Print the figures, and every difference; return how many there are."""
    statuses = {match["name"]: match["status"] for match in _RESULT.finditer(_mutmut("results", "--all", "true"))}
    known = Counter(explained())
    alive = Counter(
        Mutant(_function_of(name), _changes(_mutmut("show", name)))
        for name, status in statuses.items()
        if status not in DEAD
    )
    print(f"{len(statuses)} mutants: {dict(Counter(statuses.values()).most_common())}")
    print(f"{known.total()} explained in {EXPLAINED.name}")
    for mutant in alive - known:
        print(f"\nIt survives and is not explained:\n{mutant}")
    for mutant in known - alive:
        print(f"\nIt is explained and does not survive:\n{mutant}")
    return (alive - known).total() + (known - alive).total()


if __name__ == "__main__":
    sys.exit(bool(main()))
