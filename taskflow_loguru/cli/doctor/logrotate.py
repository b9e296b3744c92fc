"""Check of the logrotate rules: the verdict is that of ``logrotate --debug``, which changes nothing."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding, Settings, note, ok, problem
from .users import group_name, user_name

CONFIGURATION = Path("/etc/logrotate.conf")

_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # not on the PATH of most users
_CREATED = re.compile(r"^creating new (.+) mode = 0([0-7]+) uid = (\d+) gid = (\d+)$", re.MULTILINE)
_HANGUP = re.compile(r"kill(?:all)?\b.*(-HUP|-1\b|-s +(SIG)?HUP)")


def check(settings: Settings) -> Iterator[Finding]:
    program = shutil.which("logrotate", path=os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS)))
    if program is None or not CONFIGURATION.exists():
        missing = "logrotate is not installed" if program is None else f"there is no {CONFIGURATION}"
        yield note(f"{missing}: rules for the file could not be checked")
        return
    before, rules = ask(program, CONFIGURATION, settings)
    for rule in rules:
        yield from _check_rule(settings, rule)
    errors = re.findall(r"^error: (.*)$", before, re.MULTILINE)
    for error in errors:
        if any(error.endswith(f"duplicate log entry for {path}") for path in settings.paths):
            yield problem(f"several rules of logrotate name the file: {error}", "keep one of them")
    if errors and not rules and os.geteuid():
        yield note(f"rules of logrotate could not be checked: {errors[0]}", "run doctor as root")
    elif settings.mode == "watched" and not rules:
        yield problem(
            "no rule of logrotate names the file, and in watched mode FileLogger does not rotate it: it grows forever"
            + "".join(f"; logrotate reports: {error}" for error in errors[:3]),
            f"{_printed_rule(settings)} > /etc/logrotate.d/{shlex.quote(settings.path.stem)}",
        )


def ask(program: str, configuration: Path, settings: Settings) -> tuple[str, list[str]]:
    """Return what logrotate would print before the first rule, and about each rule that names the file.

    Raises:
        OSError, subprocess.TimeoutExpired: It cannot be run, or does not end.
    """
    ended = subprocess.run(
        [program, "--debug", "--force", "--state", "/dev/null", str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C"},
        timeout=60,
        check=False,
    )
    before, *rules = re.split("^rotating pattern: ", os.fsdecode(ended.stdout), flags=re.MULTILINE)
    return before, [rule for rule in rules if any(f"\nconsidering log {path}\n" in rule for path in settings.paths)]


def _check_rule(settings: Settings, rule: str) -> Iterator[Finding]:
    name = f"the rule of logrotate for {' '.join(rule.partition('  forced from command line')[0].split())}"
    if settings.mode == "rotate":
        yield problem(
            f"{name} rotates the file, and so does FileLogger: the two interfere",
            'remove the rule, or use FileLogger(..., mode="watched") (then pass --mode watched here)',
        )
        return
    paths = "|".join(map(re.escape, settings.paths))
    refused = re.findall(rf"""^(?:error: .*["\s]|  log )(?:{paths})(?=["\s:]).*$""", rule, re.MULTILINE)
    for line in refused:
        yield problem(f"logrotate: {line.strip()}", f"replace {name} with the output of: {_printed_rule(settings)}")
    if not refused:
        yield ok(f"{name} rotates the file")
    if any(f"\ntruncating {path}\n" in rule for path in settings.paths):
        yield problem(
            f"{name} has copytruncate: lines that are written between the copy and the truncation are lost",
            "replace copytruncate with create",
        )
    for path, mode, user, group in _CREATED.findall(rule):
        if path in settings.paths:
            yield from _check_new_file(settings, int(mode, 8), int(user), int(group))
    if _HANGUP.search(rule):
        yield note(
            f"{name} sends SIGHUP, which ends a plain uvicorn process",
            "remove it: watched mode needs no signal; or set reopen_signal=signal.SIGHUP",
        )


def _check_new_file(settings: Settings, mode: int, user: int, group: int) -> Iterator[Finding]:
    """Check that the owner of the file may write to the one that is created in its place."""
    old = settings.path.stat()
    bit = 0o200 if old.st_uid == user else 0o020 if old.st_gid == group else 0o002
    if old.st_uid and not mode & bit:
        owner = user_name(old.st_uid)
        yield problem(
            f"logrotate creates the new file as {user_name(user)}:{group_name(group)} with mode {mode:04o}: "
            f"user {owner}, who has the present one, cannot write to it",
            f"in the rule: create {old.st_mode & 0o777:04o} {owner} {group_name(old.st_gid)}",
        )


def _printed_rule(settings: Settings) -> str:
    return f"taskflow-loguru logrotate {shlex.quote(str(settings.path))}"
