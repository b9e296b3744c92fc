"""Writers shared by all tests, because their start takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .writers import Writers


@pytest.fixture(scope="session")
def writers() -> Iterator[Writers]:
    with Writers() as writers:
        yield writers
