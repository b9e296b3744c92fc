"""Load the unmodified sinks, and the pure Python parts of ``os`` below them, on top of the simulated modules."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import os as real_os
import sys
import types
from collections.abc import Callable, Iterator, MutableMapping, MutableSet
from pathlib import Path
from typing import Any

from .files import machine, open_file, text
from .locks import thread_module, threading_module
from .modules import FakeSys, fcntl_module, module, posix, time_module

PROJECT = Path(__file__).parents[2]
PACKAGE = "taskflow_loguru"

_code: dict[Path, types.CodeType] = {}


@contextlib.contextmanager
def _in_module_table(made: types.ModuleType) -> Iterator[None]:
    """Make the module that is being executed visible to ``dataclass``."""
    is_new = sys.modules.setdefault(made.__name__, made) is made
    try:
        yield
    finally:
        if is_new:
            del sys.modules[made.__name__]


class World:
    """The modules of one program: each is executed once, and imports the simulated ones."""

    def __init__(self, root: Path, shared: dict[str, types.ModuleType]) -> None:
        self._root = root
        self._modules = dict(shared)

    def load(self, name: str) -> types.ModuleType:
        made = self._modules.get(name)
        if made is not None:
            return made
        path = self._root.joinpath(*name.split("."))
        is_package = path.is_dir()
        file = path / "__init__.py" if is_package else path.with_suffix(".py")
        made = self._modules[name] = types.ModuleType(name)
        made.__file__ = str(file)
        made.__package__ = name if is_package else name.rpartition(".")[0]
        if is_package:
            made.__path__ = [str(path)]
        if name != PACKAGE:  # its __init__ imports the whole project
            made.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import, "open": open_file}
            if file not in _code:
                _code[file] = compile(file.read_text(), str(file), "exec")
            with _in_module_table(made):
                exec(_code[file], made.__dict__)
        made.__dict__.update({known: call for known, call in _BY_CTYPES.items() if known in made.__dict__})
        return made

    def _import(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: tuple[str, ...] = (), level: int = 0
    ) -> Any:
        if level:
            parts = globals["__package__"].split(".")
            base = parts[: len(parts) - level + 1]
            name = ".".join([*base, name] if name else base)
        if name not in self._modules and name.partition(".")[0] != PACKAGE and name not in _STDLIB:
            return builtins.__import__(name, globals, locals, fromlist, 0)
        loaded = self.load(name)
        if not fromlist:
            return self.load(name.partition(".")[0])
        for wanted in fromlist:
            if wanted != "*" and not hasattr(loaded, wanted) and hasattr(loaded, "__path__"):
                setattr(loaded, wanted, self.load(f"{name}.{wanted}"))
        return loaded


def _exchange(*args: Any) -> None:
    """Exchange two names: absolute ones, or those in the folder of a descriptor, which comes first."""
    *folder, first, second = args
    machine.call("exchange", text(first, *folder), text(second, *folder))


_BY_CTYPES = {
    "_statx": lambda *_: -1,  # os.stat() is called instead
    "exchange": _exchange,
}
"""In place of the functions that call the kernel through ctypes."""

_STDLIB = {"os", "posixpath", "genericpath"}


def _simulated() -> dict[str, types.ModuleType]:
    fake_sys = FakeSys()
    below = {"posix": posix(), "sys": fake_sys}
    stdlib = World(Path(real_os.__file__).parent, below)
    os = stdlib.load("os")
    util = module("multiprocessing.util", {"Finalize": machine.add_finalizer, "register_after_fork": lambda *_: None})
    return {
        "os": os,
        "os.path": os.path,
        "posixpath": os.path,
        "sys": fake_sys,
        "fcntl": fcntl_module(),
        "time": time_module(),
        "threading": threading_module(),
        "_thread": thread_module(),
        "select": module("select", {}),
        "multiprocessing": module("multiprocessing", {"util": util, "__path__": []}),
        "multiprocessing.util": util,
        "atexit": module("atexit", {"register": lambda call, *args: machine.add_finalizer(None, call, *args)}),
    }


class Program:
    """The sinks of one process, with their own module-level state, which ``reset()`` restores."""

    def __init__(self, root: Path, simulated: dict[str, types.ModuleType]) -> None:
        self._world = World(root, simulated)
        self._is_0_2 = (root / PACKAGE / "sinks" / "_compressor.py").exists()
        self.finalizers: list[Callable[[], None]] = []
        machine.finalizers = self.finalizers
        self.sinks = self.load("sinks")
        own = [made for name, made in self._world._modules.items() if name.startswith(f"{PACKAGE}.")]
        self._containers = [kept for made in own for kept in _containers(made)]
        self._rebound = [(made, dict(vars(made))) for made in own if _has_global(made)]

    def load(self, name: str) -> Any:
        return self._world.load(f"{PACKAGE}.{name}")

    def compress(self, path: str, backup_count: int) -> Iterator[float]:
        """Compress backups as the thread does after a rotation; yield how long it pauses after each step."""
        if self._is_0_2:
            compressor = self.load("sinks._compressor")
            compressor.compress_backups(path, backup_count, compressor.Opened())
        else:
            yield from self.load("sinks._upkeep").Upkeep(path, backup_count, "gzip").steps()

    def reset(self) -> None:
        for container, content in self._containers:
            container.clear()
            container.__ior__(content)
        for made, names in self._rebound:
            made.__dict__.update(names)

    def end(self) -> None:
        """Call the finalizers, as the interpreter does at its end."""
        for finalize in self.finalizers:
            finalize()


def _has_global(made: types.ModuleType) -> bool:
    """Return whether a function of the module may assign to a global name."""
    return "global " in inspect.getsource(made)


def _containers(made: types.ModuleType) -> list[tuple[Any, Any]]:
    """Return the sets and mappings of a module, and of its objects, each with a copy of its content."""
    values = [value for name, value in vars(made).items() if not name.startswith("__")]
    objects = [value for value in values if type(value).__module__ == made.__name__ and hasattr(value, "__dict__")]
    values += [value for found in objects for value in vars(found).values()]
    kept = [value for value in values if isinstance(value, MutableMapping | MutableSet)]
    return [(value, dict(value) if isinstance(value, MutableMapping) else set(value)) for value in kept]


def programs(count: int, root: Path = PROJECT) -> list[Program]:
    """Return the programs of *count* processes, which run the sinks of the checkout at *root*."""
    simulated = _simulated()
    return [Program(root, simulated) for _ in range(count)]
