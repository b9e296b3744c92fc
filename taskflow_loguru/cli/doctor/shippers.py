"""Check of the log shippers on this machine: a glob that matches backups reads every line twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .findings import Findings, Settings
from .patterns import matches

CONFIGURATIONS = {
    "Grafana Alloy": ("etc/alloy/**/*.alloy",),
    "Promtail": ("etc/promtail/**/*.y*ml", "etc/loki/**/*.y*ml"),
    "Vector": ("etc/vector/**/*.*",),
    "Fluent Bit": ("etc/fluent-bit/**/*.*", "etc/td-agent-bit/**/*.*"),
    "Fluentd": ("etc/fluent/**/*.*", "etc/fluentd/**/*.*", "etc/td-agent/**/*.*"),
    "OpenTelemetry Collector": ("etc/otelcol*/**/*.y*ml",),
    "Datadog agent": ("etc/datadog-agent/**/*.y*ml",),
    "CloudWatch agent": ("opt/aws/amazon-cloudwatch-agent/etc/**/*.*",),
    "Filebeat": ("etc/filebeat/**/*.y*ml",),
    "rsyslog": ("etc/rsyslog.conf", "etc/rsyslog.d/*.conf"),
    "syslog-ng": ("etc/syslog-ng/**/*.conf",),
}
"""The configurations of each shipper's packages, below the root."""

_MAX_BYTES = 1_000_000
_KEY = re.compile(r"""["']?([\w-]+)["']?\s*[:=(\[]|\s*([A-Za-z_]\w*)\s""")
_CHARACTER = r"""(?:\{[^{}\s"']*\}|[^\s"'=,;()\[\]<>|])"""
_VALUE = re.compile(rf"""{_CHARACTER}(?:{_CHARACTER}|\[[^\]\s"']+\])*""")
_SYSLOG_NG = re.compile(r"""base-dir\(\s*"([^"]+)"\s*\)[^}]*?filename-pattern\(\s*"([^"]+)"\s*\)""", re.DOTALL)


class Match(NamedTuple):
    """A pattern that matches a backup."""

    shipper: str
    file: Path
    pattern: str


def check(settings: Settings, findings: Findings) -> None:
    found = list(patterns_that_match_backups(settings.path))
    for match in found:
        findings.problem(
            f"{match.shipper} reads the backups too, and every line twice: {match.pattern} in {match.file}",
            f"name the file exactly: {settings.path}",
        )
    if not found:
        findings.ok("no log shipper on this machine has a pattern that matches a backup")


def patterns_that_match_backups(path: Path, root: Path = Path("/")) -> Iterator[Match]:
    """Yield the patterns in the configurations under *root* that match backups of *path* and do not exclude them."""
    backups = [path.with_name(path.name + suffix) for suffix in (".1", ".1.gz", "-20260101", "-20260101.gz")]
    for shipper, places in CONFIGURATIONS.items():
        for file in sorted({file for place in places for file in root.glob(place)}):
            try:
                if not file.is_file() or file.stat().st_size > _MAX_BYTES:
                    continue
                text = file.read_text("utf-8", "replace")
            except OSError:
                continue  # not readable
            for pattern in _patterns(text, backups):
                yield Match(shipper, file, pattern)


def _patterns(text: str, backups: list[Path]) -> list[str]:
    includes = ["/".join(pair) for pair in _SYSLOG_NG.findall(text)]
    excludes: list[str] = []
    key = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith(("#", "//")):
            continue
        if not line.startswith(("-", '"/', "'/")) and (match := _KEY.match(line)):
            key = (match[1] or match[2]).lower()  # also for a list in the next lines
        values = _VALUE.findall(line)
        (excludes if "exclude" in key or "ignore" in key else includes).extend(values)
    left = [backup for backup in backups if not any(_excludes(pattern, backup) for pattern in excludes)]
    return sorted({one for one in includes if one.startswith("/") and any(matches(one, backup) for backup in left)})


def _excludes(pattern: str, backup: Path) -> bool:
    """Return whether an exclusion matches: a glob in most shippers, a regular expression in Filebeat."""
    if matches(pattern, backup) or matches(pattern, Path(backup.name)):
        return True
    try:
        return re.search(r"[\\$^]", pattern) is not None and re.search(pattern, str(backup)) is not None
    except re.error:
        return False
