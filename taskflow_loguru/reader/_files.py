"""Search for a log file and its backups, and open them in the order of their lines."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain

from .._stderr import report
from ._lines import MAX_LINE_BYTES, LineReader
from ._names import COMPRESSED, BackupNames
from ._opening import LogFile, UnknownCompressionError, open_descriptor, open_file
from ._parse import parse_line

Problem = Callable[[str, OSError | str], None]
"""A function that is called with a file's path, and the reason why it, or a part of it, is not read."""

Place = tuple[str, tuple[str, ...]]
"""The path of a backup without the extension of a compressed file, and the extensions that it may have."""


def report_or_raise(path: str, reason: OSError | str) -> None:
    """Print the reason to stderr if the rest of the log can be read; raise an error of the system."""
    if isinstance(reason, UnknownCompressionError):
        reason = str(reason.strerror)
    if isinstance(reason, OSError):
        raise reason
    report(f"{path!r} is not read completely: {reason}")


class LogFiles:
    """The file at a path and its backups, compressed or not.

    Attributes:
        name: The path.
        problem: A function that is called once for each file that is not read.
    """

    def __init__(self, name: str, *, loguru_backups: bool = False, problem: Problem = report_or_raise) -> None:
        self.name = name
        self.problem = problem
        self._reported: set[str] = set()
        # Backups are beside the file, not beside a link to it.
        self._folder, base = os.path.split(os.path.realpath(name))
        self._names = BackupNames(base, loguru_backups=loguru_backups)

    def has_backup(self, path: str) -> bool:
        """Return whether *path* has the name and the place of a backup of this file."""
        folder, name = os.path.split(os.path.realpath(path))
        return self._names.parse(name) is not None and (
            folder == self._folder or (os.path.dirname(folder) == self._folder and self._is_olddir(folder))
        )

    def open_newer(self, known: Sequence[LogFile] = (), *, since: datetime | None = None) -> list[LogFile]:
        """Open the file and its backups, newest first, each once, as far as they are newer than all known files.

        A rotation or a compression during the call neither hides a file nor opens it twice. ``since`` leaves out
        backups whose last change is older.
        """
        if stream := open_descriptor(self.name):
            if not known:
                return [stream]
            stream.close()
            return []
        while True:
            opened: list[LogFile] = []
            files: list[LogFile] = []
            is_complete = False
            try:
                old, new = {_inode(file) for file in known}, set()
                newest = list(self._open_each([self._main()], opened))
                backups = self._backups()
                for file in chain(newest, self._open_in_order(backups, opened)):
                    inode = _inode(file)
                    if inode in old or _is_copy(file, known):
                        break
                    if file.name != self.name and (
                        _is_empty(file) or (since and _last_change(file) < since.timestamp())
                    ):
                        continue
                    # A file that was moved or compressed after it was opened is found a second time.
                    if inode not in new and not _is_copy(file, files):
                        new.add(inode)
                        files.append(file)
                # While the newest file is still at its path, no rotation has overtaken the search. But a file that is
                # renamed while the folder is listed may be missing in the list, and its next place with it.
                is_complete = (not files or is_at(files[0].name, files[0])) and self._backups() == backups
                if is_complete:
                    return files
            finally:
                for file in opened:
                    if not is_complete or file not in files:
                        file.close()

    def report(self, name: str, reason: OSError | str) -> None:
        """Report a file that is not read, once."""
        if name not in self._reported:
            self._reported.add(name)
            self.problem(name, reason)

    def lines_of(self, reader: LineReader) -> Iterator[bytes]:
        """Yield the blocks of a file up to its present end; report what cannot be read."""
        skipped = reader.skipped
        try:
            yield from reader.blocks()
        except OSError as error:
            self.report(reader.file.name, error)
        if count := reader.skipped - skipped:
            lines = "1 line" if count == 1 else f"{count} lines"
            self.problem(reader.file.name, f"{lines} of more than {MAX_LINE_BYTES >> 20} MiB skipped")

    def _main(self) -> Place:
        match = COMPRESSED.fullmatch(self.name)
        extension = match["compression"] if match else ""
        return self.name.removesuffix(extension), (extension,)

    def _backups(self) -> list[list[Place]]:
        """List the possible places of backups, newest first, by naming scheme."""
        schemes: dict[tuple[str, ...], dict[str, int | str]] = {}
        extensions: dict[tuple[str, ...], set[str]] = {}
        for folder, name in self._listed():
            backup = self._names.parse(name)
            if backup is not None:
                scheme = (folder, *backup.scheme)
                extensions.setdefault(scheme, {"", ".gz"}).add(backup.compression)
                places = schemes.setdefault(scheme, {})
                places[os.path.join(folder, backup.plain)] = backup.key
                if isinstance(backup.key, int):  # the next number, too, for a backup that is moved up after this
                    places[os.path.join(folder, str(backup.key + 1).join(backup.scheme))] = backup.key + 1
        return [
            [(name, tuple(sorted(extensions[scheme]))) for name in _newest_first(places)]
            for scheme, places in sorted(schemes.items())
        ]

    def _listed(self) -> Iterator[tuple[str, str]]:
        """Yield the names in the folder of the file, and in folders there that may be logrotate's ``olddir``."""
        try:
            with os.scandir(self._folder) as entries:
                found = list(entries)
        except (FileNotFoundError, NotADirectoryError):  # so is the file, or opening it has failed
            return
        except OSError as error:
            self.report(self._folder, error)
            return
        for entry in found:
            yield self._folder, entry.name
            with suppress(OSError):  # a folder of somebody else
                if entry.is_dir() and self._is_olddir(entry.path):
                    yield from ((entry.path, name) for name in os.listdir(entry.path))

    def _is_olddir(self, folder: str) -> bool:
        """Return whether backups in *folder* belong to this file, and not to a file of the same name there."""
        return not os.path.lexists(os.path.join(folder, self._names.base))

    def _open_in_order(self, backups: Iterable[Iterable[Place]], opened: list[LogFile]) -> Iterator[LogFile]:
        """Open the backups from the newest to the oldest, which is the order in which a rotation moves them.

        In this order, a file that is moved or compressed during the search is still found. Numbers and dates give the
        order. Backups of different naming schemes are ordered by the times of their first lines.
        """
        return heapq.merge(*(self._open_each(places, opened) for places in backups), key=_start_time, reverse=True)

    def _open_each(self, places: Iterable[Place], opened: list[LogFile]) -> Iterator[LogFile]:
        """Open the files at each place, and add them to *opened*: a plain file, and others that are not its copy."""
        for plain, extensions in places:
            found: list[LogFile] = []
            for extension in extensions:
                file = self._open(plain + extension, extension)
                if file is not None:
                    opened.append(file)
                    if not _is_copy(file, found):
                        found.append(file)
            yield from sorted(found, key=_start_time, reverse=True) if len(found) > 1 else found

    def _open(self, name: str, extension: str) -> LogFile | None:
        try:
            return open_file(name, extension)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.report(name, error)
            return None


