"""Check of the log shippers on this machine: what they read twice, and what they may not read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..regular import read_regular
from .findings import Finding, Settings, note, ok, problem
from .globs import matches
from .users import Process, entries, process_at, user_name

SHIPPERS = {
    "alloy": ("etc/alloy/**/*.alloy",),
    "promtail": ("etc/promtail/**/*.y*ml", "etc/loki/**/*.y*ml"),
    "vector": ("etc/vector/**/*.*",),
    "fluent-bit": ("etc/fluent-bit/**/*.*", "etc/td-agent-bit/**/*.*"),
    "fluentd": ("etc/fluent/**/*.*", "etc/fluentd/**/*.*", "etc/td-agent/**/*.*"),
    "otelcol": ("etc/otelcol*/**/*.y*ml",),
    "datadog-agent": ("etc/datadog-agent/**/*.y*ml",),
    "amazon-cloudwatch-agent": ("opt/aws/amazon-cloudwatch-agent/etc/**/*.*",),
    "google-cloud-ops-agent": ("etc/google-cloud-ops-agent/*.y*ml",),
    "filebeat": ("etc/filebeat/**/*.y*ml",),
    "rsyslog": ("etc/rsyslog.conf", "etc/rsyslog.d/*.conf"),
    "syslog-ng": ("etc/syslog-ng/**/*.conf",),
}
"""The beginning of each program's name or folder, and the configurations of its packages, below the root."""

_MAX_BYTES = 1_000_000
_INCLUDES = ("$inputfilename", "__path__", "file", "file_path", "include", "include_paths", "path", "paths")
_EXCLUDES = ("__path_exclude__", "exclude", "exclude_path", "exclude_paths")
_REGEXES = ("blacklist", "exclude_files", "prospector.scanner.exclude_files")
_IN_PATH = r"""(?:\{(?:[^{}\s]|\{[^{}\s]*\})*\}|\[[^\[\]\s]*\]|[^\s"',;()\[\]{}<>|])"""
_TOKEN = re.compile(rf"""("[^"]*"|'[^']*'|(?:/|\$\{{[^{{}}\s]*\}}){_IN_PATH}*|[^\s"',;=:()\[\]{{}}<>|]+)\s*([:=(]?)""")
_BARE_KEY = re.compile(r"[$@]?\w[\w.]*")
_WILDCARD_FILE = re.compile(r"""base-dir\(\s*"([^"]+)"\s*\)[^{}]{0,1000}?filename-pattern\(\s*"([^"]+)"\s*\)""")


@dataclass
class Paths:
    """The paths in a configuration; ``unclear`` are those that are no plain globs, and are not checked."""

    includes: list[str]
    excludes: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)

    def read(self, path: Path) -> str:
        """Return the pattern that *path* is read by, or an empty text."""
        folder = f"{path.parent}/"
        if any(self._matches(one, path) or self._matches(folder + one, path) for one in self.excludes):
            return ""
        return next((one for one in self.includes if self._matches(one, path)), "")

    def _matches(self, pattern: str, path: Path) -> bool:
        try:
            return matches(pattern, path)
        except ValueError:
            self.unclear.add(pattern)
            return False


def check(settings: Settings) -> Iterator[Finding]:
    path = settings.link
    backups = [path.with_name(path.name + suffix) for suffix in (".1", ".1.gz", "-20260101", "-20260101.gz")]
    readers = set()
    for shipper, file, paths in configurations():
        twice = next(filter(None, map(paths.read, backups)), "")
        if twice or paths.read(path):
            readers.add(shipper)
        if paths.unclear:
            shown = ", ".join(sorted(paths.unclear)[:3])
            yield note(f"{shipper}: more than plain globs, not checked: {shown} in {file}")
        elif twice:
            yield problem(
                f"{shipper} reads the backups too, and every line twice: {twice} in {file}",
                f"name the file exactly: {path}",
            )
    for shipper, process in _running() if readers else ():
        if shipper in readers and process.may(os.R_OK, settings.path) is False:
            yield problem(
                f"{process} is {shipper}, and may not read the file",
                f"setfacl -m u:{user_name(process.user)}:r {path}, and :x for each folder that it cannot enter",
            )
    if readers:
        yield ok(f"read by {', '.join(sorted(readers))}")
    else:
        yield ok("no log shipper has a configuration on this machine that names the file")


def configurations(root: Path = Path("/")) -> Iterator[tuple[str, Path, Paths]]:
    """Yield the configurations of shippers below *root*, each with the shipper and the file."""
    for shipper, places in SHIPPERS.items():
        for file in sorted({file for place in places for file in root.glob(place)}):
            with suppress(OSError):  # a folder, or not readable
                yield shipper, file, parse(read_regular(file, last=_MAX_BYTES).decode("utf-8", "backslashreplace"))


def parse(text: str) -> Paths:
    """Find the paths behind the known keys of a configuration, in whatever language it is."""
    found = Paths(["/".join(pair) for pair in _WILDCARD_FILE.findall(text)])
    key = ""
    for line in text.split("\n"):
        tokens = () if line.lstrip().startswith(("#", "//")) else _TOKEN.finditer(line)
        for number, token in enumerate(tokens):
            word = token[1].strip("\"'")
            if token[2] or (number == 0 and _BARE_KEY.fullmatch(token[1])):  # Fluentd and Fluent Bit have no separator
                key = word.lower()
            elif key in _REGEXES:
                found.unclear.add(f"{key} {word}")
            elif key in _EXCLUDES:
                found.excludes += word.split(",")
            elif key in _INCLUDES and "/" in word:
                found.includes += [word] if "{" in word else word.split(",")
    return found


def _running() -> Iterator[tuple[str, Process]]:
    for entry in entries():
        with suppress(OSError, LookupError, ValueError):  # it has ended, or is not understood
            words = (entry / "cmdline").read_bytes().split(b"\0")[:2]
            names = [name.replace("_", "-") for word in words for name in os.fsdecode(word).split("/")]
            for shipper in SHIPPERS:
                if any(name.startswith(shipper) for name in names):
                    yield shipper, process_at(entry)
