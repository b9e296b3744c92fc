"""Disks that tests fill, break and freeze: each is mounted for the time of a ``with`` block."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_WATCHDOG = """
import subprocess, sys
sys.stdin.read()  # returns when the test asks for it, or is gone
subprocess.run(["fsfreeze", "-u", sys.argv[1]], stderr=subprocess.DEVNULL)
"""


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _mounted(point: Path, *arguments: str | Path) -> Iterator[Path]:
    if not point.exists():
        point.mkdir()
    _run("mount", *arguments, point)
    try:
        yield point
    finally:
        _run("umount", "--lazy", point)  # lazy: a test that failed may have left a file open


@contextlib.contextmanager
def small_disk(point: Path, size: int = 65536, inodes: int = 1000) -> Iterator[Path]:
    """Mount a tmpfs of *size* bytes, with room for *inodes* files and folders, at *point*."""
    with _mounted(point, "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "none"):
        yield point


@contextlib.contextmanager
def mounted_over_itself(file: Path) -> Iterator[None]:
    """Make ``file`` a mount point, as Docker does for the volume of a single file."""
    with _mounted(file, "--bind", file):
        yield


@contextlib.contextmanager
def append_only(file: Path, program: str) -> Iterator[None]:
    """Set an attribute with ``chattr``: the kernel refuses to rename or truncate *file*."""
    _run(program, "+a", file)
    try:
        yield
    finally:
        _run(program, "-a", file)


def fill(folder: Path) -> Path:
    """Write a file that leaves no block free; return its path, to delete it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


def fill_inodes(folder: Path) -> Path:
    """Make files until no inode is free; return the folder with all of them, to delete it."""
    filler = folder / "inodes"
    filler.mkdir()
    with contextlib.suppress(OSError):
        for number in itertools.count():
            (filler / str(number)).touch()
    return filler


class BlockDisk:
    """An ext4 file system in a file, which can be mounted, broken and frozen."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._image = folder / "disk.img"
        self._point = folder / "disk"
        with self._image.open("wb") as image:
            image.truncate(4 * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", *options, self._image)

    @contextlib.contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mount it; nothing of it is in the page cache."""
        with _mounted(self._point, "-o", "loop", self._image):
            yield self._point

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """Make each read of a block outside of the page cache fail with EIO."""
        content = self._image.read_bytes()
        os.truncate(self._image, 0)
        try:
            yield
        finally:
            with self._image.open("r+b") as image:
                image.write(content)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Make each write wait, without interruption, until the block or the process of the test ends."""
        # In a session of its own: a signal that ends the test must not end the watchdog, which thaws the disk.
        watchdog = subprocess.Popen(
            [sys.executable, "-c", _WATCHDOG, str(self._point)], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            _run("fsfreeze", "-f", self._point)
            yield
        finally:
            watchdog.communicate()
