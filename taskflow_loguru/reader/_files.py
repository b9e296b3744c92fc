"""A log file and its backups: where they are, in which order, and their lines."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import IO, cast

_SAMPLE = 65536


def _places(name: str) -> Iterator[str]:
    """Where the file and its backups may be, newest first: in the order in which a rotation moves them.

    Who looks in this order finds each file that is there all the time, though it is moved, or compressed,
    while they look.
    """
    yield name
    folder, base = os.path.split(os.path.realpath(name))  # the backups of a link's file are beside that
    backup = re.compile(re.escape(base) + r"\.([1-9]\d*)(?:\.gz)?", re.ASCII)
    numbers = {0}
    with suppress(FileNotFoundError):
        numbers.update(int(match[1]) for entry in os.listdir(folder) if (match := backup.fullmatch(entry)))
    for number in sorted(numbers | {number + 1 for number in numbers})[1:]:
        yield os.path.join(folder, f"{base}.{number}")
        yield os.path.join(folder, f"{base}.{number}.gz")


def open_newer(name: str, known: Sequence[IO[bytes]]) -> list[IO[bytes]]:
    """The file and its backups, newest first, each once; only those that are newer than all that are known."""
    while True:
        files: list[IO[bytes]] = []
        with ExitStack() as opened:
            plain = ""
            for place in _places(name):
                if place == f"{plain}.gz":
                    continue  # a copy that is being made: not whole yet
                try:
                    file = _open(place)
                except FileNotFoundError:
                    continue
                plain = place
                is_known = any(_is_same(file, other) for other in known)
                # One of ours was moved, or compressed, since we saw it; or it is the empty successor of a rotation that
                # is under way, which takes the place of the file in the next step.
                is_successor = place != name and not os.fstat(file.fileno()).st_size
                if is_known or is_successor or any(_is_same(file, other) for other in files):
                    file.close()
                else:
                    files.append(opened.enter_context(file))
                if is_known:
                    break
            # While the newest is where it was nothing has overtaken us: what we saw is all, and in order.
            if not files or is_at(files[0].name, files[0]):
                opened.pop_all()
                return files


def _open(name: str) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(name)) if name.endswith(".gz") else open(name, "rb")


def lines(file: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from file
    except (EOFError, zlib.error) as error:
        raise gzip.BadGzipFile(f"{file.name!r}: {error}") from error


def is_at(name: str, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.stat(name), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _is_same(file: IO[bytes], known: IO[bytes]) -> bool:
    """Whether ``file``, newly opened, is the file that is known, or a compressed copy of it."""
    if os.path.samestat(os.fstat(file.fileno()), os.fstat(known.fileno())):
        return True
    if not isinstance(file, gzip.GzipFile) or isinstance(known, gzip.GzipFile):
        return False
    try:
        sample = file.read(_SAMPLE)
    except (EOFError, zlib.error, gzip.BadGzipFile):  # whoever reads it will find out
        return False
    finally:
        file.seek(0)
    return bool(sample) and sample == os.pread(known.fileno(), len(sample), 0)


def decode(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
