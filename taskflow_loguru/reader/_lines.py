"""The complete lines of a file, from large blocks of bytes."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from typing import Protocol

BLOCK_BYTES = 1 << 16
"""The number of bytes per read: more would take more memory, but not less time."""


class LogFile(Protocol):
    """A file open for reading, plain or compressed."""

    @property
    def name(self) -> str: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    def read1(self, size: int = ..., /) -> bytes: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...


class LineReader:
    """The complete lines of a file that is still being written; an incomplete line waits for its end.

    NUL bytes are skipped: no line of a task has one. A file that was truncated under its writer, or lost its last
    blocks in a power failure, has a hole of NUL bytes that may be larger than the memory.
    """

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self._rest: list[bytes] = []

    def blocks(self) -> Iterator[list[str]]:
        r"""Read to the present end of the file, many lines at once. Bytes that are not UTF-8 become ``\xff``."""
        while block := self._read():
            if b"\0" in block:
                block = block.translate(None, b"\0")
            lines, newline, rest = block.rpartition(b"\n")
            if newline:
                whole = b"".join((*self._rest, lines))
                self._rest.clear()
                yield whole.decode("utf-8", "backslashreplace").split("\n")
            if rest:
                self._rest.append(rest)

    def skip_to_end(self) -> None:
        self.file.seek(0, os.SEEK_END)

    def restart_if_truncated(self) -> None:
        if isinstance(self.file, gzip.GzipFile) or os.fstat(self.file.fileno()).st_size >= self.file.tell():
            return
        self.file.seek(0)
        self._rest.clear()

    def _read(self) -> bytes:
        try:
            block = self.file.read1(BLOCK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise gzip.BadGzipFile(f"{self.file.name!r}: {error}") from error
        # Even an empty text takes 20 bytes as gzip. Python reads a file of 0 bytes as an empty text.
        if not block and isinstance(self.file, gzip.GzipFile) and os.fstat(self.file.fileno()).st_size == 0:
            raise gzip.BadGzipFile(f"{self.file.name!r}: the file is empty, its lines are lost")
        return block
