"""Signal handlers that raise, at every moment at which this interpreter runs them.

Each version of CPython checks for signals at other instructions: after calls, at jumps back, at the beginning of a
function. So a signal arrives before every instruction of the package, and the interpreter runs its handler at the next
check. The handler counts these moments, and a test tries all of them, one after the other. A moment that the same calls
have reached before is tried once more, so that a loop is interrupted in its first turn and in another one.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import taskflow_loguru

PACKAGE = str(Path(taskflow_loguru.__file__).parent)
"""The folder of the code that is interrupted."""

NUMBER = signal.SIGUSR2

_raise_signal = ctypes.pythonapi.PyErr_SetInterruptEx
_raise_signal.argtypes = (ctypes.c_int, ctypes.py_object, ctypes.py_object, ctypes.py_object)
_raise_signal.restype = None
_signal_arrives = partial(_raise_signal, NUMBER)
"""A callback with three ignored arguments. It is written in C: one in Python would itself be interrupted."""

count_of_moments = 0
"""The number of moments that were interrupted so far."""


class InterruptError(Exception):
    """The exception that the signal handler raises."""


class _Interrupt:
    """Run *handler* at the moment number *moment*, and raise an exception afterwards if *raises*."""

    def __init__(self, moment: int, handler: Callable[[], object], raises: bool) -> None:
        self.has_run = False
        self._moment = moment
        self._handler = handler
        self._raises = raises
        self._reached: defaultdict[tuple[object, ...], int] = defaultdict(int)  # without a method in Python
        self._seen = 0

    def interrupts(self, code: CodeType) -> bool:
        return code.co_filename.startswith(PACKAGE) and code.co_filename != __file__

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.has_run or frame is None or not self.interrupts(frame.f_code):
            return
        place = tuple(self._calls_of(frame))
        self._reached[place] += 1
        if self._reached[place] > 2:
            return
        self._seen += 1
        if self._seen == self._moment:
            self.has_run = True
            self._handler()
            if self._raises:
                raise InterruptError(f"{frame.f_code.co_filename}:{frame.f_lineno}")

    def _calls_of(self, frame: FrameType | None) -> Iterator[object]:
        while frame is not None:
            if self.interrupts(frame.f_code):
                yield from (frame.f_code, frame.f_lasti)
            frame = frame.f_back


@contextlib.contextmanager
def _signals_before_instructions(interrupt: _Interrupt) -> Iterator[None]:
    """Let the signal arrive before each instruction, and when a function of others returns to the package."""

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename == __file__:
            return None
        frame.f_trace_opcodes = interrupts(frame.f_code)
        frame.f_trace_lines = False
        if frame.f_lasti < 0:  # Python 3.10 checks for signals after this call, which has already been interrupted
            [_] = map(_signal_arrives, (frame,), (None,), (None,))
        return _signal_arrives

    interrupts = interrupt.interrupts
    before = sys.gettrace()  # set by a tool that measures coverage
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


if sys.version_info >= (3, 12):  # there, sys.settrace() loses instructions
    monitoring = sys.monitoring
    TOOL = monitoring.OPTIMIZER_ID

    @contextlib.contextmanager
    def _signals_before_instructions(interrupt: _Interrupt) -> Iterator[None]:
        """Let the signal arrive before each instruction."""

        def start(code: CodeType, offset: int) -> object:
            if interrupts(code):
                changed.append(code)
                monitoring.set_local_events(TOOL, code, events.INSTRUCTION)
            # The signal may have arrived here. It arrives again, in C, so that it interrupts the function.
            [_] = map(_signal_arrives, (code,), (None,), (None,))
            return monitoring.DISABLE

        events = monitoring.events
        interrupts = interrupt.interrupts
        changed: list[CodeType] = []
        monitoring.use_tool_id(TOOL, "interrupts")
        monitoring.register_callback(TOOL, events.PY_START, start)
        monitoring.register_callback(TOOL, events.INSTRUCTION, partial(_signal_arrives, None))
        monitoring.restart_events()
        monitoring.set_events(TOOL, events.PY_START)
        try:
            yield
        finally:
            monitoring.set_events(TOOL, 0)
            for code in changed:
                monitoring.set_local_events(TOOL, code, 0)
            monitoring.free_tool_id(TOOL)


def interrupted(
    call: Callable[[], object], moment: int, handler: Callable[[], object] = int, *, raises: bool = True
) -> bool:
    """Call *call*, and run *handler* at the moment number *moment*; return whether there was such a moment.

    Raises:
        AssertionError: The handler has raised, and that was swallowed.
    """
    global count_of_moments
    interrupt = _Interrupt(moment, handler, raises)
    was_raised = False
    was_collecting = gc.isenabled()
    gc.disable()  # a sink of an earlier test that is collected now would be interrupted in place of the call
    before = signal.signal(NUMBER, interrupt.handle)
    try:
        with _signals_before_instructions(interrupt):
            call()
    except InterruptError:
        was_raised = True
    finally:
        interrupt.has_run, has_run = True, interrupt.has_run
        signal.signal(NUMBER, before)
        if was_collecting:
            gc.enable()
    assert was_raised == (has_run and raises), f"the interrupt at moment {moment} was swallowed"
    count_of_moments += has_run
    return has_run


def moments() -> Iterator[int]:
    """Count moments from 1 on; a test ends with the first call that has fewer."""
    moment = 0
    while True:
        moment += 1
        yield moment
