"""The way back: a line as it was before it was written, a file with its backups, a file as it grows."""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import IO, Any, cast

from ._escapes import unescape
from .formats import JSON_SCHEMA_VERSION
from .sinks._check import checked_path

POLL_INTERVAL = 0.1
"""Seconds between two looks of :func:`follow` at a file that does not grow."""

_HELD = 10  # more files than anyone deletes by hand between two looks
_SAMPLE = 65536

# An id has 8 characters, and an escape 6 of them. Without that bound a line that is none of ours could take the
# square of its length to tell.
_TEXT = re.compile(
    r"\[(?P<task_id>.{0,48}?)\] \[(?P<func_name>.*?)\] "
    r"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (?P<message>.*)|(?P<retry>--- Retry (?P<attempt>\d+) ---))",
    re.ASCII,
)
_LIFECYCLE = re.compile(r"-- (PENDING|RUNNING|SUCCESS|FAILED|INTERRUPTED|CANCELLED|REJECTED)")


@dataclass(frozen=True)
class TaskLine:
    """One line of a log file. What the line does not say is None, or empty.

    Attributes:
        time: When it happened, in UTC: to the second in a text line, to the microsecond in a JSON line.
        level: The name of the level, in lower case. JSON only.
        event: "log", "retry" or "lifecycle"; "loss" where lines are missing; None in a JSON line of no task. A
            text line of a task that logs what a status line says ("-- SUCCESS") reads as one.
        task_id: The task's id; its first 8 characters in a text line.
        func_name: The task's function.
        attempt: The attempt, 0 for the first. In a text line the separators' only.
        message: What was logged; of a lifecycle line ``-- STATUS``, of a separator ``--- Retry N ---``.
        status: The new status, in lower case, of a lifecycle line.
        duration: How long the attempt took, in seconds. JSON only, as is all that follows.
        retries_used: How many retries there were.
        error: The exception of a failed task.
        stacktrace: Its traceback.
        tags: The task's tags.
        data: The keyword arguments of ``task_log()``.
        trace_id: The OpenTelemetry trace, in hexadecimal.
        span_id: The OpenTelemetry span, in hexadecimal.
    """

    time: datetime | None
    level: str | None
    event: str | None
    task_id: str | None
    func_name: str | None
    attempt: int | None
    message: str
    status: str | None = None
    duration: float | None = None
    retries_used: int | None = None
    error: str | None = None
    stacktrace: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    trace_id: str | None = None
    span_id: str | None = None


def parse(line: str) -> TaskLine | None:
    """Read a line of :func:`~taskflow_loguru.task_line` or :func:`~taskflow_loguru.json_line`.

    The escapes of a text line are undone. Backslashes are not doubled in it, so that a message which itself
    holds such a sequence (a backslash and an n) comes back with the character that it stands for.

    Returns:
        The line, or None where it is neither, or of a later version of the JSON line.
    """
    line = line.removesuffix("\n")
    return _parse_json(line) if line.startswith("{") else _parse_text(line)


def read(path: str | os.PathLike[str]) -> Iterator[TaskLine]:
    """Read a log file with its backups (``path.1``, ``path.2.gz``, ...), oldest line first.

    A rotation meanwhile neither hides nor repeats a line. What is no task's line, or has no end yet, is passed
    over. It takes the memory of a line, not of a file.

    Raises:
        TypeError, ValueError: ``path`` is no path of a file.
        OSError: A file is there and cannot be read, or is a torn gzip file. That none is there gives no lines.
    """
    return _read(checked_path(path))


def _read(name: str) -> Iterator[TaskLine]:
    with ExitStack() as opened:
        files = [opened.enter_context(file) for file in _open_newer(name, ())]
        for file in reversed(files):
            for line in _lines(file):
                if line.endswith(b"\n") and (parsed := parse(_decode(line))) is not None:
                    yield parsed


def follow(
    path: str | os.PathLike[str], *, from_start: bool = False, stop: threading.Event | None = None
) -> Iterator[TaskLine]:
    """Read a log file as it grows, as ``tail -F`` does: across rotations, and from before the file is there.

    It begins where the file ends at the time of the call. However often the file is rotated between two looks,
    no line is missed as long as the backups are there. What is no task's line is passed over. A file that is
    found shorter than what has been read of it is read from its start again.

    Args:
        path: The file.
        from_start: Whether to begin with the lines that the file (not its backups) holds already.
        stop: Ends the iterator once it is set, after what is there has been read. Without it there is no end.

    Raises:
        TypeError, ValueError: ``path`` is no path of a file.
        OSError: A file is there and cannot be read, or is a torn gzip file.
    """
    return _follow(_Follower(checked_path(path), from_start), stop or threading.Event())