def _newest_first(places: dict[str, int | str]) -> list[str]:
    """Return the paths in the order of their numbers, or against the order of their dates."""
    is_dated = any(isinstance(key, str) for key in places.values())
    return sorted(places, key=places.__getitem__, reverse=is_dated)


def is_at(name: str, file: LogFile) -> bool:
    """Return whether *file* is the file at the path *name*."""
    if file.is_stream:
        return True
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == _inode(file)


def _inode(file: LogFile) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def _is_empty(file: LogFile) -> bool:
    """Return whether a backup is empty: it has no lines, or is the successor that a rotation is about to install.

    Without this, the successor would count as older than the file itself, and its lines would be skipped. An empty
    ``.gz`` is torn, not empty: reading it raises an error.
    """
    return not file.compression and file.size() == 0


def _is_copy(file: LogFile, others: Sequence[LogFile]) -> bool:
    """Return whether *file* is a compressed copy of one of the others, or the part of it that is written so far."""
    plain = [other for other in others if not other.compression] if file.compression else []
    sample, is_whole = file.sample() if plain else (b"", False)
    return any(
        sample == os.pread(other.fileno(), len(sample), 0)
        and ((sample and is_whole) or file.name == f"{other.name}{file.compression}")
        for other in plain
    )


def _start_time(file: LogFile) -> float:
    """Return the start of a file in seconds since 1970: the first time in it, or else the time of its last change."""
    for line in file.sample()[0].decode("utf-8", "replace").split("\n"):
        parsed = parse_line(line)
        if parsed is not None and parsed.time is not None:
            return parsed.time.timestamp()
    return _last_change(file)


def _last_change(file: LogFile) -> float:
    return os.fstat(file.fileno()).st_mtime
