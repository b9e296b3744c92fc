"""The complete lines of a file, in large blocks of bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from ._opening import LogFile

BLOCK_BYTES = 1 << 16
"""The number of bytes per read: more would take more memory, but not less time."""

MAX_LINE_BYTES = 64 << 20
"""The length of a line from which on it is skipped: memory is bounded, whatever a file has."""


class LineReader:
    """The complete lines of a file that is still being written; an incomplete line waits for its end.

    NUL bytes are skipped: no line of a task has one. A file that was truncated under its writer, or lost its last
    blocks in a power failure, has a hole of NUL bytes that may be larger than the memory.

    Attributes:
        file: The file.
        skipped: The number of lines that were skipped because they are longer than :data:`MAX_LINE_BYTES`.
    """

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self.skipped = 0
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._is_at_start = True
        self._is_inside = False
        """Whether the rest of a line has to be skipped."""

    def blocks(self) -> Iterator[bytes]:
        """Read to the present end of the file; yield many lines at once, without the last newline."""
        while block := self.file.read(BLOCK_BYTES):
            if b"\0" in block:
                block = block.translate(None, b"\0")
            if self._is_inside:
                _, newline, block = block.partition(b"\n")
                self._is_inside = not newline
            lines, newline, rest = block.rpartition(b"\n")
            if newline:
                whole = b"".join((*self._rest, lines))
                self._clear()
                yield whole.removeprefix(codecs.BOM_UTF8) if self._is_at_start else whole
                self._is_at_start = False
            if rest:
                self._rest.append(rest)
                self._rest_bytes += len(rest)
                if self._rest_bytes > MAX_LINE_BYTES:
                    self._clear()
                    self._is_inside = True
                    self.skipped += 1

    def skip_to(self, offset: int) -> None:
        """Continue with the first line that starts at *offset* or behind it."""
        self.file.seek(max(0, offset - 1))
        self._is_inside = offset > 0
        self._is_at_start = offset == 0
        self._clear()

    def skip_to_end(self) -> None:
        if self.file.compression:
            for _ in self.blocks():
                pass
        elif not self.file.is_stream:
            self.file.seek(self.file.size())
            self._is_at_start = self.file.size() == 0

    def restart_if_truncated(self) -> None:
        if self.file.rewind_if_truncated():
            self._is_at_start, self._is_inside = True, False
            self._clear()

    def _clear(self) -> None:
        self._rest.clear()
        self._rest_bytes = 0
