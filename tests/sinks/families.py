"""A program whose processes share a sink that is older than they are, and already used: see test_processes.py.

``python -m tests.sinks.families HOW PATH`` where HOW is a start method of ``multiprocessing``, "os.fork", or
"os.fork while threads write". Each writer writes the lines of its name, and the numbers 0 to LINES - 1.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from typing import Any

from taskflow_loguru.sinks import RotatingFileSink

from .writers import lines

CHILDREN = 4
LINES = 500
MAX_BYTES = 5000


def write_lines(sink: RotatingFileSink, name: str) -> None:
    for text in lines(name, range(LINES)):
        sink.write(text)


def by_fork(sink: RotatingFileSink) -> None:
    children = []
    for number in range(CHILDREN):
        child = os.fork()
        if not child:
            write_lines(sink, f"child{number}")
            os._exit(0)
        children.append(child)
    write_lines(sink, "parent")
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def by_fork_while_threads_write(sink: RotatingFileSink) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of the fork, which is tested here
    threads = [threading.Thread(target=write_lines, args=(sink, f"thread{number}")) for number in range(2)]
    for thread in threads:
        thread.start()
    by_fork(sink)
    for thread in threads:
        thread.join()


def by_multiprocessing(sink: RotatingFileSink, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    children = [context.Process(target=write_lines, args=(sink, f"child{number}")) for number in range(CHILDREN)]
    for child in children:
        child.start()
    write_lines(sink, "parent")
    for child in children:
        child.join()
        assert child.exitcode == 0


def main(how: str, path: str) -> None:
    sink = RotatingFileSink(path, max_bytes=MAX_BYTES, backup_count=1000)
    write_lines(sink, "before")
    if how == "os.fork":
        by_fork(sink)
    elif how == "os.fork while threads write":
        by_fork_while_threads_write(sink)
    else:
        by_multiprocessing(sink, how)
    write_lines(sink, "after")


if __name__ == "__main__":
    main(*sys.argv[1:])
