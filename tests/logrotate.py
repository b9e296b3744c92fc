"""Real logrotate, with the configuration of the file-logging guide."""

from __future__ import annotations

import grp
import gzip
import os
import pwd
import subprocess
from pathlib import Path

_HARMLESS = ("gzip: stdin: file size changed while zipping", "error: Compressing program wrote following message")


class Logrotate:
    """The rotation of the file at ``path``; configuration and state are beside the file."""

    def __init__(
        self, program: str, path: Path, *, when: str = "daily", rotate: int = 7, postrotate: str = "", more: str = ""
    ) -> None:
        self._path = path
        folder = path.parent.parent / "logrotate"
        folder.mkdir()
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        script = f"postrotate\n        {postrotate}\n    endscript" if postrotate else ""
        configuration = folder / "tasks.conf"
        configuration.write_text(
            f"""{path} {{
    {when}
    rotate {rotate}
    compress
    missingok
    notifempty
    create 0644 {user} {group}
    {more}
    {script}
}}
"""
        )
        self._command = [program, "--force", "--state", str(folder / "state"), str(configuration)]

    def rotate(self, *, zone: str = "UTC") -> None:
        """Rotate once. The time zone sets the day and hour for ``dateext``."""
        environment = {**os.environ, "TZ": zone}
        ended = subprocess.run(self._command, env=environment, capture_output=True, text=True, check=False)
        # gzip's warning about a file that changes while it is read; it completes the copy.
        errors = [line for line in ended.stderr.splitlines() if not line.startswith(_HARMLESS)]
        assert (ended.returncode, errors) == (0, []), ended.stderr

    def backups(self) -> list[Path]:
        """Return the compressed backups, oldest first."""
        found = self._path.parent.glob(f"{self._path.name}.*.gz")
        return sorted(found, key=lambda backup: -int(backup.suffixes[-2][1:]))

    def files(self) -> list[list[str]]:
        """Return the lines of each file, oldest first, with their newlines."""
        contents = [gzip.decompress(backup.read_bytes()) for backup in self.backups()]
        return [content.decode().splitlines(keepends=True) for content in [*contents, self._path.read_bytes()]]
