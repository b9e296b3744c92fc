from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from taskflow_loguru.sinks._one_step import call_into, pop_into

from .files import descriptors
from .interrupts import interrupted, moments


def test_the_result_of_a_call_is_appended() -> None:
    results = [1]
    call_into(results, divmod(17, 5).__getitem__, 1)
    assert results == [1, 2]


def test_all_arguments_are_passed_on() -> None:
    results: list[int] = []
    call_into(results, pow, 2, 5, 10)
    assert results == [2]


def test_a_call_that_raises_appends_nothing() -> None:
    results: list[int] = []
    with pytest.raises(FileNotFoundError):
        call_into(results, os.open, "/no/such/file", os.O_RDONLY)
    assert not results


def test_the_last_item_is_removed_and_passed_on() -> None:
    passed: list[int] = []
    items = [1, 2]
    pop_into(passed.append, items)
    assert (items, passed) == ([1], [2])


def test_no_interrupt_opens_a_file_without_its_number(tmp_path: Path) -> None:
    """Nor does one close a file whose number is still known."""
    before = descriptors(tmp_path)
    for moment in moments():
        fds: list[int] = []
        goes_on = interrupted(partial(call_into, fds, os.open, tmp_path, os.O_RDONLY), moment)
        assert descriptors(tmp_path) == before | {f"{fd} {tmp_path}" for fd in fds}
        if fds:
            goes_on |= interrupted(partial(pop_into, os.close, fds), moment)
        assert descriptors(tmp_path) == before | {f"{fd} {tmp_path}" for fd in fds}
        for fd in fds:
            os.close(fd)
        if not goes_on:
            break
    assert moment > 2
