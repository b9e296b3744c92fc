"""Signal handlers that raise, at every moment at which CPython runs them.

The interpreter looks for signals when it enters a Python function, when a call returns, and when a loop jumps back. A
trace function raises at one such moment, and a test tries them all, one after the other. A moment at the same
instruction, reached by the same calls, is tried once: of the turns of a loop, the first and one of the others.
"""

from __future__ import annotations

import dis
import gc
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import CodeType, FrameType
from typing import Any

CHECKED = ("RESUME", "CALL")
"""The beginnings of the names of instructions after which the interpreter looks for signals, beside jumps back."""

PACKAGE = "taskflow_loguru"


class InterruptError(Exception):
    """The exception that the signal handler raises."""


class _Tracer:
    """Run a signal handler at the moment number *moment* of the package's own code."""

    def __init__(self, moment: int, handler: Callable[[], object], raises: bool) -> None:
        self.has_run = False
        self._moment = moment
        self._handler = handler
        self._raises = raises
        self._seen = 0
        self._tried: set[tuple[int, int]] = set()
        # Of each frame, by its id():
        self._previous: dict[int, int] = {}  # the instruction that it has executed last
        self._way: dict[int, int] = {}  # a hash of the calls that led there, and of whether it has looped

    def trace_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if PACKAGE not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self._previous[id(frame)] = -1
        self._way[id(frame)] = self._way_to(frame)
        self._note(frame)  # the beginning of a function
        return self.trace_opcode

    def trace_opcode(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            previous, self._previous[id(frame)] = self._previous[id(frame)], frame.f_lasti
            # A loop tests its condition before it jumps back: the handler may change it after the test.
            has_jumped_back = frame.f_lasti <= previous and previous in _jumps_of(frame.f_code)
            if has_jumped_back:
                self._way[id(frame)] |= 1
            if has_jumped_back or frame.f_lasti in _moments_of(frame.f_code):
                self._note(frame)
        return self.trace_opcode

    def _way_to(self, frame: FrameType) -> int:
        caller = frame.f_back
        while caller is not None and PACKAGE not in caller.f_code.co_filename:
            caller = caller.f_back
        way = 0 if caller is None else hash((self._way.get(id(caller), 0), caller.f_lasti))
        return hash((way, frame.f_code)) & ~1

    def _note(self, frame: FrameType) -> None:
        moment = (self._way[id(frame)], frame.f_lasti)
        if moment in self._tried:
            return
        self._tried.add(moment)
        self._seen += 1
        if self._seen == self._moment:
            self.has_run = True
            sys.settrace(None)
            self._handler()
            if self._raises:
                raise InterruptError(f"{frame.f_code.co_qualname}, line {frame.f_lineno}")


_known: dict[CodeType, frozenset[int]] = {}


def _moments_of(code: CodeType) -> frozenset[int]:
    """Return the offsets of the instructions that follow a check for signals."""
    found = _known.get(code)
    if found is None:
        instructions = list(dis.get_instructions(code))
        found = frozenset(after.offset for before, after in pairwise(instructions) if before.opname.startswith(CHECKED))
        _known[code] = found
    return found


_known_jumps: dict[CodeType, frozenset[int]] = {}


def _jumps_of(code: CodeType) -> frozenset[int]:
    """Return the offsets of the jumps that check for signals if they lead back."""
    found = _known_jumps.get(code)
    if found is None:
        found = frozenset(
            instruction.offset
            for instruction in dis.get_instructions(code)
            if "JUMP" in instruction.opname and not instruction.opname.endswith("NO_INTERRUPT")
        )
        _known_jumps[code] = found
    return found


def interrupted(
    call: Callable[[], object], moment: int, handler: Callable[[], object] = int, *, raises: bool = True
) -> bool:
    """Call *call*, and run *handler* at the moment number *moment*; return whether there was such a moment.

    Raises:
        AssertionError: The handler has raised, and that was swallowed.
    """
    before = sys.gettrace()  # set by a tool that measures coverage
    tracer = _Tracer(moment, handler, raises)
    was_raised = False
    was_collecting = gc.isenabled()
    gc.disable()  # a sink of an earlier test that is collected now would be interrupted in place of the call
    try:
        sys.settrace(tracer.trace_call)
        call()
    except InterruptError:
        was_raised = True
    finally:
        sys.settrace(before)
        if was_collecting:
            gc.enable()
    assert was_raised == (tracer.has_run and raises), f"the interrupt at moment {moment} was swallowed"
    return tracer.has_run


def moments() -> Iterator[int]:
    """Count moments from 1 on; a test ends with the first call that has fewer."""
    moment = 0
    while True:
        moment += 1
        yield moment
