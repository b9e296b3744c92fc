"""A thread of a simulated process, and the listing of its calls."""

from __future__ import annotations

import fcntl
import io
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import greenlet  # type: ignore[import-untyped]

from .inodes import Process


class Killed(BaseException):
    """The process of the running task has received SIGKILL."""


class Task:
    """A thread of a simulated process."""

    def __init__(self, process: Process, name: str, main: Callable[[], None], parent: Any) -> None:
        self.process = process
        self.name = name
        self.number = -1
        self.stderr = io.StringIO()
        self.pending: tuple[str, tuple[Any, ...]] | None = None
        self.thread: Any = None
        self.wakes_at = 0.0
        self.waits_for: Callable[[], bool] | None = None
        self.history = hash(name)
        """A hash of all results so far: they alone decide what the task does next."""
        self.is_thread = False
        """Whether a sink has started it."""
        self.is_sink = True
        """Whether it runs a sink; only such a task gets errors and stops."""
        self.rotates = False
        self.progress = 0
        """Twice the number of calls of ``write`` that have returned, plus one during such a call."""
        self.is_done = False
        self.is_killed = False
        self.error: BaseException | None = None
        self._main = main
        self.greenlet = greenlet.greenlet(self._run, parent)

    def _run(self) -> None:
        try:
            self._main()
        except (Killed, greenlet.GreenletExit):
            pass
        except Exception as error:  # for the checks
            self.error = error
        finally:
            self.is_done = True

    @property
    def is_alive(self) -> bool:
        return not (self.is_done or self.is_killed)


@dataclass(frozen=True)
class Step:
    """A line of a listing."""

    task: str
    call: str
    result: str


def listed(task: Task, name: str, args: tuple[Any, ...], result: str) -> Step:
    if name == "flock":
        name, args = ("unlock" if args[1] & fcntl.LOCK_UN else "lock"), args[:1]
    return Step(task.name, f"{name} {', '.join(shown(argument) for argument in args)}", result)


def key(result: Any) -> Any:
    """Return the part of a result by which results are compared."""
    if type(result) is list:
        return tuple(result)
    if isinstance(result, tuple) and len(result) >= 10:  # a stat_result, without its times
        return tuple(result[:7])
    return result


def shown(value: Any) -> str:
    """Return a value as a listing shows it."""
    if value is None:
        return ""
    if isinstance(value, tuple) and len(value) >= 10:
        return f"#{value[1]} {stat.S_IMODE(value[0]):04o} {value[4]}:{value[5]} {value[6]}B"
    if isinstance(value, str):
        return value.rpartition("/")[2] or value
    if isinstance(value, bytes):
        return repr(value.replace(b"....", b""))[1:]
    return f"process {value.number}" if isinstance(value, Process) else str(value)
