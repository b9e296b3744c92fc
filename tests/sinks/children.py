"""A process of its own for a sink, for limits, permissions and ends that the test's process cannot have."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType

_WRITE_LINES = """
import sys
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink
sink = eval(sys.argv[1])
print(flush=True)
for line in sys.stdin:
    sink.write(line)
    print(flush=True)
"""


class SinkProcess:
    """A process that makes a sink from an expression, writes each line that it gets, and ends as any program does.

    It has no more rights on files than their owner, even if root runs it.
    """

    def __init__(self, sink: str) -> None:
        self._process = subprocess.Popen(
            [*_without_privileges(), sys.executable, "-c", _WRITE_LINES, sink],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout
        self._wait_for_answer()

    def __enter__(self) -> SinkProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, *lines: str) -> None:
        """Have *lines* written, and wait until ``write`` has returned for each."""
        for line in lines:
            self._orders.write(line + "\n")
            self._orders.flush()
            self._wait_for_answer()

    def end(self) -> str:
        """Let the process end, and return its stderr."""
        _, stderr = self._process.communicate()
        assert self._process.returncode == 0
        return stderr

    def _wait_for_answer(self) -> None:
        assert self._answers.readline() == "\n", "the sink raised, or its process is gone"


def _without_privileges() -> list[str]:
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
