"""The backups of a file: their names, and how they move up."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from itertools import count, pairwise

from ._locking import Folder

COMPRESSED = ".gz"

_CHECKED_ONE_BY_ONE = 20  # with more backups than that, listing the folder is faster


class Backups:
    """The backups of the file *name* in *folder*: ``name.1`` is the newest, ``name.N`` the oldest.

    Each may be compressed, with ``.gz`` after its number, even if this sink does not compress: another process, or an
    earlier run, may have done it. Anything under such a name that is not a regular file belongs to somebody else: it is
    skipped, and neither moved nor deleted. Any error but "no such file" is raised before anything is changed, since an
    unreadable name may be a backup.

    Args:
        folder: The folder, which is open.
        name: The file's name in it.
        limit: How many backups to keep.
    """

    def __init__(self, folder: Folder, name: str, limit: int) -> None:
        self._folder = folder
        self._name = name
        self._limit = limit
        self._listed: dict[int, list[str] | None] | None = None

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
                raise FileExistsError(errno.EEXIST, "unexpected file, which is not overwritten", f"{self._name}.1")
            chain.append((number, suffixes))
            if not suffixes:
                break
        moves = [
            (f"{self._name}.{number}{suffix}", f"{self._name}.{above}{suffix}")
            for (number, suffixes), (above, _) in reversed(list(pairwise(chain)))
            for suffix in suffixes
        ]
        return f"{self._name}.{chain[0][0]}", moves

    def delete_surplus(self) -> None:
        """Delete the backups above the limit, the oldest first."""
        surplus: list[str] = []
        self._listed = None
        for number in count(self._limit + 1):
            suffixes = self._suffixes_of(number)
            if suffixes is None:
                continue
            if not suffixes:
                break
            surplus += [f"{self._name}.{number}{suffix}" for suffix in suffixes]
        for name in reversed(surplus):
            self._folder.unlink(name)

    def names(self) -> Iterator[str]:
        """Return the names of the backups that are not compressed, newest first, up to the limit."""
        for number, suffixes in self._all():
            if "" in suffixes:
                yield f"{self._name}.{number}"

    def to_compress(self) -> list[int]:
        """Return the numbers of the backups to compress, oldest first; the newest is left alone.

        A process that was killed before it deleted the plain file leaves a compressed one of the same number and the
        same mtime. With another mtime it is another backup, which must not be overwritten.
        """
        numbers = [
            number
            for number, suffixes in self._all()
            if number > 1 and (suffixes == [""] or (len(suffixes) == 2 and self._is_same_backup(number)))
        ]
        return numbers[::-1]

    def number_of(self, status: os.stat_result, number: int) -> int | None:
        """Return the number of the plain backup with *status*, which had *number*; rotations have moved it up since."""
        for above in range(number, self._limit + 1):
            found = self._folder.status(f"{self._name}.{above}")
            if found is not None and os.path.samestat(found, status):
                return above
        return None

    def _all(self) -> Iterator[tuple[int, list[str]]]:
        """Return number and suffixes of the backups up to the limit, newest first, from one look at the folder."""
        self._listed = self._list()
        # A folder that may not be listed is searched up to the first gap.
        numbers = count(1) if self._listed is None else sorted(self._listed)
        for number in numbers:
            suffixes = self._suffixes_of(number)
            if number > self._limit or (self._listed is None and suffixes == []):
                return
            if suffixes:
                yield number, suffixes

    def _suffixes_of(self, number: int) -> list[str] | None:
        """Return the suffixes under which the backup exists; None if something else has its name."""
        if number > _CHECKED_ONE_BY_ONE and self._listed is None:
            self._listed = self._list()
        if self._listed is not None:
            return self._listed.get(number, [])
        found = []
        for suffix in ("", COMPRESSED):
            status = self._folder.status(f"{self._name}.{number}{suffix}")
            if status is None:
                continue
            if not stat.S_ISREG(status.st_mode):
                return None
            # An empty file is no backup: a rotation that was killed, or a power cut, has left it.
            if status.st_size or suffix:
                found.append(suffix)
        return found

    def _list(self) -> dict[int, list[str] | None] | None:
        """Return the suffixes of all backups in the folder by their numbers; None if it may not be listed."""
        if not self._folder.is_listable:
            return None
        listed: dict[int, list[str] | None] = {}
        prefix = self._name + "."
        with os.scandir(self._folder.file.fd) as entries:
            for entry in entries:
                if not entry.name.startswith(prefix):
                    continue
                plain = entry.name.removesuffix(COMPRESSED)
                digits = plain[len(prefix) :]
                if not (digits.isascii() and digits.isdecimal() and digits[0] != "0"):
                    continue
                suffix = entry.name[len(plain) :]
                suffixes = listed.setdefault(int(digits), [])
                if not entry.is_file(follow_symlinks=False):
                    listed[int(digits)] = None
                elif suffixes is not None:
                    suffixes.append(suffix)
        for found in listed.values():
            if found is not None:
                found.sort()
        return listed

    def _is_same_backup(self, number: int) -> bool:
        plain, compressed = (self._folder.status(f"{self._name}.{number}{suffix}") for suffix in ("", COMPRESSED))
        return plain is not None and compressed is not None and plain.st_mtime_ns == compressed.st_mtime_ns
