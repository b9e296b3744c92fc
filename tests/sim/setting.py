"""The folder with the log, and the processes that write, move, compress and delete it."""

from __future__ import annotations

import contextlib
import gc
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .checks import APP, FOLDER, GROUP, NAME, PATH, Problem, check_call, lines_of
from .files import machine
from .inodes import Inode, Process
from .kernel import Kernel
from .loading import Program
from .power import Disk
from .scheduler import Default, Policy, Run
from .tasks import Task

LINE_BYTES = 11
SYNC_SECONDS = 5.0
"""How long after its rotation a backup may be lost to a power cut."""


@dataclass
class Setting:
    """One run of a scenario, with everything that its checks use."""

    programs: list[Program]
    policy: Policy
    max_bytes: int = 2 * LINE_BYTES + 5
    backup_count: int = 9
    mode: int | None = None
    """The mode of the file at the beginning; None: it does not exist."""
    umask: int = 0o022
    folder_mode: int = 0o755
    exchange_error: int | None = None
    links_are_inodes: bool = False
    file_clock_ahead: float = 0.0
    clock: float = 1_000_000.0
    when: str | None = None
    most_rotations: int | None = None
    loses_power: bool = False
    old_backups: int = 0
    free_inodes: int | None = None
    free_bytes: int | None = None
    sink_path: str = PATH
    compression: str | None = None
    is_path_kept: bool = True
    """Whether only the sinks move files, so that the path is never missing."""

    has_two_users: bool = False
    may_grow: bool = False
    """Whether the file may grow after a crash, because a child that was forked meanwhile keeps the lock."""
    may_double: bool = False
    """Whether a line may be in two files: its watched sink was stopped, or had no lock."""

    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)
    deleted: list[tuple[Task, Inode]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rotated: dict[Inode, float] = field(default_factory=dict)
    """The files that were at the path, each with the time when it no longer was."""
    is_recovered: bool = False
    used_programs: int = 0

    def __post_init__(self) -> None:
        self.kernel = Kernel(block=1)
        self.kernel.exchange_error = self.exchange_error
        self.kernel.links_are_inodes = self.links_are_inodes
        self.kernel.file_clock_ahead = self.file_clock_ahead
        self.app = Process(99, APP, GROUP, umask=0)
        self.kernel.root.mode |= 0o777
        self.kernel.mkdir(self.app, FOLDER, self.folder_mode)
        self.folder = self.kernel.root.entries["log"]
        self.folders = {"": self.folder}
        for number in range(self.old_backups, -1, -1):
            if self.mode is not None:
                self._make_file(number)
        if self.sink_path != PATH:
            self.kernel.symlink(self.app, PATH, self.sink_path)
        if self.free_bytes is not None:
            self.kernel.free_blocks = self.free_bytes
        self.kernel.free_inodes = self.free_inodes
        self.run = Run(self.kernel, self.policy, clock=self.clock)
        self.run.promised = self._promised
        if self.loses_power:
            self.rotated = dict.fromkeys(self.backups().values(), 0.0)
            self.kernel.disk = Disk(self.kernel.root)
        self.run.after_call = lambda run, task, name, args: check_call(self, task, name, args)
        self.at_path = self.folder.entries.get(NAME)
        machine.run = self.run

    def add_folder(self, name: str, *, backups: int) -> None:
        """Make another folder beside the first one, with a log and backups."""
        self.kernel.mkdir(self.app, f"/{name}", self.folder_mode)
        self.folders[f"{name}/"] = self.kernel.root.entries[name]
        for number in range(backups, -1, -1):
            self._make_file(number, f"/{name}")

    def _make_file(self, number: int, folder: str = FOLDER) -> None:
        lines = [f"{folder[1:]}{number}{n}".ljust(LINE_BYTES - 1, ".") for n in range(2)] if number else []
        path = f"{folder}/{NAME}.{number}" if number else f"{folder}/{NAME}"
        assert self.mode is not None
        fd = self.kernel.open(self.app, path, os.O_CREAT | os.O_WRONLY, self.mode)
        self.kernel.write(self.app, fd, "".join(f"{line}\n" for line in lines).encode())
        self.kernel.close(self.app, fd)
        self.acknowledged.setdefault(f"old {folder}", []).extend(lines)

    # -- tasks ------------------------------------------------------------------------------------

    def add_writer(
        self,
        name: str,
        *,
        lines: int = 3,
        kind: str = "rotating",
        uid: int = APP,
        backlog_bytes: int = 10_000,
        pause: float = 0.0,
    ) -> Task:
        """Add a process that makes a sink, writes lines, each after a *pause* in seconds, and ends."""
        program = self._next_program()
        acknowledged = self.acknowledged[name] = []

        def main() -> None:
            sink = self._sink(program, kind, backlog_bytes)
            for number in range(lines):
                if pause:
                    self.run.sleep(pause)
                line = f"{name}{number}".ljust(LINE_BYTES - 1, ".")
                self.started[name] = line
                task.progress += 1
                sink.write(line)
                acknowledged.append(line)
                task.progress += 1
                self._check_acknowledged(line)
            sink.stop()
            program.end()

        process = Process(100 + len(self.run.tasks), uid, GROUP, umask=self.umask)
        task = self.run.spawn(process, name, main)
        task.rotates = kind == "rotating"
        return task

    def _next_program(self) -> Program:
        program = self.programs[self.used_programs]
        self.used_programs += 1
        program.reset()
        return program

    def _sink(self, program: Program, kind: str, backlog_bytes: int) -> Any:
        arguments: dict[str, Any] = {"backlog_bytes": backlog_bytes, "loss_line": lambda n, reason: f"LOST {n}\n"}
        if kind == "watched":
            return program.sinks.WatchedFileSink(self.sink_path, **arguments)
        limits: dict[str, Any] = {"max_bytes": self.max_bytes, "backup_count": self.backup_count}
        if self.compression is not None:
            limits["compression"] = self.compression
        if self.when is not None:
            limits["when"] = self.when
        return program.sinks.RotatingFileSink(self.sink_path, **limits, **arguments)

    def add_actor(self, name: str, main: Callable[[Callable[..., Any]], None]) -> Task:
        """Add a process of the same user that makes system calls without a sink."""
        process = Process(100 + len(self.run.tasks), APP, GROUP, umask=0o022)

        def act() -> None:
            with contextlib.suppress(OSError):
                main(machine.call)

        task = self.run.spawn(process, name, act)
        task.is_sink = False
        return task

    def add_compressor(self, name: str) -> Task:
        """Add a process whose thread compresses the backups."""
        program = self._next_program()

        def main() -> None:
            with contextlib.suppress(OSError):  # the thread reports it
                for pause in program.compress(PATH, self.backup_count):
                    self.run.sleep(pause)

        return self.run.spawn(Process(100 + len(self.run.tasks), APP, GROUP), name, main)

    def recover(self) -> None:
        """Repair the disk, and have one more process write until the file has rotated."""
        self.is_recovered = True
        self.run.fault = self.run.lasting = None
        self.kernel.free_inodes = self.kernel.free_blocks = self.kernel.exchange_error = None
        self.run.policy, self.run.current, self.run.is_abandoned = Default(), None, False
        self.deleted = [(task, inode) for task, inode in self.deleted if inode in self.kernel.deleted]
        self.add_writer("R")
        self.run.execute()

    def close(self) -> None:
        """Unwind the tasks that still run. Objects that are garbage-collected later no longer reach a kernel."""
        self.run.discard()
        machine.run = None
        machine.runs += 1
        if machine.runs % 500 == 0:
            gc.collect()

    # -- files ------------------------------------------------------------------------------------

    def files(self) -> dict[str, Inode]:
        """Return all files that may have lines."""
        found: dict[str, Inode] = {}
        for where, folder in self.folders.items():
            found |= {f"{where}{name}": inode for name, inode in folder.entries.items() if not inode.is_folder}
        return found

    def backups(self, folder: Inode | None = None) -> dict[int, Inode]:
        """Return the backups by number, of one folder."""
        found = {}
        for name, inode in (folder or self.folder).entries.items():
            if inode.is_folder:
                continue
            if match := re.fullmatch(rf"{re.escape(NAME)}\.(\d+)(\.gz)?", name):
                found[int(match[1])] = inode
        return dict(sorted(found.items()))

    def _promised(self) -> frozenset[str]:
        """Return the lines that are in backups for longer than the seconds that a power cut may take."""
        rotated = [inode for inode, time in self.rotated.items() if time <= self.run.clock - SYNC_SECONDS]
        present = {line for inode in self.files().values() for line in lines_of(inode)}
        return frozenset(line for inode in rotated for line in lines_of(inode) if line in present)

    def _check_acknowledged(self, line: str) -> None:
        if self.run.faulty or self.kernel.free_blocks is not None:
            return
        data = line.encode()
        inodes = [*self.files().values(), *(inode for _, inode in self.deleted)]
        if not any(data in inode.data for inode in inodes):
            self.problems.append(("kept in memory though the disk could take it", line))
