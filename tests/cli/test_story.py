"""The story of a task: selection of its lines, and their order by run and attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskflow_loguru.cli.story import AmbiguousIdError, Story, story_of
from taskflow_loguru.reader import TaskLine
from taskflow_loguru.reader._ids import matches
from taskflow_loguru.reader._logs import LogLine
from tests.cli.test_runs import line, status

FILE = Path("tasks.log")


def story(wanted: str, *lines: TaskLine) -> Story:
    found = story_of(wanted, [LogLine(one.time, one, b"", FILE) for one in lines])
    assert found is not None
    return found


def test_an_id_is_found_by_its_beginning_and_its_first_8_characters() -> None:
    assert matches("abc1", "abc12345-6789")
    assert matches("abc12345-6789", "abc12345")
    assert not matches("abc12345-6789", "abc12345-9999")
    assert not matches("abc12345-6789", "abc1")
    assert not matches("abc", None)
    assert matches("ABC1", "abc12345")


def test_a_beginning_that_several_tasks_have_is_refused_with_their_ids() -> None:
    with pytest.raises(AmbiguousIdError) as caught:
        story("abc", status(0, "running", task_id="abc12345"), status(1, "running", task_id="abc99999"))
    assert [one.line.task_id for one in caught.value.lines] == ["abc12345", "abc99999"]


def test_the_text_and_json_lines_of_one_task_are_one_story() -> None:
    found = story("abc", status(0, "running", task_id="abc12345"), status(1, "success", task_id="abc12345-6789"))
    assert found.task_id == "abc12345-6789"


def test_runs_and_attempts_are_separated() -> None:
    found = story(
        "abc",
        status(0, "running"),
        line(1, "log", "first"),
        line(None, "retry", "--- Retry 1 ---", attempt=1),
        line(2, "log", "second"),
        status(60, "running"),
        line(61, "log", "again"),
        status(62, "success"),
    )
    assert [story_run.run and story_run.run.status for story_run in found.runs] == ["interrupted", "success"]
    assert [
        [[one.line.message for one in attempt.lines] for attempt in story_run.attempts] for story_run in found.runs
    ] == [
        [["-- RUNNING", "first"], ["--- Retry 1 ---", "second"]],
        [["-- RUNNING", "again", "-- SUCCESS"]],
    ]


def test_a_failed_task_s_last_attempt_is_the_last_that_it_made() -> None:
    """In the host's final line, the attempt is the number of allowed retries."""
    found = story("abc", status(0, "running", attempt=0), status(1, "failed", attempt=3))
    assert [attempt.number for attempt in found.runs[0].attempts] == [0]


def test_a_log_without_status_lines_has_a_story_too() -> None:
    found = story("abc", line(0, "log", "only"))
    assert [story_run.run for story_run in found.runs] == [None]


@pytest.mark.parametrize("final", ["success", "failed"])
def test_lines_before_the_first_status_line_belong_to_its_run(final: str) -> None:
    """The log may begin in the middle of a run."""
    lines = [line(0, "log", "first"), line(1, "log", "second", attempt=1), line(2, "log", "third", attempt=1)]
    (run,) = story("abc", *lines, status(3, final, attempt=1)).runs
    assert run.run is not None
    assert [len(attempt.lines) for attempt in run.attempts] == [1, 3]


def test_an_unknown_id_has_no_story() -> None:
    assert story_of("xyz", []) is None
