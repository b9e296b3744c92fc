"""Check the English of the project: ``python tools/prose.py [PATH ...]``, all files without a path.

It applies the rules of proselint, and those below, to Markdown without its code, and to the docstrings, comments and
messages in Python. It also limits the length of the tests' names.
"""

from __future__ import annotations

import re
import sys
import token
import tokenize
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from proselint.checks import __register__ as rules_of_proselint
from proselint.config import Config
from proselint.registry import CheckRegistry
from proselint.registry.checks import Check, CheckFlags
from proselint.registry.checks.types import ExistenceSimple
from proselint.tools import LintFile

ROOT = Path(__file__).parent.parent
MARKDOWN = ("*.md", "benchmarks/*.md", "docs/*.md", "tests/**/*.md")
PYTHON = ("benchmarks", "examples", "taskflow_loguru", "tests", "tools")

START = "\N{SECTION SIGN}"
"""The mark of a docstring's start in the text that is checked."""

MASK = "~"
"""The character in place of code."""

RULES = {
    rf"{START}(as|that|what|when|where|which|who|whose)\b": "start with an imperative or a noun",
    r"\b(hears?|heard|said|says?|saying|tells?|telling|told)\b": "log, name, print, report, show",
    r"\b(as|behind|before|by|for|from|in|of|on|than|to|with) (what|who)\b": "a noun: the line, the caller",
    r"\bwhat (are|had|has|have|is|one|was|were)\b": "a noun: the line, the result",
    r"\bwho (runs?|waits?|writes?|reads?|moves?|moved)\b": "a noun: the process, the user",
    r"\b(that which|all that (is|was))\b": "everything, or a noun",
    r"\b(goes|going|gone|went|go) on\b": "continue",
    r"\b(is|are|was|were) of (a|an|its|no|our|that|the|this)\b": "belong to, be from",
    r"\bof no (event|file|format|line|record|task)\b": "without",
    r"\b(is|are) no (bool|error|file|int|number|path|regular|str|text)\b": "is not a",
    r"\b(a|its|the) begin\b": "beginning, start",
    r"\bin any case\b": "always, in upper or lower case",
    r"\bfor ever\b": "forever",
    r"\bmade up for\b": "completed, repeated",
    r"\bmend(ed|ing|s)?\b": "fix",
    r"\bneed not\b": "does not have to",
    r"\bnot what it may be\b": "invalid",
    r"\bto be had\b": "available",
}
"""Expressions that this project does not use, and the better ones."""

OFF = {"restricted", "typography"}
"""The checks of proselint that do not apply: short word lists for children, and typographic quotes."""

MAX_TEST_NAME = 69

_STRINGS = {token.STRING, getattr(token, "FSTRING_MIDDLE", token.STRING)}
_CODE = re.compile(r"``[^`]+``|`[^`]+`|https?://\S+|\b[A-Z]+_[A-Z_]+\b")
_MARKDOWN_CODE = re.compile(r"^ *(```+).*?^ *\1|\]\([^)]*\)|<[^>]+>", re.MULTILINE | re.DOTALL)
_OPENING = re.compile(r'^[a-zA-Z]*"""')
_QUOTES = re.compile(r"""^[a-zA-Z]*["']+|["']+$""")
_FIELD = re.compile(r"\{[^{}]*\}|\\[nrt]")
_BEFORE_STATEMENT = {token.NEWLINE, tokenize.NL, token.INDENT, token.DEDENT}
_DIRECTIVE = re.compile(r"#\s*(fmt:|noqa|pragma:|type:)[^#]*")


def main(arguments: list[str]) -> int:
    """Print each problem, and return the exit code."""
    registry = CheckRegistry()
    registry.register_many((*rules_of_proselint, *map(_rule, RULES.items())))
    checks = {rule.path.split(".")[0] for rule in registry.checks} - OFF
    paths = map(Path, arguments) if arguments else all_files()
    problems = [f"{path}:{problem}" for path in paths for problem in check(path, dict.fromkeys(checks, True))]
    print(*problems, sep="\n", end="\n" * bool(problems))
    return 1 if problems else 0


def all_files() -> Iterator[Path]:
    """Yield the paths of all files with prose."""
    for pattern in (*MARKDOWN, *(f"{folder}/**/*.py" for folder in PYTHON)):
        yield from sorted(path.relative_to(ROOT) for path in ROOT.glob(pattern))


def check(path: Path, checks: dict[str, bool]) -> Iterator[str]:
    """Yield the problems of a file, with their positions."""
    source = (ROOT / path).read_text("utf-8")
    if path.suffix == ".py":
        text = prose_of_python(source, messages=path.parts[0] not in ("tests", "tools"))
    else:
        text = _masked(_CODE, _masked(_MARKDOWN_CODE, source))
    text = re.sub(r"^$", MASK, text, flags=re.MULTILINE)  # a phrase does not continue after an empty line
    config: Config = {"max_errors": sys.maxsize, "checks": checks}
    for (line, column), result in ((found.pos, found.check_result) for found in LintFile(str(path), text).lint(config)):
        yield f"{line}:{column}: {' '.join(result.message.split())}"
    for name in re.finditer(r"\bdef (test_\w+)", source):
        if len(name[1]) > MAX_TEST_NAME:
            yield f"{source.count(chr(10), 0, name.start()) + 1}: {name[1]} has over {MAX_TEST_NAME} characters"


def prose_of_python(source: str, *, messages: bool) -> str:
    """Return the source with everything masked except docstrings, comments and, if wanted, messages."""
    lines = source.splitlines(keepends=True)
    starts = [0, *accumulate(map(len, lines))]
    text = list(re.sub(r"\S", MASK, source))
    depth = 0
    is_statement = True
    for kind, string, first, last, _ in tokenize.generate_tokens(iter(lines).__next__):
        span = slice(starts[first[0] - 1] + first[1], starts[last[0] - 1] + last[1])
        if kind == tokenize.COMMENT:
            text[span] = _masked(_DIRECTIVE, source[span]).replace("#", " ")
        elif kind in _STRINGS and is_statement and not depth:
            text[span] = _OPENING.sub(lambda quotes: START.rjust(len(quotes[0])), source[span]).replace('"', " ")
        elif kind in _STRINGS and messages and " " in string.strip():
            text[span] = _masked(_FIELD, _QUOTES.sub(lambda quotes: " " * len(quotes[0]), source[span]))
        elif kind == token.OP:
            depth += (string in "([{") - (string in ")]}")
        is_statement = kind in _BEFORE_STATEMENT or (is_statement and kind == tokenize.COMMENT)
    return _masked(_CODE, "".join(text))


def _rule(rule: tuple[str, str]) -> Check:
    pattern, better = rule
    return Check(
        check_type=ExistenceSimple(pattern.replace(" ", r"\s+")),
        path="style",
        message=f"'{{}}' is not used here: {better}",
        flags=CheckFlags(allow_quotes=True),
    )


def _masked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: re.sub(r"\S", MASK, match[0]), text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
