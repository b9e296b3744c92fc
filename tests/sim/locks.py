"""``threading`` for simulated tasks. A thread is a task of the same process; it is switched at system calls only."""

from __future__ import annotations

import _thread
import math
import threading as real
import types
from collections import deque
from collections.abc import Callable
from typing import Any

from .files import machine
from .modules import module


class Lock:
    _is_reentrant = False

    def __init__(self) -> None:
        self._owner: Any = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = machine.task or self
        if self._owner is not None and not (self._is_reentrant and self._owner is me):
            if not blocking or machine.run is None:
                return False
            deadline = machine.clock + timeout if timeout >= 0 else math.inf
            machine.run.wait(lambda: self._owner is None, deadline)
            if self._owner is not None:
                return False
        self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None

    def locked(self) -> bool:
        return self._owner is not None

    def _is_owned(self) -> bool:
        return self._owner is machine.task

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class RLock(Lock):
    _is_reentrant = True

    def release(self) -> None:
        if self._owner is not (machine.task or self):
            raise RuntimeError("cannot release un-acquired lock")
        super().release()


class Condition:
    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock or RLock()
        self._waiters: deque[list[bool]] = deque()
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        notified: list[bool] = []
        self._waiters.append(notified)
        depth, self._lock._depth, self._lock._owner = self._lock._depth, 0, None
        assert machine.run is not None
        machine.run.wait(lambda: bool(notified), _deadline(timeout))
        self._lock.acquire()
        self._lock._depth = depth
        return bool(notified)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        deadline = _deadline(timeout)
        while not (result := predicate()) and machine.clock < deadline:
            self.wait(None if timeout is None else deadline - machine.clock)
        return result

    def notify(self, count: int = 1) -> None:
        for _ in range(min(count, len(self._waiters))):
            self._waiters.popleft().append(True)

    def notify_all(self) -> None:
        self.notify(len(self._waiters))


class Event:
    def __init__(self) -> None:
        self._condition = Condition()
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._condition.notify_all()

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        with self._condition:
            return self._condition.wait_for(self.is_set, timeout)


class Thread:
    def __init__(
        self,
        group: None = None,
        target: Callable[..., None] | None = None,
        name: str = "thread",
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        self.name, self.daemon, self.ident = name, daemon, id(self)
        self._target, self._args, self._kwargs = target, args, kwargs or {}
        self._task: Any = None

    def start(self) -> None:
        assert machine.run is not None
        parent = machine.task
        self._task = machine.run.spawn(parent.process, f"{parent.name}.{self.name}", self.run)
        self._task.thread, self._task.is_thread = self, True

    def run(self) -> None:
        if self._target is not None:
            self._target(*self._args, **self._kwargs)

    def is_alive(self) -> bool:
        return self._task is not None and self._task.is_alive

    def join(self, timeout: float | None = None) -> None:
        assert machine.run is not None
        machine.run.wait(lambda: not self.is_alive(), _deadline(timeout))


def _deadline(timeout: float | None) -> float:
    return math.inf if timeout is None else machine.clock + timeout


def thread_module() -> types.ModuleType:
    def start_new_thread(function: Callable[..., None], args: tuple[Any, ...]) -> int:
        thread = Thread(target=function, args=args)
        thread.start()
        return thread.ident

    return module("_thread", {**vars(_thread), "start_new_thread": start_new_thread})


def threading_module() -> types.ModuleType:
    return module(
        "threading",
        {
            "Lock": Lock,
            "RLock": RLock,
            "Condition": Condition,
            "Event": Event,
            "Thread": Thread,
            "local": real.local,
            "get_ident": lambda: id(machine.task),
            "get_native_id": lambda: id(machine.task),
            "current_thread": lambda: machine.task and (machine.task.thread or machine.task),
            "main_thread": lambda: machine.task,
            "active_count": lambda: 1,
            "excepthook": lambda *_: None,
        },
    )