def _follow(follower: _Follower, stop: threading.Event) -> Iterator[TaskLine]:
    with closing(follower):
        while True:
            is_last = stop.is_set()
            yield from follower.new_lines(is_last=is_last)
            if is_last:
                return
            stop.wait(POLL_INTERVAL)


class _Follower:
    """Where a reader is: in which file, and after which byte."""

    def __init__(self, name: str, from_start: bool) -> None:
        self._name = name
        # The newest files that have been seen. Held open, so that no new file can have the inode of one.
        self._known = _open_newer(name, ())
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._was_moved = False
        if self._known and self._known[0].name == name:
            self._file = self._known[0]
            if not from_start:
                self._file.seek(0, os.SEEK_END)
        self._forget_the_oldest()

    def close(self) -> None:
        for file in self._known:
            file.close()

    def new_lines(self, *, is_last: bool) -> Iterator[TaskLine]:
        yield from self._lines_of_file()
        if self._file is not None and _is_at(self._name, self._file):
            return
        if self._file is not None and not self._was_moved and not is_last:
            # One more look before the file is left: a writer that the rotation has overtaken may still append.
            self._was_moved = True
            return
        self._was_moved = False
        newer = _open_newer(self._name, self._known)
        self._known = newer + self._known
        for file in reversed(newer):
            self._file = file
            self._rest = b""
            yield from self._lines_of_file()
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        # Deleted ones first, not to keep their place on the disk; but a file that has been compressed counts as
        # deleted, and the copy is known by it.
        left = [file for file in self._known[2:] if os.fstat(file.fileno()).st_nlink]
        kept = [*self._known[:2], *left][:_HELD]
        for file in self._known:
            if file not in kept:
                file.close()
        self._known = kept

    def _lines_of_file(self) -> Iterator[TaskLine]:
        file = self._file
        if file is None:
            return
        if not isinstance(file, gzip.GzipFile) and os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)
            self._rest = b""
        for line in _lines(file):
            self._rest += line
            if line.endswith(b"\n"):
                parsed = parse(_decode(self._rest))
                self._rest = b""
                if parsed is not None:
                    yield parsed


def _parse_text(line: str) -> TaskLine | None:
    match = _TEXT.fullmatch(line)
    if match is None:
        return None
    task_id, func_name = unescape(match["task_id"]), unescape(match["func_name"])
    try:
        if match["retry"]:
            return TaskLine(None, None, "retry", task_id, func_name, int(match["attempt"]), match["retry"])
        time = datetime.fromisoformat(match["time"]).replace(tzinfo=timezone.utc)
    except ValueError:  # no such day, or more digits than Python reads
        return None
    lifecycle = _LIFECYCLE.fullmatch(match["message"])
    event, status = ("lifecycle", lifecycle[1].lower()) if lifecycle else ("log", None)
    if (task_id, func_name) == ("-", "taskflow_loguru"):
        event = "loss"
    return TaskLine(time, None, event, task_id, func_name, None, unescape(match["message"]), status)


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "level": (str,),
    "event": (str,),
    "task_id": (str,),
    "func_name": (str,),
    "attempt": (int,),
    "message": (str,),
    "status": (str,),
    "duration": (int, float),
    "retries_used": (int,),
    "error": (str,),
    "stacktrace": (str,),
    "tags": (dict,),
    "data": (dict,),
    "trace_id": (str,),
    "span_id": (str,),
}
_ALWAYS_THERE: dict[str, Any] = dict.fromkeys(("level", "event", "task_id", "func_name", "attempt"))


def _parse_json(line: str) -> TaskLine | None:
    try:
        fields = json.loads(line)
        if fields["v"] != JSON_SCHEMA_VERSION:
            return None
        time = datetime.strptime(fields["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        known = {name: fields[name] for name in _JSON_TYPES if name in fields}
        if any(type(value) not in _JSON_TYPES[name] for name, value in known.items()):
            return None
        return TaskLine(time=time, **{**_ALWAYS_THERE, **known})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


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


def _open_newer(name: str, known: Sequence[IO[bytes]]) -> list[IO[bytes]]:
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
                # One of ours was moved, or compressed, since we saw it.
                if is_known or any(_is_same(file, other) for other in files):
                    file.close()
                else:
                    files.append(opened.enter_context(file))
                if is_known:
                    break
            # While the newest is where it was nothing has overtaken us: what we saw is all, and in order.
            if not files or _is_at(files[0].name, files[0]):
                opened.pop_all()
                return files


def _open(name: str) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(name)) if name.endswith(".gz") else open(name, "rb")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from file
    except (EOFError, zlib.error) as error:
        raise gzip.BadGzipFile(f"{file.name!r}: {error}") from error


def _is_at(name: str, file: IO[bytes]) -> bool:
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


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
