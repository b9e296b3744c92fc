"""Messages about a file that several loggers write."""

from __future__ import annotations

import os
import threading
import weakref
from functools import partial

from ._arguments import shown
from ._host import has_open
from ._stderr import report
from .sinks import RotatingFileSink
from .sinks._file import FileSink

_lock = threading.Lock()
_active: weakref.WeakSet[Writer] = weakref.WeakSet()
_reported: set[str] = set()


class Writer:
    """One FileLogger's use of its file, which reports a logger that interferes with it: once for each file."""

    def __init__(self, file: FileSink, format: object) -> None:
        self.path = file.path
        is_rotating = isinstance(file, RotatingFileSink)
        self.settings = {"mode": "rotate" if is_rotating else "watched", "format": format}
        if is_rotating:
            names = ("max_bytes", "backup_count", "compression", "when")
            self.settings.update({name: getattr(file, name) for name in names})
        self._knows_host = False

    def start(self) -> None:
        """Report another active FileLogger that writes the file with other settings."""
        with _lock:
            others = [other for other in _active if other is not self and _is_same_file(self.path, other.path)]
            _active.add(self)
        for other in others:
            differences = [
                f"{name} ({shown(other.settings[name])} and {shown(value)})"
                for name, value in self.settings.items()
                if name in other.settings and _comparable(other.settings[name]) != _comparable(value)
            ]
            if differences and (path := os.path.realpath(self.path)) not in _reported:
                _reported.add(path)
                report(
                    f"{self.path!r}: two FileLoggers write this file, and differ in {', '.join(differences)}; "
                    "give both the same settings, or each a file of its own"
                )

    def stop(self) -> None:
        """End the use of the file, when its logger is closed."""
        with _lock:
            _active.discard(self)

    def check_host(self) -> None:
        """Report a FileLogger of fastapi-taskflow that writes the file."""
        if not self._knows_host and has_open(self.path):
            self._knows_host = True
            report(
                f"{self.path!r}: fastapi_taskflow's own FileLogger writes this file too, as with log_file= of "
                "fastapi_taskflow.TaskManager; leave out one of the two, or import TaskManager from taskflow_loguru"
            )


def _is_same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:  # one of them is missing now
        return os.path.realpath(path) == os.path.realpath(other)


def _comparable(value: object) -> object:
    return (value.func, value.args, value.keywords) if isinstance(value, partial) else value
