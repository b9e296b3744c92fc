from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from taskflow_loguru.sinks import WatchedFileSink, _writer
from taskflow_loguru.sinks._spool import WINDOW
from taskflow_loguru.sinks._writer import THREAD_NAME, Writer

from .files import Clock

WAIT_SECONDS = 30.0


def loss_line(count: int, reason: str) -> str:
    return f"{count} lost: {reason}"


class Lines:
    """A sink that takes lines one by one, and fails with each that contains "bad"."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.before: Callable[[str], object] = lambda message: None

    def __repr__(self) -> str:
        return "Lines()"

    def write(self, message: str) -> None:
        self.before(message)
        if "bad" in message:
            raise RuntimeError("bad line")
        self.calls.append(message)


class Batches(Lines):
    """A sink that takes many lines at once, and can be stopped."""

    def writelines(self, messages: list[str]) -> None:
        for message in messages:
            self.before(message)
        if "bad" in messages:
            raise RuntimeError("bad line")
        self.calls.append(list(messages))

    def stop(self) -> None:
        self.calls.append("stop")


class Threads:
    """Threads that a test runs itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[tuple[Callable[[], None], str]] = []
        self.failure: BaseException | None = None
        monkeypatch.setattr(_writer, "start_thread", self._start)

    def _start(self, function: Callable[[], None], name: str, running: list[int]) -> None:
        if self.failure is not None:
            raise self.failure
        self.started.append((function, name))
        running.append(1)

    def run(self) -> None:
        function, _ = self.started.pop(0)
        function()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    return Threads(monkeypatch)


class Owner:
    pass


def writer_of(sink: Lines, max_bytes: int = 10_000) -> Writer:
    return Writer(sink, max_bytes, loss_line)


def run_dropped(writer: Writer, threads: Threads) -> None:
    """Let the thread write everything and end, as it does when the owner is gone."""
    writer.serve(Owner())
    threads.run()


# -- with its thread ------------------------------------------------------------------------------


