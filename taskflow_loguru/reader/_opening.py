"""Open a log file for reading: only regular files and the pipes of this process, and without waiting."""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
import stat
from contextlib import suppress
from importlib import import_module
from typing import IO

SAMPLE_BYTES = 65536
"""The number of bytes at the start of a file that identify it."""

_MODULES = {
    ".gz": ("gzip",),
    ".bz2": ("bz2",),
    ".xz": ("lzma",),
    ".lzma": ("lzma",),
    ".zst": ("compression.zstd", "backports.zstd"),
}
"""The modules that read a compressed file; the first one that is installed is used."""

_DESCRIPTOR = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/(\d{1,9})", re.ASCII)
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class UnknownCompressionError(OSError):
    """A compressed file is in a format that cannot be read here."""


class LogFile:
    """A file open for reading; a compressed one is decompressed as it is read.

    Attributes:
        name: Its path.
        compression: The extension of a compressed file, such as ``.gz``; empty for a plain file.
        is_stream: Whether it is an open descriptor of this process, such as a pipe, and not the file at a path.
    """

    def __init__(self, name: str, raw: IO[bytes], *, compression: str = "", is_stream: bool = False) -> None:
        self.name = name
        self.compression = compression
        self.is_stream = is_stream
        self._raw = raw
        self._bytes: io.BufferedIOBase = _decompressed(raw, compression) if compression else raw  # type: ignore[assignment]

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes; none at the present end.

        Raises:
            OSError: The file cannot be read, or a compressed one is torn.
        """
        try:
            block = self._bytes.read1(size)
        except Exception as error:  # each module has exceptions of its own for damaged data
            if not self.compression or (isinstance(error, OSError) and error.errno):
                raise
            raise self._torn(str(error)) from error
        # Even an empty text takes 20 bytes as gzip. Python reads a file of 0 bytes as an empty text.
        if not block and self.compression and os.fstat(self.fileno()).st_size == 0:
            raise self._torn("the file is empty, its lines are lost")
        return block

    def sample(self) -> tuple[bytes, bool]:
        """Return the first bytes, without moving the position, and whether nothing damaged ended them."""
        if not self.compression:
            return os.pread(self.fileno(), SAMPLE_BYTES, 0), True
        sample = b""
        # A reader of its own: after an error, a decompressing file does not rewind.
        with suppress(Exception), _decompressed(io.BufferedReader(_FromStart(self.fileno())), self.compression) as file:
            while len(sample) < SAMPLE_BYTES and (block := file.read1(SAMPLE_BYTES - len(sample))):
                sample += block
            return sample, True
        return sample, False

    def seek(self, offset: int) -> None:
        self._bytes.seek(offset)

    def rewind_if_truncated(self) -> bool:
        """Go back to the start of a plain file that is shorter than the part already read; return whether it is."""
        if self.compression or self.is_stream or self.size() >= self._bytes.tell():
            return False
        self._bytes.seek(0)
        return True

    def size(self) -> int:
        return os.fstat(self.fileno()).st_size

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._bytes.close()
        self._raw.close()

    def _torn(self, text: str) -> OSError:
        kind = gzip.BadGzipFile if self.compression == ".gz" else OSError
        return kind(f"{self.name!r}: {text}")


class _FromStart(io.RawIOBase):
    """The bytes of a descriptor from its start; the position that it shares with others does not move."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = os.preadv(self._fd, [buffer], self._offset)
        self._offset += count
        return count


def open_file(name: str, compression: str = "") -> LogFile:
    """Open the regular file at a path.

    Raises:
        OSError: It cannot be opened, or is not a regular file. It is then never opened: a FIFO would lose lines.
    """
    _check_regular(name, os.stat(name).st_mode)
    raw = open(name, "rb", opener=_open_without_waiting)  # noqa: SIM115
    try:
        _check_regular(name, os.fstat(raw.fileno()).st_mode)
        return LogFile(name, raw, compression=compression)
    except BaseException:
        raw.close()
        raise


def open_descriptor(name: str) -> LogFile | None:
    """Open the descriptor that a path such as ``/dev/stdin`` or ``/dev/fd/63`` names; None for any other path."""
    match = _DESCRIPTOR.fullmatch(name)
    if match is None:
        return None
    fd = int(match[1] or 0)
    is_file = stat.S_ISREG(os.fstat(fd).st_mode)
    # A file is opened once more: it then has a position of its own, and can be read twice.
    raw = open(f"/dev/fd/{fd}", "rb") if is_file else os.fdopen(os.dup(fd), "rb")  # noqa: SIM115
    return LogFile(name, raw, is_stream=True)


def _decompressed(raw: IO[bytes], compression: str) -> io.BufferedIOBase:
    for name in _MODULES.get(compression, ()):
        with suppress(ImportError):  # not installed, or Python was built without it
            return import_module(name).open(raw, "rb")  # type: ignore[no-any-return]
    need = "reading .zst needs Python 3.14 or the package backports.zstd"
    text = need if compression == ".zst" else f"Python cannot decompress {compression}"
    raise UnknownCompressionError(errno.ENOTSUP, text, raw.name)


def _open_without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _check_regular(name: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"is {_KINDS.get(stat.S_IFMT(mode), 'a special file')}, not a regular file", name)
