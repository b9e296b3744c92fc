"""A fixture for the tests of the sinks: writer processes that no test leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .writers import Writer


@pytest.fixture
def start_writer() -> Iterator[Callable[..., Writer]]:
    """``start_writer("a", path, max_bytes=100, backup_count=3)`` starts a :class:`Writer`, which ends with the test."""
    writers: list[Writer] = []

    def start(*args: object, **options: object) -> Writer:
        writer = Writer(*args, **options)  # type: ignore[arg-type]
        writers.append(writer)
        return writer

    yield start
    for writer in writers:
        writer.dispose()
