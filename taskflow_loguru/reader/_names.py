"""The names of backups: those that logrotate, the rotating sinks and loguru make."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

# logrotate and the rotating sinks number the backups, as in tasks.log.1. With `dateext`, logrotate dates them, as in
# tasks.log-20260101 or in the form of its `dateformat`. Shorter dates could be a port, a process id or a version.
_YEAR = r"(?:19|20)\d\d"
_MONTH_OR_WEEK = rf"{_YEAR}[-._]?(?:0[1-9]|1[0-2]|W?(?:0[1-9]|[1-4]\d|5[0-3]))"
_NUMBER = r"\.(?P<number>0|[1-9]\d{0,4})"
_DATE = rf"(?:[-._]\d(?:[-._:T]?\d){{7,}}|{_YEAR}[01]\d[0-3]\d(?:\d\d){{0,3}}|[-._]{_MONTH_OR_WEEK})"
# loguru inserts a time before the extension, and a number after the time if the name exists already.
_LOGURU_TIME = r"\.\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{6}(?:\.\d+)?"
# `compressext` is free, but these are the names that the compressing programs give themselves.
_COMPRESSION = r"\.(?:gz|bz2|xz|zst|lzma|lz4|lzo|lz|br|z|Z|zip|7z)"
COMPRESSED = re.compile(rf".*(?P<compression>{_COMPRESSION})", re.ASCII | re.DOTALL)
"""The name of a compressed file."""
# `addextension` is free, too. These are left by other programs: a copy, or a file that is not complete.
_OF_OTHERS = r"\.(?:bak|backup|copy|offset|orig|part|pos|save|swp|tmp)"
# The text of a date sorts like the date if the year comes first. Seconds since 1970 do, too.
_SORTABLE = re.compile(rf"[-._]?{_YEAR}|[-._]1\d{{9}}$", re.ASCII)


class Backup(NamedTuple):
    """The name of a backup.

    Attributes:
        scheme: The name without its number, or with zeros for its date: the backups of one scheme have an order.
        key: The number or the date: a lower number or a later date is newer.
        plain: The name without the extension of a compressed file.
        compression: That extension, such as ``.gz``; empty for a plain file.
    """

    scheme: tuple[str, ...]
    key: int | str
    plain: str
    compression: str


class BackupNames:
    """Recognises the backups of a file by their names."""

    def __init__(self, base: str, *, loguru_backups: bool = False) -> None:
        self.base = base
        stem, extension = os.path.splitext(base)
        self._loguru_backups = loguru_backups
        name, stem, extension = map(re.escape, (base, stem, extension))
        added = rf"(?!{_COMPRESSION}$|{_OF_OTHERS}$)\.[A-Za-z]\w{{0,15}}"
        compression = rf"(?P<compression>{_COMPRESSION})?"
        self._after = re.compile(rf"{name}(?P<suffix>{_NUMBER}|{_DATE})(?P<added>{added})??{compression}", re.ASCII)
        # `extension .log` and `addextension .log` leave the extension at the end. A date behind a dot is not taken for
        # logrotate's there: other programs name their current files so, such as tasks.2026-01-01.log.
        self._inside = re.compile(rf"{stem}(?P<suffix>{_NUMBER}|(?!\.){_DATE}){extension}{compression}", re.ASCII)
        self._loguru = re.compile(rf"{stem}(?P<suffix>{_LOGURU_TIME}){extension}{compression}", re.ASCII)

    def parse(self, name: str) -> Backup | None:
        """Parse the name of a backup of the file; return None for any other name."""
        loguru = self._loguru.fullmatch(name)
        match = loguru or self._after.fullmatch(name) or self._inside.fullmatch(name)
        if match is None or (loguru and not self._loguru_backups):
            return None
        suffix, compression = match["suffix"], match["compression"] or ""
        plain = name.removesuffix(compression)
        before, after = plain[: match.start("suffix")], plain[match.end("suffix") :]
        if loguru:
            return Backup(("loguru",), suffix, plain, compression)
        if match["number"] is not None:
            return Backup((f"{before}.", after), int(match["number"]), plain, compression)
        date = re.sub(r"\d", "0", suffix) if _SORTABLE.match(suffix) else suffix
        return Backup((before, date, after), suffix, plain, compression)
