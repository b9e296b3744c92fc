"""The ends of files that other programs may have made: only regular ones are opened."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from taskflow_loguru.reader._opening import open_file

_TAIL_BYTES = 256 * 1024


def last_bytes(path: Path, count: int) -> bytes:
    """Return the last bytes of a regular file, at most *count*.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    with closing(open_file(str(path))) as file:
        file.seek(max(0, file.size() - count))
        return file.read(count)


def last_lines(path: Path) -> list[str]:
    """Return the last complete lines of a regular file, without their newlines."""
    data = last_bytes(path, _TAIL_BYTES)
    lines = data.decode("utf-8", "backslashreplace").split("\n")[:-1]
    return lines[1:] if len(data) == _TAIL_BYTES else lines  # the first may be incomplete
