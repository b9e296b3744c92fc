"""The promises that must hold after each call, after each run, and after the next rotation."""

from __future__ import annotations

import errno
import functools
import gzip
import re
import stat
from collections import Counter
from typing import TYPE_CHECKING, Any

from .inodes import Inode
from .scheduler import MOST_STEPS, Run
from .tasks import Task

if TYPE_CHECKING:
    from .setting import Setting

FOLDER = "/log"
NAME = "tasks.log"
PATH = f"{FOLDER}/{NAME}"
APP, GROUP, OTHER = 1000, 100, 1001
"""The user and group of the file, and another user of the group."""

GZIP = b"\x1f\x8b"

Problem = tuple[str, str]


def check_call(setting: Setting, task: Task, name: str, args: tuple[Any, ...]) -> None:
    """Check what any process could see after a call of a task."""
    new = setting.kernel.deleted[len(setting.deleted) :]
    setting.deleted += [(task, inode) for inode in new]
    if not task.is_sink:
        return
    if name == "write":
        _check_size(setting, task, args)
    at_path = setting.folder.entries.get(NAME)
    if setting.at_path is not None and setting.at_path is not at_path:
        setting.rotated.setdefault(setting.at_path, setting.run.clock)
    if at_path is None:
        may_exchange = setting.exchange_error is None and setting.run.faulted.get("exchange") not in _NO_EXCHANGE
        if setting.at_path is not None and setting.is_path_kept and may_exchange:
            setting.problems.append(("the path is missing", f"after {task.name}: {name}"))
    elif setting.mode is not None and name in _VISIBLE and (problem := _wrong_attributes(setting, at_path)):
        setting.problems.append(("mode and owner at the path", f"{problem} after {task.name}: {name}"))
    setting.at_path = at_path


_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EPERM)
_VISIBLE = {"open", "rename", "exchange", "link", "chmod", "fchmod", "chown", "fchown"}


def _check_size(setting: Setting, task: Task, args: tuple[Any, ...]) -> None:
    run = setting.run
    if not task.rotates or run.faulted or run.stalls or setting.free_inodes is not None:
        return
    if setting.may_grow and any(other.is_killed for other in run.tasks):
        return
    description = task.process.descriptors[args[0]]
    size = len(description.inode.data)
    is_alone = size == len(args[1])
    if size > setting.max_bytes > 0 and description in description.inode.locks and not is_alone:
        setting.problems.append(("a file over max_bytes", f"{size} bytes, by {task.name}"))


def _wrong_attributes(setting: Setting, inode: Inode) -> str:
    assert setting.mode is not None
    wanted = (setting.mode, APP, GROUP)
    found = (stat.S_IMODE(inode.mode), inode.uid, inode.gid)
    if setting.run.faulted.keys() & {"fchown", "fchmod", "chown", "chmod"} and setting.run.was_refused:
        return ""  # the system did not allow it
    if found[0] == wanted[0] and (found[1] == wanted[1] or setting.has_two_users) and found[2] == wanted[2]:
        return ""
    return "{:04o} {}:{}".format(*found) + " instead of {:04o} {}:{}".format(*wanted)


def check_end(setting: Setting) -> list[Problem]:
    """Check the files once all tasks have ended or died."""
    run = setting.run
    problems = list(setting.problems)
    if run.step > MOST_STEPS:
        return [("a run that ends", f"{MOST_STEPS} steps")]
    problems += [("an error in a task", f"{task.name}: {task.error!r}") for task in run.tasks if _is_broken(run, task)]
    stuck = [task.name for task in run.tasks if task.is_alive]
    if stuck:
        problems.append(("a run that ends", f"{stuck} wait forever"))
    _check_lines(setting, problems)
    _check_order(setting, problems)
    if not (is_disturbed(setting) or run.stalls):
        for task in run.tasks:
            if task.stderr.getvalue() and setting.free_inodes is None and setting.free_bytes is None:
                problems.append(("nothing on stderr without a cause", f"{task.name}: {task.stderr.getvalue().strip()}"))
    rotations = len([time for time in setting.rotated.values() if time])
    if setting.most_rotations is not None and rotations > setting.most_rotations:
        problems.append(("one rotation for each period", f"{rotations} in {setting.most_rotations}"))
    if setting.sink_path != PATH:
        link = setting.kernel.root.entries.get(setting.sink_path.strip("/"))
        if link is None or not link.is_link:
            problems.append(("a link at the path stays one", setting.sink_path))
    for number, inode in setting.backups().items():
        if not inode.data and setting.is_path_kept and _is_settled(setting) and run.spared is None:
            problems.append(("an empty backup", f"{NAME}.{number}"))
        if setting.mode is not None and (problem := _wrong_attributes(setting, inode)):
            problems.append(("mode and owner of a backup", problem))
    at_path = setting.folder.entries.get(NAME)
    if at_path is not None and setting.mode is not None and (problem := _wrong_attributes(setting, at_path)):
        problems.append(("mode and owner", problem))
    return problems


