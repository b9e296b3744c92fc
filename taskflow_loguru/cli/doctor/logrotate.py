"""Checks of logrotate rules: a file that rotates itself needs none, a watched file needs a safe one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .findings import Findings, Settings
from .patterns import matches

_CONFIGURATIONS = ("etc/logrotate.conf", "etc/logrotate.d/*")
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_SCRIPT = re.compile(
    r"^\s*(?:(?:pre|post)rotate|(?:first|last)action|preremove)\b(.*?)^\s*endscript", re.MULTILINE | re.DOTALL
)
# Braces in a script would end its rule.
_HIDDEN_BRACES = str.maketrans("{}", "()")


@dataclass(frozen=True)
class Rule:
    """The part of a configuration for some files.

    Attributes:
        file: The configuration.
        directives: The first word of each line.
        scripts: The shell commands.
    """

    file: Path
    directives: frozenset[str]
    scripts: str


def check(settings: Settings, findings: Findings) -> None:
    check_rules(settings, list(rules_for(settings.path)), findings)


def check_rules(settings: Settings, rules: list[Rule], findings: Findings) -> None:
    for rule in rules:
        if settings.mode == "rotate":
            findings.problem(
                f"{rule.file} rotates the file, and so does FileLogger: the two interfere",
                'remove the rule, or use FileLogger(..., mode="watched") (then pass --mode watched here)',
            )
            continue
        findings.ok(f"{rule.file} rotates the file")
        if "copytruncate" in rule.directives:
            findings.problem(
                f"{rule.file} has copytruncate: lines that are written between the copy and the truncation are lost",
                "replace copytruncate with create",
            )
        if re.search(r"\bkill\b.*(-HUP|-1\b|-s +(SIG)?HUP)", rule.scripts):
            findings.note(
                f"{rule.file} sends SIGHUP, which ends a plain uvicorn process",
                "remove it: watched mode needs no signal; or set reopen_signal=signal.SIGHUP",
            )
    if settings.mode == "watched" and not rules:
        findings.problem(
            "no rule of logrotate names the file, and in watched mode FileLogger does not rotate it: it grows forever",
            f"taskflow-loguru logrotate {settings.path} > /etc/logrotate.d/{settings.path.stem}",
        )
    if len(rules) > 1:
        findings.problem("several rules of logrotate name the file", "keep one of them")


def rules_for(path: Path, root: Path = Path("/")) -> Iterator[Rule]:
    """Yield the logrotate rules under *root* that name *path*."""
    for pattern in _CONFIGURATIONS:
        for file in sorted(root.glob(pattern)):
            try:
                text = file.read_text("utf-8", "replace")
            except OSError:
                continue  # a folder, or not readable
            yield from _rules_in(text, file, path)


def _rules_in(text: str, file: Path, path: Path) -> Iterator[Rule]:
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    text = _SCRIPT.sub(lambda script: script[0].translate(_HIDDEN_BRACES), text)
    for head, body in _RULE.findall(text):
        # The last lines before the brace are the files; the earlier lines are settings of all rules.
        names = [name.strip("\"'") for name in re.findall(r"\"[^\"]*\"|'[^']*'|\S+", head)]
        if any(name.startswith("/") and matches(name, path) for name in names):
            words = frozenset(line.split()[0] for line in _SCRIPT.sub("", body).splitlines() if line.strip())
            yield Rule(file, words, "\n".join(_SCRIPT.findall(body)))
