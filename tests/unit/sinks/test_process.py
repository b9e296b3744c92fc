from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import util
from typing import Any

import pytest

from taskflow_loguru.sinks import _process


class Sink:
    """A sink that records the calls of its methods."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self.calls = calls
        self.deadline = 0.0
        _process.register(self)

    def after_fork(self) -> None:
        self.calls.append(f"{self.name} forked")

    def at_exit(self, deadline: float) -> None:
        self.calls.append(f"{self.name} ends")
        self.deadline = deadline


@pytest.fixture
def finalizers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Any, Any]]:
    """Isolate the finalizers of ``multiprocessing`` from those of other sinks."""
    monkeypatch.setattr(_process, "_sinks", _process._Sinks())
    registry: dict[Any, Any] = util._finalizer_registry  # type: ignore[attr-defined]
    before = dict(registry)
    registry.clear()
    yield registry
    registry.clear()
    registry.update(before)


def test_at_the_end_the_newest_sink_comes_first(finalizers: dict[Any, Any]) -> None:
    """A background sink is newer than the sink behind it, which needs its lines before it is stopped."""
    calls: list[str] = []
    sinks = [Sink("file", calls), Sink("background", calls)]
    _process._sinks.at_exit()
    assert calls == ["background ends", "file ends"]
    assert len({sink.deadline for sink in sinks}) == 1


def test_all_sinks_together_have_the_exit_timeout(finalizers: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "now", lambda: 1000.0)
    sink = Sink("file", [])
    _process._sinks.at_exit()
    assert sink.deadline == 1000.0 + _process.EXIT_TIMEOUT


def test_a_sink_is_notified_for_as_long_as_it_lives(finalizers: dict[Any, Any]) -> None:
    calls: list[str] = []
    Sink("dropped", calls)
    _process._sinks.at_exit()
    assert not calls


def test_a_child_has_an_end_of_its_own(finalizers: dict[Any, Any]) -> None:
    calls: list[str] = []
    sink = Sink("file", calls)
    _process._sinks.after_fork_in_child()
    ((priority, _),) = finalizers
    assert priority == -100  # after the finalizers of the program
    util._run_finalizers()  # type: ignore[attr-defined]
    assert calls == [f"{sink.name} forked", f"{sink.name} ends"]


def test_an_exception_at_the_end_costs_no_line_of_another_sink(
    finalizers: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time limit may strike while the end waits for a disk."""

    def interrupted(deadline: float) -> None:
        raise TimeoutError

    calls: list[str] = []
    sinks = [Sink("oldest", calls), Sink("interrupted", calls), Sink("newest", calls)]
    monkeypatch.setattr(sinks[1], "at_exit", interrupted)
    with pytest.raises(TimeoutError):
        _process._sinks.at_exit()
    assert calls == ["newest ends", "oldest ends"]