def _is_settled(setting: Setting) -> bool:
    """Return whether nothing was interrupted, or the next rotation has completed it."""
    if setting.may_grow and any(task.is_killed for task in setting.run.tasks):
        return False  # there is no next rotation
    return setting.is_recovered or not is_disturbed(setting)


def is_disturbed(setting: Setting) -> bool:
    """Return whether there was a crash or an error."""
    return bool(setting.run.faulted) or any(task.is_killed for task in setting.run.tasks)


def check_hidden(setting: Setting) -> list[Problem]:
    """Check that nothing temporary is left, once the next rotation is over."""
    if not _is_settled(setting):
        return []
    names = [name for name in setting.folder.entries if name.startswith(".")]
    return [("a temporary file after the next rotation", ", ".join(names))] if names else []


def _is_broken(run: Run, task: Task) -> bool:
    # A sink that cannot be made raises an error to its caller, which is allowed.
    return task.error is not None and not (run.faulted and isinstance(task.error, OSError))


def lines_of(inode: Inode) -> tuple[str, ...]:
    """Return the lines of a file, compressed or not."""
    return _lines(inode.data)


@functools.lru_cache(10_000)
def _lines(data: bytes) -> tuple[str, ...]:
    if data.startswith(GZIP):
        try:
            data = gzip.decompress(data)
        except EOFError:  # half written: under a hidden name, or a line is missing
            data = b""
    return tuple(data.decode().splitlines())


def _check_lines(setting: Setting, problems: list[Problem]) -> None:
    known = {line for lines in setting.acknowledged.values() for line in lines}
    started = set(setting.started.values())
    places: Counter[str] = Counter()
    reported = sum(int(count) for task in setting.run.tasks for count in _REPORTED.findall(task.stderr.getvalue()))
    run = setting.run
    may_be_torn = is_disturbed(setting) or setting.free_bytes is not None
    unlinked = {id(inode) for _, inode in setting.deleted}
    for name, inode in setting.files().items():
        for line in lines_of(inode):
            if line in known or line in started:
                is_found_twice = name.startswith(".") and inode.links > 1
                places[line] += id(inode) not in unlinked and not is_found_twice
            elif match := _LOST.match(line):
                reported += int(match[1])
            elif not (may_be_torn and any(other.startswith(line.rstrip("\0")) for other in known | started)):
                problems.append(("lines are whole", f"{line!r} in {name}"))
    for line, count in places.items():
        may_double = setting.may_double and (setting.run.stalls or "flock" in setting.run.faulted)
        if count > 1 and not may_double and _is_settled(setting):
            problems.append(("each line once", f"{line!r} is in {count} files"))
    taken = [line for line in run.spared or () if not places[line]]
    if taken:
        problems.append(("a power cut takes no backup", ", ".join(sorted(taken))))
    backups = len([inode for inode in setting.backups().values() if inode.data])
    gone = {line for task, inode in setting.deleted if task.is_sink for line in lines_of(inode) if not places[line]}
    if gone and backups < setting.backup_count and run.spared is None:
        problems.append(("a backup deleted too early", f"{backups} of {setting.backup_count} are left"))
    missing = _missing(setting, places, gone if backups >= setting.backup_count else set())
    if len(missing) > reported:
        problems.append(("no line lost", f"{', '.join(missing)}; reported as lost: {reported}"))


_LOST = re.compile(r"LOST (\d+)")
_REPORTED = re.compile(r"(\d+) lines? lost")


def _missing(setting: Setting, places: Counter[str], surplus: set[str]) -> list[str]:
    deleted_by_hand = {line for task, inode in setting.deleted if not task.is_sink for line in lines_of(inode)}
    run = setting.run
    dead = {task.name for task in run.tasks if task.is_killed and setting.free_bytes is not None}
    if run.spared is not None:  # what a power cut must not take is checked for itself
        dead = {*setting.acknowledged} - {task.name for task in run.tasks if not task.is_killed}
    missing = []
    for name, lines in setting.acknowledged.items():
        if name in dead:  # with the lines that it kept while the disk was full
            continue
        is_oldest = True
        for line in lines:
            if places[line]:
                is_oldest = False
            elif line not in deleted_by_hand and not (is_oldest and line in surplus):
                missing.append(line)
    return missing


def finish(setting: Setting) -> list[Problem]:
    """Check a run that has ended; after a crash or an error, check the next rotation too."""
    problems = check_end(setting)
    if is_disturbed(setting):
        setting.recover()
        problems += check_end(setting) + check_hidden(setting)
    return problems


def _check_order(setting: Setting, problems: list[Problem]) -> None:
    chain: list[str] = []
    for folder in setting.folders.values():
        backups = setting.backups(folder)
        for number in sorted(backups, reverse=True):
            chain += lines_of(backups[number])
        if NAME in folder.entries:
            chain += lines_of(folder.entries[NAME])
    for name, lines in setting.acknowledged.items():
        own = [line for line in chain if line in set(lines)]
        if own != sorted(own, key=lines.index):
            problems.append(("each writer's lines in order", f"{name}: {own}"))
