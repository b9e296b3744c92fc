"""Runs, from the lines of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from taskflow_loguru.cli.runs import Run, Runs
from taskflow_loguru.reader import TaskLine
from tests.cli.writing import after


def line(at: float | None, event: str, message: str = "", *, task_id: str = "abc12345", **more: Any) -> TaskLine:
    time = None if at is None else after(at)
    fields: dict[str, Any] = {"level": None, "attempt": None, "func_name": "send_email", **more}
    return TaskLine(time=time, event=event, task_id=task_id, message=message, **fields)


def status(at: float, status: str, **more: Any) -> TaskLine:
    return line(at, "lifecycle", f"-- {status.upper()}", status=status, **more)


def ended(*lines: TaskLine) -> list[Run]:
    runs = Runs()
    return [run for one in lines if (run := runs.add(one))]


def test_a_run_lasts_from_running_to_its_final_status() -> None:
    (run,) = ended(status(0, "running"), line(1, "log", "hello"), status(3, "success"))
    assert (run.status, run.started, run.ended, run.duration) == ("success", after(0), after(3), 3.0)


def test_the_duration_that_a_json_line_gives_is_taken() -> None:
    (run,) = ended(status(0, "running"), status(3, "success", duration=1.25))
    assert run.duration == 1.25


def test_a_run_whose_beginning_is_not_in_the_log_has_no_duration() -> None:
    (run,) = ended(status(3, "failed"))
    assert (run.started, run.duration) == (None, None)


@pytest.mark.parametrize("final", [{}, {"retries_used": 2}])
def test_retries_are_counted_by_separators_and_by_the_final_status(final: dict[str, int]) -> None:
    separators = [line(None, "retry", attempt=number) for number in (1, 2)] if not final else []
    (run,) = ended(status(0, "running"), *separators, status(2, "success", **final))
    assert run.retries == 2


def test_a_task_that_runs_again_without_an_end_was_interrupted() -> None:
    """The host logs no status when a process dies, and queues the task again under the same id."""
    first, second = ended(status(0, "running"), line(5, "log", "half"), status(60, "running"), status(61, "success"))
    assert (first.status, first.ended, first.duration) == ("interrupted", after(5), None)
    assert (second.status, second.duration) == ("success", 1.0)


WHOLE_ID = "abc12345-6789"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([(0, "running"), (0, "running"), (1, "success"), (1, "success")], id="each line twice"),
        pytest.param([(0, "running"), (1, "success"), (0, "running"), (1, "success")], id="the whole run again"),
        pytest.param([(1, "success"), (0, "running")], id="in the wrong order"),
    ],
)
@pytest.mark.parametrize("task_id", ["abc12345", WHOLE_ID])
def test_a_run_counts_once_if_a_shipper_repeats_its_lines(lines: list[tuple[float, str]], task_id: str) -> None:
    runs = Runs()
    found = [run for at, word in lines if (run := runs.add(status(at, word, task_id=task_id)))]
    assert ([run.status for run in found], runs.open) == (["success"], {})


@pytest.mark.parametrize("text_first", [True, False])
@pytest.mark.parametrize("precision", [0, 3])
def test_a_text_and_a_json_line_of_one_run_count_once(text_first: bool, precision: int) -> None:
    """A text line has the beginning of the id, and a time that is cut to seconds or milliseconds."""
    found: list[Run] = []
    runs = Runs()
    for at, word in ((0.123456, "running"), (0.923456, "success"), (5.123456, "running"), (5.523456, "failed")):
        cut = int(at * 10**precision) / 10**precision
        pair = [status(cut, word), status(at, word, task_id=WHOLE_ID)]
        found += [run for one in (pair if text_first else pair[::-1]) if (run := runs.add(one))]
    assert ([run.status for run in found], runs.open) == (["success", "failed"], {})


def test_a_retry_without_a_known_run_counts_once() -> None:
    runs = Runs()
    ids = ("abc12345", "abc12345", WHOLE_ID, "other-00", "abc12345")
    assert [runs.retry(task_id, 1) for task_id in ids] == [True, False, False, True, False]
    assert runs.retry("abc12345", 2)


@pytest.mark.parametrize("duration", [-1.0, 1e300, float("inf"), float("nan")])
def test_an_impossible_duration_is_not_believed(duration: float) -> None:
    (run,) = ended(status(0, "running"), status(3, "success", duration=duration, retries_used=10**30))
    assert (run.duration, run.retries) == (3.0, 0)


@pytest.mark.parametrize(
    ("fields", "reason", "kind"),
    [
        ({"error": "no width: 0", "error_type": "ValueError"}, "ValueError: no width: 0", "ValueError"),
        ({"error": "", "error_type": "AssertionError"}, "AssertionError", "AssertionError"),
        ({"error": "OSError: refused", "error_type": "builtins.OSError"}, "OSError: refused", "builtins.OSError"),
        ({"error": "shop.errors.BankError: refused"}, "shop.errors.BankError: refused", "shop.errors.BankError"),
        ({"error": "AssertionError"}, "AssertionError", "AssertionError"),
        ({"error": "refused"}, "refused", None),
        ({}, "last", None),
    ],
)
def test_a_failure_has_its_class_from_any_format(fields: dict[str, str], reason: str, kind: str | None) -> None:
    (run,) = ended(status(0, "running"), line(1, "log", "last"), status(2, "failed", **fields))
    assert (run.reason, run.error_type) == (reason, kind)


def test_waiting_does_not_count_as_running() -> None:
    (run,) = ended(status(0, "pending"), status(10, "running"), status(11, "success"))
    assert (run.started, run.duration) == (after(10), 1.0)


def test_memory_is_bounded_in_runs_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskflow_loguru.cli.runs.MAX_OPEN", 10)
    monkeypatch.setattr("taskflow_loguru.cli.runs.MAX_ENDS", 10)
    runs = Runs()
    forgotten: list[Run] = []
    runs.on_forget = forgotten.append
    for number in range(100):
        runs.add(status(number, "running", task_id=f"number-{number:03}"))
        runs.add(line(number, "log", task_id="never began"))
        if number % 2:
            runs.add(status(number, "cancelled", task_id=f"number-{number:03}"))
    assert [run.task_id for run in runs.open.values()] == [f"number-{number:03}" for number in range(82, 100, 2)]
    assert len(forgotten) == runs.forgotten == 41