def test_lines_are_left_to_one_thread(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    writer.put("one")
    writer.put("two")
    assert not sink.calls
    assert [name for _, name in threads.started] == [THREAD_NAME]
    run_dropped(writer, threads)
    assert sink.calls == [["one", "two"], "stop"]
    assert (writer.backlog.count_written, writer.backlog.bytes_written) == (2, 0)


def test_a_thread_that_is_awake_is_not_woken(threads: Threads) -> None:
    writer = writer_of(Lines())
    writer.put("one")
    writer.put("two")
    assert writer._wake.empty()


def test_a_thread_that_is_asleep_is_woken_once(threads: Threads) -> None:
    writer = writer_of(Lines())
    writer.put("one")
    writer.backlog.entries.clear()
    writer._fall_asleep()
    writer.put("two")
    writer.put("three")
    assert writer._wake.qsize() == 1


def test_a_thread_that_has_nothing_to_write_falls_asleep(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not end: a thread for each line would cost more than the line."""
    sink = Batches()
    writer = writer_of(sink)
    monkeypatch.setattr(writer, "_wake", Awake())
    writer.put("one")
    with pytest.raises(AssertionError, match=r"^asleep"):
        threads.run()
    assert sink.calls == [["one"]]


def test_the_thread_of_a_dropped_sink_ends(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    owner = Owner()
    writer.serve(owner)
    writer.put("one")
    del owner
    threads.run()
    assert sink.calls == [["one"], "stop"]
    writer.put("two")
    threads.run()
    assert sink.calls == [["one"], "stop", ["two"], "stop"]


def test_a_sleeping_thread_is_woken_by_a_line_and_by_the_end_of_its_owner() -> None:
    written: list[threading.Event] = [threading.Event(), threading.Event()]
    sink = Lines()
    sink.before = lambda message: written[int(message)].set()
    writer = writer_of(sink)
    owner = Owner()
    writer.serve(owner)
    writer.put("0")
    assert written[0].wait(WAIT_SECONDS)
    wait_until(lambda: writer._is_asleep)
    writer.put("1")
    assert written[1].wait(WAIT_SECONDS)
    wait_until(lambda: writer._is_asleep)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    del owner
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Awake:
    """The queue that wakes the thread, for a test in which the thread must not fall asleep."""

    def get(self) -> None:
        raise AssertionError("asleep")

    def put(self, item: object) -> None:
        raise AssertionError("not asleep")


def test_the_thread_does_not_sleep_through_a_stop_of_the_last_moment(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call comes after the thread has checked for it, and before the thread is marked as asleep."""
    sink = Batches()
    writer = writer_of(sink)
    really_run = writer._gate.run

    def run(job: Callable[[], None]) -> None:
        if job == writer._fall_asleep:
            writer.stop(0.0)
        really_run(job)

    monkeypatch.setattr(writer, "_wake", Awake())
    monkeypatch.setattr(writer._gate, "run", run)
    writer.put("one")
    threads.run()
    assert sink.calls == [["one"], "stop"]


def test_the_thread_does_not_sleep_through_a_line_of_the_last_moment(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Batches()
    writer = writer_of(sink)
    really_run = writer._gate.run

    def run(job: Callable[[], None]) -> None:
        if job == writer._fall_asleep and len(sink.calls) == 1:
            writer.put("two")
        really_run(job)

    def end(message: str) -> None:
        if message == "two":
            writer._owner = lambda: None

    sink.before = end
    monkeypatch.setattr(writer, "_wake", Awake())
    monkeypatch.setattr(writer._gate, "run", run)
    writer.put("one")
    threads.run()
    assert sink.calls == [["one"], ["two"], "stop"]


def test_many_lines_are_written_at_once_but_not_all(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    for number in range(WINDOW + 1):
        writer.put(f"{number}")
    run_dropped(writer, threads)
    assert [len(call) for call in sink.calls] == [WINDOW, 1, 4]


def test_between_two_batches_others_get_their_turn(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is as long as the batch took, and 10 ms at most: the lock of the file was held for that time."""
    clock = Clock(monkeypatch, _writer)
    sink = Batches()
    writer = writer_of(sink)
    costs = {"0": 0.004, f"{WINDOW}": 2.0}

    def take_time(message: str) -> None:
        clock.now += costs.pop(message, 0.0)

    sink.before = take_time
    for number in range(3 * WINDOW):
        writer.put(f"{number}")
    run_dropped(writer, threads)
    assert clock.sleeps == [pytest.approx(0.004), 0.01]


def test_stop_does_not_wait_for_pauses(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, _writer)
    writer = writer_of(Batches())
    for number in range(2 * WINDOW):
        writer.put(f"{number}")
    writer.stop(0.0)
    threads.run()
    assert not clock.sleeps


def test_lines_that_do_not_fit_are_reported_in_their_place(threads: Threads) -> None:
    sink = Lines()
    writer = writer_of(sink, 7)
    for line in ("ä", "one", "two", "ä"):
        writer.put(line)
    run_dropped(writer, threads)
    assert sink.calls == ["ä", "one", "1 lost: more than 7 bytes were waiting to be written", "ä"]


def test_a_lone_surrogate_is_counted_as_it_is_written(threads: Threads) -> None:
    writer = writer_of(Lines(), 6)
    writer.put("\ud800")
    writer.put("a")
    assert writer.backlog.count_lost == 1


@pytest.mark.parametrize(("kind", "calls", "failed"), [(Lines, ["one", "two"], "2 lines"), (Batches, [], "4 lines")])
def test_an_exception_of_the_sink_is_reported_with_the_line_count(
    kind: type[Lines], calls: list[Any], failed: str, threads: Threads, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = kind()
    writer = writer_of(sink)
    for line in ("one", "bad", "two", "bad"):
        writer.put(line)
    run_dropped(writer, threads)
    assert [call for call in sink.calls if call != "stop"] == calls
    assert capsys.readouterr().err == f"taskflow_loguru: Lines(): {failed} lost: RuntimeError('bad line')\n"
    assert not writer.backlog.entries


# -- stop -----------------------------------------------------------------------------------------


def test_stop_waits_until_all_is_written_and_the_sink_stopped() -> None:
    sink = Batches()
    writer = writer_of(sink)
    for number in range(3):
        writer.put(f"{number}")
        writer.stop(WAIT_SECONDS)
        assert sink.calls == [["0"], "stop", ["1"], "stop", ["2"], "stop"][: 2 * number + 2]
        writer.start()


def test_after_stop_a_line_is_written_when_put_returns(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    writer.stop(0.0)
    assert sink.calls == ["stop"]
    writer.put("one")
    assert sink.calls == ["stop", ["one"]]
    assert not threads.started
    assert (writer.backlog.count_written, writer.backlog.bytes_written) == (1, 0)


def test_start_leaves_lines_to_the_thread_again(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    writer.stop(0.0)
    writer.start()
    writer.put("one")
    assert sink.calls == ["stop"]
    run_dropped(writer, threads)
    assert sink.calls == ["stop", ["one"], "stop"]


def test_while_the_thread_is_busy_a_line_after_stop_is_left_to_it(threads: Threads) -> None:
    """Otherwise the lines would be out of order."""
    sink = Batches()
    writer = writer_of(sink)
    writer.put("one")
    writer.stop(0.0)
    writer.put("two")
    assert not sink.calls
    threads.run()
    assert sink.calls == [["one", "two"], "stop"]


def test_a_line_that_comes_while_the_sink_is_stopped_is_written(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    really_stop = sink.stop

    def stop() -> None:
        really_stop()
        if sink.calls.count("stop") == 1:
            writer.put("late")

    sink.stop = stop  # type: ignore[method-assign]
    writer.put("one")
    writer.stop(0.0)
    threads.run()
    assert sink.calls == [["one"], "stop", ["late"], "stop"]


def test_stop_gives_up_after_its_timeout(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[Any] = []

    class Never(SimpleQueue[None]):
        def get(self, *arguments: Any) -> None:
            waits.append(arguments)
            raise Empty

    writer = writer_of(Batches())
    writer.put("one")
    monkeypatch.setattr(_writer, "SimpleQueue", Never)
    for timeout in (0.5, 0.0, -1.0):
        writer.stop(timeout)
    assert waits == [(True, 0.5), (True, 0.0), (True, 0.0)]


def test_every_stop_returns_at_the_end(threads: Threads) -> None:
    writer = writer_of(Batches())
    writer.put("one")
    stopping = [threading.Thread(target=writer.stop, args=(WAIT_SECONDS,)) for _ in range(2)]
    for thread in stopping:
        thread.start()
    wait_until(lambda: len(writer._stops) == 2)
    threads.run()
    for thread in stopping:
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()
    assert not writer._stops


def test_a_sink_that_cannot_be_stopped_is_reported(threads: Threads, capsys: pytest.CaptureFixture[str]) -> None:
    sink = Batches()

    def stop() -> None:
        raise RuntimeError("cannot")

    sink.stop = stop  # type: ignore[method-assign]
    writer_of(sink).stop(0.0)
    assert capsys.readouterr().err == "taskflow_loguru: Lines(): cannot be stopped: RuntimeError('cannot')\n"


@pytest.mark.parametrize("stop", [None, "not callable"])
def test_a_sink_needs_no_stop(stop: Any, threads: Threads) -> None:
    sink = Lines()
    if stop is not None:
        sink.stop = stop  # type: ignore[attr-defined]
    writer_of(sink).stop(0.0)


# -- without its thread ---------------------------------------------------------------------------


def test_without_a_thread_a_line_is_written_by_put(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    threads.failure = RuntimeError("can't start new thread")
    writer.put("one")
    assert sink.calls == [["one"]]
    threads.failure = None
    writer.put("two")
    assert len(threads.started) == 1
    run_dropped(writer, threads)
    assert sink.calls == [["one"], ["two"], "stop"]


def test_a_start_that_a_signal_handler_interrupts_is_repeated(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    threads.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        writer.put("one")
    threads.failure = None
    writer.put("two")
    run_dropped(writer, threads)
    assert sink.calls == [["one", "two"], "stop"]


def test_a_line_that_a_signal_handler_interrupts_is_not_doubled(threads: Threads) -> None:
    """The call ends with the exception: its line may be missing, but does not come twice."""
    sink = Lines()
    writer = writer_of(sink)
    writer.stop(0.0)

    def interrupt(message: str) -> None:
        sink.before = len
        sink.calls.append(message)
        raise KeyboardInterrupt

    sink.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        writer.put("interrupted")
    writer.put("next")
    assert sink.calls == ["interrupted", "next"]


def test_an_interrupted_line_costs_none_of_those_behind_it(threads: Threads) -> None:
    """They are other threads', whose calls return as if nothing had happened."""
    sink = Lines()
    writer = writer_of(sink)
    writer.stop(0.0)

    def interrupt(message: str) -> None:
        sink.before = len
        raise KeyboardInterrupt

    sink.before = interrupt
    writer.backlog.entries.append("interrupted")
    with pytest.raises(KeyboardInterrupt):
        writer.put("another thread's")
    writer.put("next")
    assert sink.calls == ["another thread's", "next"]


def test_lines_for_a_file_are_counted_without_their_bytes(threads: Threads, tmp_path: Path) -> None:
    """The file sink counts those."""
    sink = WatchedFileSink(tmp_path / "app.log")
    writer = Writer(sink, 10_000, loss_line)
    writer.stop(0.0)
    writer.put("one")
    assert (writer.backlog.count_written, writer.backlog.bytes_written) == (1, 0)
    assert sink.stats().bytes_written == 4
    sink.stop()


def test_more_lines_than_fit_into_one_batch_are_written_by_put(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink)
    for number in range(WINDOW + 1):
        writer.backlog.entries.append(f"{number}")
    writer.stop(0.0)
    assert [len(call) for call in sink.calls] == [WINDOW, 1, 4]


# -- the process ----------------------------------------------------------------------------------


def test_a_child_begins_with_nothing(threads: Threads) -> None:
    sink = Batches()
    writer = writer_of(sink, 42)
    writer.put("parent's")
    writer.stop(0.0)
    writer.after_fork()
    writer.start()
    assert writer.backlog.max_bytes == 42
    writer.put("child's")
    threads.started.pop(0)  # the parent's
    run_dropped(writer, threads)
    assert sink.calls == [["child's"], "stop"]


def stops_of(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    timeouts: list[float] = []
    really_stop = writer.stop

    def stop(timeout: float) -> None:
        timeouts.append(timeout)
        really_stop(0.0)

    monkeypatch.setattr(writer, "stop", stop)
    return timeouts


def test_the_end_waits_until_its_deadline_and_reports_what_is_lost(
    threads: Threads, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch, _writer)
    writer = writer_of(Lines(), 6)
    for line in ("one", "two", "three"):
        writer.put(line)
    timeouts = stops_of(writer, monkeypatch)
    writer.at_exit(clock.now + 3)
    assert timeouts == [3.0]
    assert capsys.readouterr().err == "taskflow_loguru: Lines(): 3 lines lost: not written in time (at exit)\n"


def test_the_end_reports_nothing_that_was_written(threads: Threads, capsys: pytest.CaptureFixture[str]) -> None:
    sink = Batches()
    writer = writer_of(sink)
    writer.at_exit(time.monotonic() + WAIT_SECONDS)
    assert sink.calls == ["stop"]
    assert capsys.readouterr().err == ""


def test_the_end_does_not_wait_again_for_what_stop_gave_up_on(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, _writer)
    writer = writer_of(Batches())
    writer.put("one")
    writer.stop(0.0)
    timeouts = stops_of(writer, monkeypatch)
    writer.at_exit(clock.now + 3)
    assert timeouts == [0.0]


def test_the_end_waits_if_lines_were_written_since_stop_gave_up(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, _writer)
    writer = writer_of(Batches())
    writer.put("one")
    writer.stop(0.0)
    threads.run()
    timeouts = stops_of(writer, monkeypatch)
    writer.at_exit(clock.now + 3)
    assert timeouts == [3.0]


def test_the_end_waits_if_nobody_gave_up_before(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, _writer)
    writer = writer_of(Batches())
    for count in range(2):
        assert writer.backlog.count_written == count
        timeouts = stops_of(writer, monkeypatch)
        writer.at_exit(clock.now + 3)
        assert timeouts[-1] == 3.0
        writer.start()
        writer.put("one")
        run_dropped(writer, threads)


def test_after_the_end_a_thread_inside_delays_nobody(threads: Threads) -> None:
    writer = writer_of(Batches())
    writer.at_exit(0.0)
    thread = threading.Thread(target=writer._gate._lock.acquire)
    thread.start()
    thread.join()
    writer.put("late")
    assert len(writer.backlog.entries) == 1


def test_a_sink_that_exits_does_not_end_the_thread(threads: Threads, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does any other that is no Exception, as gevent's Timeout is: the lines that follow are written."""

    def leave(message: str) -> None:
        if message == "one":
            raise SystemExit(3)

    sink = Lines()
    sink.before = leave
    writer = writer_of(sink)
    writer.put("one")
    writer.put("two")
    run_dropped(writer, threads)
    assert sink.calls == ["two"]
    assert capsys.readouterr().err == "taskflow_loguru: Lines(): 1 line lost: SystemExit(3)\n"


def test_lines_that_an_interrupted_end_leaves_are_reported(
    threads: Threads, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(timeout: float) -> None:
        raise TimeoutError

    writer = writer_of(Lines())
    writer.put("one")
    monkeypatch.setattr(writer, "stop", interrupted)
    with pytest.raises(TimeoutError):
        writer.at_exit(0.0)
    assert capsys.readouterr().err == "taskflow_loguru: Lines(): 1 line lost: not written in time (at exit)\n"
