"""Processes that write numbered lines with a sink, and acknowledge each over a pipe once ``write`` has returned.

This file is also the program of such a process. It reads commands from stdin, one a line:

- ``write COUNT``: write the next COUNT lines;
- ``arm NUMBER SIGNAL``: send itself SIGNAL just before the NUMBERth call from then on that touches a file or a
  lock (Python calls an audit hook for each), which stops or kills it in the middle of a write or a rotation.
- ``quit``: end at once, without stopping the sink.

At the end of stdin it stops the sink and exits.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from taskflow_loguru import sinks

ROOT = Path(__file__).parents[2]
READY, WRITTEN = b"!", b"."
STEPS = {"open", "os.rename", "os.remove", "os.chmod", "os.chown", "os.truncate", "fcntl.flock"}


def line(name: str, number: int) -> str:
    """Return the line with that number. Lengths differ, and each line shows its beginning and its end."""
    return f"<{name}-{number} {'x' * (number * 37 % 80)}>\n"


def lines(name: str, numbers: Iterable[int]) -> list[str]:
    return [line(name, number) for number in numbers]


class Writer:
    """A process that writes ``line(name, 0)``, ``line(name, 1)``, ... on command.

    The ``start_writer`` fixture makes it, and ends it after the test. *arguments* are those of the sink; *launcher* is
    a command to run it with.
    """

    def __init__(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        sink: str = "RotatingFileSink",
        launcher: Iterable[str] = (),
        first: int = 0,
        **arguments: Any,
    ) -> None:
        self.name = name
        self.first = first
        self.ordered = 0
        self.acknowledged = 0
        options = {"name": name, "sink": sink, "first": first, "arguments": {"path": os.fspath(path), **arguments}}
        command = [*launcher, sys.executable, "-m", "tests.sinks.writers", json.dumps(options)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd=ROOT
        )
        assert self.process.stdout is not None
        assert self.process.stdout.read(1) == READY, self.stderr()

    def write(self, count: int) -> None:
        """Have it write *count* more lines; return at once."""
        self.ordered += count
        self._send(f"write {count}")

    def write_and_wait(self, count: int) -> None:
        self.write(count)
        self.wait_for(self.acknowledged + count)

    def quit(self) -> None:
        """Have it end after its commands as if it was killed: lines that the sink keeps are lost."""
        with contextlib.suppress(BrokenPipeError):  # it has been killed already
            self._send("quit")

    def close(self) -> None:
        """Have it end after its commands, as any program does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait_for(self, count: int) -> None:
        """Wait until it has acknowledged *count* lines in all."""
        assert self.process.stdout is not None
        while self.acknowledged < count:
            received = self.process.stdout.read(count - self.acknowledged)
            assert received, f"ended after {self.acknowledged} lines: {self.stderr()}"
            self.acknowledged += len(received)

    def arm(self, step: int, signal_name: str) -> None:
        """Have it send itself the signal before its step number *step* from now on (1: the next)."""
        self._send(f"arm {step} {signal_name}")

    def pause(self) -> None:
        """Stop it at once (SIGSTOP)."""
        self.process.send_signal(signal.SIGSTOP)
        assert not self.ends_unsignalled()

    def ends_unsignalled(self) -> bool:
        """Wait until it has ended or stopped; return whether it has ended without a signal."""
        status = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert status is not None
        return status.si_code == os.CLD_EXITED

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def finish(self) -> int:
        """Let it end after its commands; return how many lines it has acknowledged."""
        self.close()
        self._read_rest()
        assert self.process.wait() == 0, self.stderr()
        return self.acknowledged

    def kill(self) -> int:
        """Kill it at once (SIGKILL); return how many lines it has acknowledged."""
        self.process.kill()
        self.close()
        self._read_rest()
        self.process.wait()
        return self.acknowledged

    def stderr(self) -> str:
        """Return its stderr, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def lines(self) -> list[str]:
        """Return the lines that it has acknowledged."""
        return lines(self.name, range(self.first, self.first + self.acknowledged))

    def acknowledge_if_written(self, found: Iterable[str]) -> None:
        """Count the line after the last acknowledged one if it is in *found*: its writer was killed in between."""
        if line(self.name, self.first + self.acknowledged) in found:
            self.acknowledged += 1

    def dispose(self) -> None:
        self.kill()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _send(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())

    def _read_rest(self) -> None:
        assert self.process.stdout is not None
        while received := self.process.stdout.read(65536):
            self.acknowledged += len(received)


def backups_of(path: Path) -> list[Path]:
    """Return the numbered backups of *path*, oldest first."""
    numbers = [re.fullmatch(re.escape(path.name) + r"\.([1-9][0-9]*)", file.name) for file in path.parent.iterdir()]
    found = sorted((int(match[1]) for match in numbers if match), reverse=True)
    return [path.with_name(f"{path.name}.{number}") for number in found]


def read_lines(path: Path) -> list[str]:
    """Return all lines of *path* and its backups, oldest first."""
    files = [*backups_of(path), *([path] if path.exists() else [])]
    return [text for file in files for text in file.read_bytes().decode().splitlines(keepends=True)]


def assert_each_once(found: list[str], written: Iterable[str]) -> None:
    """Check that *found* has the lines *written* in any order: none lost, doubled or torn."""
    counts, known = Counter(found), set(written)
    problems = {
        "lost": sorted(known - counts.keys()),
        "doubled": [text for text, count in counts.items() if count > 1],
        "torn or unknown": sorted(counts.keys() - known),
    }
    assert not any(problems.values()), {what: (len(texts), texts[:5]) for what, texts in problems.items()}


def assert_each_once_in_order(found: list[str], written: Mapping[str, list[str]]) -> None:
    """Check that *found* has the lines of all writers: none lost, doubled or torn, and those of each in order."""
    assert_each_once(found, (text for texts in written.values() for text in texts))
    for name, texts in written.items():
        assert [text for text in found if text.startswith(f"<{name}-")] == texts, f"{name}: out of order"


def _signal_myself_at(step: int, number: int) -> None:
    seen = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in STEPS:
            seen += 1
            if seen == step:
                os.kill(os.getpid(), number)

    sys.addaudithook(count)


def main(options: dict[str, Any]) -> None:
    sink = getattr(sinks, options["sink"])(**options["arguments"])
    number = options["first"]
    os.write(1, READY)
    for command in iter(sys.stdin.readline, ""):
        verb, *arguments = command.split()
        if verb == "quit":
            os._exit(0)
        elif verb == "arm":
            _signal_myself_at(int(arguments[0]), signal.Signals[arguments[1]])
        else:
            for _ in range(int(arguments[0])):
                sink.write(line(options["name"], number))
                os.write(1, WRITTEN)
                number += 1
    sink.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
