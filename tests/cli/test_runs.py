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


def test_a_failure_without_an_error_has_the_last_message_as_its_reason() -> None:
    (run,) = ended(status(0, "running"), line(0, "log", "first"), line(1, "log", "last"), status(2, "failed"))
    assert run.reason == "last"
    (run,) = ended(status(0, "running"), line(0, "log", "first"), status(2, "failed", error="refused"))
    assert run.reason == "refused"


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


def test_a_status_line_that_stands_in_two_files_counts_once() -> None:
    """In watched mode a line may be at the end of one file and at the beginning of the next."""
    assert [run.status for run in ended(status(0, "running"), status(0, "running"), status(1, "success"))] == [
        "success"
    ]


def test_waiting_does_not_count_as_running() -> None:
    (run,) = ended(status(0, "pending"), status(10, "running"), status(11, "success"))
    assert (run.started, run.duration) == (after(10), 1.0)


def test_only_runs_without_an_end_are_remembered() -> None:
    runs = Runs()
    for number in range(100):
        runs.add(status(number, "running", task_id=str(number)))
        runs.add(line(number, "log", task_id="never began"))
        if number % 10:
            runs.add(status(number, "cancelled", task_id=str(number)))
    assert len(runs.open) == 10
