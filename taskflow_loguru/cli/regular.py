"""Regular files alone are opened, and without waiting: a FIFO's lines belong to its reader."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_TAIL_BYTES = 256 * 1024


def read_regular(path: str | os.PathLike[str], *, last: int) -> bytes:
    """Return the last bytes of a regular file, at most *last*.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"not a regular file: {os.fspath(path)!r}")
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - last))
        return file.read(last)


def last_lines(path: Path) -> list[str]:
    """Return the last complete lines of a regular file, without their newlines."""
    data = read_regular(path, last=_TAIL_BYTES)
    lines = data.decode("utf-8", "backslashreplace").split("\n")[:-1]
    return lines[1:] if len(data) == _TAIL_BYTES else lines  # the first may be incomplete
