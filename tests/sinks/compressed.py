"""Read a file with its backups, compressed or not."""

from __future__ import annotations

import gzip
import os
import re
import time
from pathlib import Path

PATIENCE = 30


def backups(path: Path) -> list[Path]:
    """Return the backups of *path*, oldest first; one that exists twice, compressed and plain, counts as two."""
    found = []
    for file in path.parent.iterdir():
        if match := re.fullmatch(re.escape(path.name) + r"\.([1-9][0-9]*)(\.gz)?", file.name):
            found.append((-int(match[1]), file))
    return [file for _, file in sorted(found)]


def names(path: Path) -> list[str]:
    """Return the names of the backups, newest first, without that of the file."""
    return [file.name.removeprefix(path.name) for file in reversed(backups(path))]


def read(path: Path) -> list[str]:
    """Return all lines, oldest first; a backup that exists twice counts once, and both must be the same."""
    texts: list[str] = []
    contents: dict[str, bytes] = {}
    for file in [*backups(path), path]:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        name = file.name.removesuffix(".gz")
        assert contents.setdefault(name, content) == content
    for content in contents.values():
        texts += content.decode().splitlines(keepends=True)
    return texts


def wait_until_compressed(path: Path) -> None:
    """Wait until all backups but the newest are compressed, and no file of the compressor is left."""
    deadline = time.monotonic() + PATIENCE
    while not is_compressed(path):
        assert time.monotonic() < deadline, os.listdir(path.parent)
        time.sleep(0.01)


def is_compressed(path: Path) -> bool:
    hidden = [name for name in os.listdir(path.parent) if name.startswith(".")]
    plain = [name for name in names(path) if not name.endswith(".gz")]
    return plain == [".1"] and not hidden
