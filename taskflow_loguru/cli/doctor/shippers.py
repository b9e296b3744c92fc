"""Check of the log shippers on this machine: what they read twice, and what they may not read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from ..regular import last_bytes
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
"""The beginning of each program's name, or its folder, and the configurations of its packages, below the root."""

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
    """The paths in a configuration; ``unclear`` is what decides about a path, is no plain glob, and is not checked."""

    includes: list[str] = field(default_factory=list)
    excludes: list[str] = field(default_factory=list)
    regexes: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)

    def read(self, path: Path) -> str:
        """Return the pattern that *path* is read by, or an empty text."""
        pattern = next((one for one in self.includes if self._matches(one, path)), "")
        if pattern:
            self.unclear.update(self.regexes)
            if any(self._matches(one, path) or self._matches(f"{path.parent}/{one}", path) for one in self.excludes):
                return ""
        return pattern

    def _matches(self, pattern: str, path: Path) -> bool:
        try:
            return matches(pattern, path)
        except ValueError:
            self.unclear.add(pattern)
            return False


def check(settings: Settings) -> Iterator[Finding]:
    backups = [Path(path + end) for path in settings.paths for end in (".1", ".1.gz", "-20260101", "-20260101.gz")]
    readers = set()
    for shipper, file, paths in configurations():
        twice = next(filter(None, map(paths.read, backups)), "")
        if twice or any(paths.read(Path(path)) for path in settings.paths):
            readers.add(shipper)
        if paths.unclear:
            yield note(f"{shipper}: not checked: {', '.join(sorted(paths.unclear)[:3])} in {file}")
        elif twice:
            yield problem(
                f"{shipper} reads the backups too, and every line twice: {twice} in {file}",
                f"name the file exactly: {settings.link}",
            )
    for shipper, process in _running() if readers else ():
        if shipper in readers and process.may(os.R_OK, settings.path) is False:
            yield problem(
                f"{process} is {shipper}, and may not read the file",
                f"setfacl -m u:{user_name(process.user)}:r {quote(str(settings.path))}, and :x on its folders",
            )
    if readers:
        yield ok(f"read by {', '.join(sorted(readers))}")
    else:
        yield ok("no log shipper has a configuration on this machine that names the file")


def configurations(root: Path = Path("/")) -> Iterator[tuple[str, Path, Paths]]:
    """Yield the configurations of shippers below *root*, each with the shipper and the file."""
    for shipper, places in SHIPPERS.items():
        for file in sorted({file for place in places for file in root.glob(place)}):
            try:
                yield shipper, file, parse(last_bytes(file, _MAX_BYTES).decode("utf-8", "backslashreplace"))
            except PermissionError as error:
                yield shipper, file, Paths(unclear={str(error)})
            except OSError:  # not a regular file
                continue


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
                found.regexes.append(f"{key} {word}")
            elif key in _EXCLUDES:
                found.excludes += word.split(",")
            elif key in _INCLUDES and "/" in word:
                found.includes += [word] if "{" in word else word.split(",")
    return found


def _running() -> Iterator[tuple[str, Process]]:
    for entry in entries():
        with suppress(OSError, LookupError, ValueError):  # it has ended, or is not understood
            words = (entry / "cmdline").read_bytes().replace(b"_", b"-").split(b"\0")[:2]
            programs = [Path(os.fsdecode(word)) for word in words]  # the second may be the script of the first
            for shipper in SHIPPERS:
                if any(one.name.startswith(shipper) or shipper in one.parts for one in programs):
                    yield shipper, process_at(entry)
