from __future__ import annotations

import gc
import pickle
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import BackgroundSink, WatchedFileSink, background
from taskflow_loguru.sinks.background import DEFAULT_MAX_PENDING_BYTES, STOP_TIMEOUT


class Lines:
    def __init__(self) -> None:
        self.lines: list[Any] = []

    def write(self, message: str) -> None:
        self.lines.append(message)

    def __repr__(self) -> str:
        return "Lines()"


class Message(str):
    """A message of loguru, which holds its record."""


def loss_line(count: int, reason: str) -> str:
    return f"{count} lost"


@pytest.fixture
def stopped() -> Iterator[list[BackgroundSink]]:
    sinks: list[BackgroundSink] = []
    yield sinks
    for sink in sinks:
        sink.stop()


def test_lines_are_written_by_stop_at_the_latest() -> None:
    sink = Lines()
    background_sink = BackgroundSink(sink)
    background_sink.write("one")
    background_sink.stop()
    assert sink.lines == ["one"]
    background_sink.write("two")
    assert sink.lines == ["one", "two"]


def test_start_hands_lines_to_the_thread_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr("taskflow_loguru.sinks._writer.start_thread", lambda *arguments: started.append(arguments))
    sink = BackgroundSink(Lines())
    sink.stop()
    sink.write("one")
    assert not started
    sink.start()
    sink.write("two")
    assert len(started) == 1


def test_stop_has_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = BackgroundSink(Lines())
    timeouts: list[float] = []
    monkeypatch.setattr(sink._writer, "stop", timeouts.append)
    sink.stop()
    assert timeouts == [STOP_TIMEOUT]


def test_a_sink_of_lines_gets_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of loguru holds its whole record, which would wait in memory too."""
    file, lines = BackgroundSink(WatchedFileSink(tmp_path / "app.log")), BackgroundSink(Lines())
    for sink, kind in ((file, str), (lines, Message)):
        put: list[Any] = []
        monkeypatch.setattr(sink._writer, "put", put.append)
        sink.write(Message("one"))
        assert [type(message) for message in put] == [kind]


def test_the_thread_ends_with_its_sink() -> None:
    sink = BackgroundSink(Lines())
    writer = weakref.ref(sink._writer)
    del sink
    gc.collect()
    assert writer() is None


def test_it_learns_of_forks_and_of_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Any] = []
    monkeypatch.setattr("taskflow_loguru.sinks._process.register", registered.append)
    sink = BackgroundSink(Lines())
    assert registered == [sink._writer]


def test_stats_are_those_of_the_file_and_of_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks._writer.start_thread", lambda *_: None)
    file = WatchedFileSink(tmp_path / "app.log")
    sink = BackgroundSink(file, max_pending_bytes=7)
    file.write("written")
    for line in ("one", "two", "three"):
        sink.write(line)
    file._spool.backlog.count_lost = 4
    stats = sink.stats()
    assert (stats.lines_written, stats.lines_waiting, stats.lines_lost) == (1, 2, 5)


def test_stats_need_a_file_sink() -> None:
    with pytest.raises(TypeError, match=r"sink must be a file sink to have stats, not Lines\(\)"):
        BackgroundSink(Lines()).stats()


@pytest.mark.parametrize("sink", ["tmp.log", Lines, None, object()])
def test_an_object_without_write_is_refused(sink: Any) -> None:
    with pytest.raises(TypeError, match="sink must have a write"):
        BackgroundSink(sink)


@pytest.mark.parametrize("options", [{"max_pending_bytes": -1}, {"loss_line": "gone"}])
def test_a_wrong_argument_is_named(options: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{next(iter(options))} "):
        BackgroundSink(Lines(), **options)


def test_a_sink_shows_how_to_make_it(tmp_path: Path) -> None:
    assert repr(BackgroundSink(Lines())) == "BackgroundSink(Lines())"
    sink = BackgroundSink(WatchedFileSink(tmp_path / "app.log"), max_pending_bytes=7, loss_line=loss_line)
    assert repr(sink) == f"BackgroundSink({sink.sink!r}, max_pending_bytes=7, loss_line=loss_line)"
    assert repr(pickle.loads(pickle.dumps(sink))) == repr(sink)


def test_the_loss_line_can_be_changed_to_another_one_only() -> None:
    sink = BackgroundSink(Lines())
    sink.loss_line = loss_line
    assert sink.loss_line is loss_line
    wanted = "loss_line must be a function of a count and a reason, not None"
    with pytest.raises(TypeError, match=f"^{wanted}$"):
        sink.loss_line = None  # type: ignore[assignment]
    with pytest.raises(TypeError, match=f"^{wanted}$"):
        BackgroundSink(Lines(), loss_line=None)  # type: ignore[arg-type]
    assert sink.loss_line is loss_line


def test_its_bounds_are_those_that_are_documented() -> None:
    assert background.STOP_TIMEOUT == 5.0
    assert DEFAULT_MAX_PENDING_BYTES == 64 * 1024 * 1024
