"""Processes under strace: each system call of a write is found, and made to fail, to stop, or to kill its process.

This file is also the program that forks such processes, so that Python starts once for a whole test. A child makes a
sink, waits until strace is attached, and writes.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

FILE_CALLS = (
    "openat,newfstatat,fstat,stat,lstat,statx,readlink,readlinkat,flock,fcntl,pread64,write,ftruncate,close,fchown,"
    "fchmod,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fgetxattr,fsetxattr,fremovexattr,utimensat,fsync,mkdir"
)
"""The system calls with which a sink touches files. strace skips those that the system does not have (prefix "?")."""


_READING = ("newfstatat", "fstat", "stat", "lstat", "statx", "readlink", "readlinkat", "pread64", "fgetxattr")


@dataclass(frozen=True)
class Call:
    """Call *number* of a name since strace was attached, counted from 1.

    Attributes:
        text: The call as strace shows it.
    """

    name: str
    number: int
    text: str

    @property
    def changes_something(self) -> bool:
        """Whether another process can see what the call does."""
        return self.name not in _READING

    def inject(self, what: str) -> str:
        """Return the expression with which strace does *what* at this call, such as "error=EIO"."""
        return f"inject={self.name}:{what}:when={self.number}"


class Traced:
    """A child that waits under strace for :meth:`go`."""

    def __init__(self, lab: Lab, pid: int, strace: subprocess.Popen[bytes]) -> None:
        self.pid = pid
        self._lab = lab
        self._strace = strace

    def go(self) -> int:
        """Let it write; return its exit code, or the negative number of the signal that killed or stopped it."""
        return self._finish(self._lab.ask("go", self.pid))

    def resume(self) -> int:
        """Let it proceed after a SIGSTOP; return as :meth:`go`."""
        return self._finish(self._lab.ask("resume", self.pid))

    def _finish(self, status: Any) -> int:
        if status != -signal.SIGSTOP:
            self._lab.detach(self._strace)
        assert isinstance(status, int)
        return status


class Lab:
    """Run children that make a sink and write with it, while strace spoils one system call.

    Args:
        strace: The program.
        folder: Where a trace may be written.
    """

    def __init__(self, strace: str, folder: Path) -> None:
        self._strace = strace
        self._log = folder / "strace.log"
        self._straces: list[subprocess.Popen[bytes]] = []
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.sinks.tracing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def close(self) -> None:
        """End the program, and every child that a failed test has left."""
        self._server.communicate(timeout=30)
        for strace in self._straces:
            strace.kill()
            strace.communicate()

    def detach(self, strace: subprocess.Popen[bytes]) -> None:
        """Wait until *strace* has ended with its child."""
        strace.communicate(timeout=30)
        self._straces.remove(strace)

    def ask(self, *command: Any) -> Any:
        """Send a command to the program, and return its answer."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the program is gone"
        return json.loads(answer)

    def start(self, make: str, act: str, *expressions: str, user: tuple[int, int, list[int]] | None = None) -> Traced:
        """Start a child that makes a sink with *make*, and waits under strace to do *act* with it.

        Args:
            make: A Python expression for the sink.
            act: A Python statement that uses ``sink``.
            expressions: What strace does: see :meth:`Call.inject`.
            user: The user, the group and the further groups of the child.
        """
        pid = self.ask("start", make, act, user)
        assert isinstance(pid, int), pid
        known = ",".join("?" + name for name in FILE_CALLS.split(","))
        options = [option for expression in expressions for option in ("-e", expression)]
        command = [self._strace, "-f", "-o", str(self._log), "-e", f"trace={known}", *options, "-p", str(pid)]
        strace = subprocess.Popen(command, stderr=subprocess.PIPE)
        self._straces.append(strace)
        assert strace.stderr is not None
        first = strace.stderr.readline()
        assert b"attached" in first, first
        return Traced(self, pid, strace)

    def run(self, make: str, act: str, *expressions: str) -> int:
        """Run a child; return its exit code, or the negative number of the signal that killed or stopped it."""
        return self.start(make, act, *expressions).go()

    def calls(self, make: str, act: str, *expressions: str) -> list[Call]:
        """Run a child undisturbed, and return its system calls."""
        assert self.run(make, act, *expressions) == 0
        counts: Counter[str] = Counter()
        found = []
        for text in self._log.read_text().splitlines():
            match = re.match(r"\d+\s+(\w+)\(", text)
            if match:
                counts[match[1]] += 1
                found.append(Call(match[1], counts[match[1]], text))
        return found


@pytest.fixture
def lab(as_root: None, program: Callable[[str], str], tmp_path: Path) -> Iterator[Lab]:
    """Make a :class:`Lab` for one test."""
    lab = Lab(program("strace"), tmp_path)
    yield lab
    lab.close()


# -- the program ------------------------------------------------------------------------------------


def _start(make: str, act: str, user: tuple[int, int, list[int]] | None) -> tuple[int, int]:
    from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink, _upkeep

    _upkeep.Upkeep.start = lambda *_: None  # type: ignore[method-assign]  # its system calls come at any time

    names = {"BackgroundSink": BackgroundSink, "RotatingFileSink": RotatingFileSink, "WatchedFileSink": WatchedFileSink}
    ready_reading, ready_writing = os.pipe()
    go_reading, go_writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(go_writing)
            if user is not None:
                os.setgroups(user[2])
                os.setresgid(user[1], user[1], user[1])
                os.setresuid(user[0], user[0], user[0])
            names["sink"] = eval(make, names)
            os.write(ready_writing, b"!")
            if os.read(go_reading, 1):
                exec(act, names)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
    os.close(ready_writing)
    os.close(go_reading)
    os.read(ready_reading, 1)
    os.close(ready_reading)
    return pid, go_writing


def _wait(pid: int) -> int:
    status = os.waitpid(pid, os.WUNTRACED)[1]
    return -os.WSTOPSIG(status) if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)


def main() -> None:
    pipes: dict[int, int] = {}
    left: set[int] = set()
    for command in sys.stdin:
        verb, *arguments = json.loads(command)
        answer: object = None
        if verb == "start":
            answer, pipe = _start(*arguments)
            assert isinstance(answer, int)
            pipes[answer] = pipe
            left.add(answer)
        elif verb == "go":
            os.write(pipes[arguments[0]], b"!")
            os.close(pipes.pop(arguments[0]))
            answer = _wait(arguments[0])
        elif verb == "resume":
            os.kill(arguments[0], signal.SIGCONT)
            answer = _wait(arguments[0])
        if verb != "start" and answer != -signal.SIGSTOP:
            left.remove(arguments[0])
        print(json.dumps(answer), flush=True)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
