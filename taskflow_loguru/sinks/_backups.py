"""The backups of a file: their names, and how they move up."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from itertools import count, pairwise

COMPRESSED = ".gz"


class Backups:
    """The backups of the file at *path*: ``path.1`` is the newest, ``path.N`` the oldest.

    Each may be compressed, with ``.gz`` after its number, even if this sink does not compress: another process, or an
    earlier run, may have done it. Anything under such a name that is not a regular file belongs to somebody else: it is
    skipped, and neither moved nor deleted. Any error but "no such file" is raised before anything is changed, since an
    unreadable name may be a backup.

    Args:
        path: The file, with all links resolved.
        limit: How many backups to keep.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._limit = limit

    def plan(self) -> tuple[str, list[tuple[str, str]]]:
        """Return the name of the next backup, and the moves ``(from, to)`` that make it free, in their order.

        The backups move up only as far as the first number that is free: a rotation that was killed leaves such a
        gap. Backups above the limit move too, and are deleted by :meth:`delete_surplus` once the rotation is done.

        Raises:
            OSError: The names cannot be checked, or all of them belong to something else.
        """
        chain: list[tuple[int, list[str]]] = []
        for number in count(1):
            suffixes = self._suffixes_of(number)
            if suffixes is None:
                continue
            if not chain and number > self._limit:
                raise FileExistsError(errno.EEXIST, "in the way, and not a regular file", f"{self._path}.1")
            is_free = not suffixes or (not chain and self._is_left_over(number, suffixes))
            chain.append((number, suffixes))
            if is_free:
                break
        moves = [
            (f"{self._path}.{number}{suffix}", f"{self._path}.{above}{suffix}")
            for (number, suffixes), (above, _) in reversed(list(pairwise(chain)))
            for suffix in suffixes
        ]
        return f"{self._path}.{chain[0][0]}", moves

    def delete_surplus(self) -> None:
        """Delete the backups above the limit, the oldest first."""
        surplus: list[str] = []
        for number in count(self._limit + 1):
            suffixes = self._suffixes_of(number)
            if suffixes is None:
                continue
            if not suffixes:
                break
            surplus += [f"{self._path}.{number}{suffix}" for suffix in suffixes]
        for name in reversed(surplus):
            os.unlink(name)

    def to_compress(self) -> Iterator[int]:
        """Return the numbers of the backups that are not compressed, oldest first; the newest is left alone.

        A process that was killed before it deleted the plain file leaves a compressed one of the same number and the
        same mtime. With another mtime it is another backup, which must not be overwritten.
        """
        for number in range(self._limit, 1, -1):
            suffixes = self._suffixes_of(number) or []
            if suffixes == [""] or (len(suffixes) == 2 and self._is_same_backup(number)):
                yield number

    def _suffixes_of(self, number: int) -> list[str] | None:
        """Return the suffixes under which the backup exists; None if something else has its name."""
        found = []
        for suffix in ("", COMPRESSED):
            status = status_of(f"{self._path}.{number}{suffix}")
            if status is None:
                continue
            if not stat.S_ISREG(status.st_mode):
                return None
            found.append(suffix)
        return found

    def _is_same_backup(self, number: int) -> bool:
        plain, compressed = (status_of(f"{self._path}.{number}{suffix}") for suffix in ("", COMPRESSED))
        return plain is not None and compressed is not None and plain.st_mtime_ns == compressed.st_mtime_ns

    def _is_left_over(self, number: int, suffixes: list[str]) -> bool:
        """Return whether the backup is the empty successor of a rotation that was killed: no backup is empty."""
        status = status_of(f"{self._path}.{number}") if suffixes == [""] else None
        return status is not None and not status.st_size


def status_of(path: str) -> os.stat_result | None:
    """Return the status of *path* itself, not of a link's target; None if there is no such file.

    Raises:
        OSError: It is unknown whether there is one.
    """
    try:
        return os.lstat(path)
    except OSError as error:
        # No file can have a name that is too long, such as a hidden name beside a file with a long name.
        # test_opening.py::test_a_file_may_have_the_longest_name
        if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
            raise
        return None
