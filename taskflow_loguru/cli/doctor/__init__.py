"""``taskflow-loguru doctor``: problems of a log file, its folder and its readers, and how to fix them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import SubprocessError

import typer
from rich.filesize import decimal
from rich.text import Text

from ..printing import console, one_line
from . import contents, disk, logrotate, place, processes, shippers
from .findings import Finding, Settings, note

_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
_MAX_BYTES, _BACKUP_COUNT = 10 * 1024 * 1024, 5  # the defaults of FileLogger


def run_doctor(path: Path, *, mode: str | None, max_bytes: int | None, backup_count: int | None, as_json: bool) -> None:
    settings = settings_of(path, mode, max_bytes, backup_count)
    found = []
    out = console()
    if not as_json:
        out.print(Text(one_line(str(settings.path)), "bold"), soft_wrap=True)
    for finding in findings(settings):
        found.append(finding)
        if not as_json:
            kind = (f"{finding.kind:>7}", _STYLES[finding.kind])
            out.print(Text.assemble(kind, f"  {one_line(finding.text)}"), soft_wrap=True)
            if finding.fix:
                out.print(Text.assemble(" " * 9, ("fix: ", "bold"), one_line(finding.fix)), soft_wrap=True)
    if as_json:
        print(json.dumps({**vars(settings), "findings": list(map(vars, found))}, default=str, indent=2))
    if any(finding.kind == "problem" for finding in found):
        raise typer.Exit(1)


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all checks. An error of the system ends one check, and is a finding, too."""
    yield from check_settings(settings)
    others = (processes.check, disk.check, logrotate.check, shippers.check, contents.check)
    for check in (place.check, *others) if settings.path.is_file() else (place.check,):
        try:
            yield from check(settings)
        except (OSError, SubprocessError) as error:
            yield note(f"{check.__module__.rpartition('.')[2]}: not checked to the end: {error}", "run doctor as root")


def settings_of(path: Path, mode: str | None, max_bytes: int | None, backup_count: int | None) -> Settings:
    """Return the settings; those that are None are found in the backups, or else assumed to be FileLogger's defaults.

    Raises:
        OSError: There is no such file.
    """
    resolved = Path(os.path.realpath(path, strict=True))
    backups = place.numbered_backups(resolved)
    sizes = [backup.size for backup in backups if not backup.is_compressed]
    given = {"mode": mode, "max_bytes": max_bytes, "backup_count": backup_count}
    if mode is None:
        dated = re.compile(re.escape(resolved.name) + r"[-.]\d{8,10}(\.gz)?", re.ASCII)
        is_dated = any(dated.fullmatch(entry.name) for entry in resolved.parent.iterdir())
        mode = "watched" if is_dated and not backups else "rotate"
    if max_bytes is None:
        # A rotation by size makes files of nearly the same size.
        is_found = len(sizes) > 1 and min(sizes) > 0.9 * max(sizes)
        max_bytes = max(sizes) if is_found else max(_MAX_BYTES, *sizes, 0)
    if backup_count is None:
        backup_count = max([_BACKUP_COUNT, *(backup.number for backup in backups)])
    assumed = tuple(name for name, value in given.items() if value is None)
    return Settings(resolved, Path(os.path.abspath(path)), mode, max_bytes, backup_count, assumed)


def check_settings(settings: Settings) -> Iterator[Finding]:
    max_bytes, count = decimal(settings.max_bytes), settings.backup_count
    shown = {"mode": settings.mode, "max_bytes": max_bytes, "backup_count": count}
    names = [name for name in settings.assumed if name == "mode" or settings.mode == "rotate"]
    if names:
        yield note(
            "assumed, from the backups and the defaults: " + ", ".join(f"{name} {shown[name]}" for name in names),
            "if they differ, pass " + ", ".join("--" + name.replace("_", "-") for name in names),
        )
