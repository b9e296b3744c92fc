"""Reading back: a line, a file with its backups, a file as it grows."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from taskflow_loguru import FileLogger, json_line, task_line
from taskflow_loguru.reader import TaskLine, follow, parse, read
from taskflow_loguru.sinks import RotatingFileSink, WatchedFileSink
from tests.conftest import NOON, formatted, lifecycle_event, log_event
from tests.logrotate import Logrotate

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)
ESCAPE = re.compile(r"\\[nrtxu]")


def numbered(number: int) -> str:
    return f"[abc12345] [count] 2026-01-01T12:00:00 {number}\n"


def numbers_of(lines: Iterator[TaskLine]) -> list[int]:
    return [int(line.message) for line in lines]


def write(path: Path, *numbers: int) -> None:
    with path.open("a") as file:
        file.writelines(map(numbered, numbers))


def compress(path: Path) -> None:
    """What logrotate does: write the copy, then delete the file."""
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def rotate(path: Path) -> None:
    """Move the file and its backups, compressed or not, up by one."""
    found = {
        backup: re.fullmatch(r"\.([0-9]+)(\.gz)?", backup.name.removeprefix(path.name)) for backup in siblings(path)
    }
    for backup, match in sorted(found.items(), key=lambda item: -int(item[1][1]) if item[1] else 0):
        if match:
            backup.rename(f"{path}.{int(match[1]) + 1}{match[2] or ''}")
    path.rename(f"{path}.1")


def siblings(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.*"))


class Following:
    """A reader that looks at the file when it is asked for a line, and never between."""

    def __init__(self, path: Path, **options: Any) -> None:
        self._stop = threading.Event()
        self._lines = follow(path, stop=self._stop, **options)

    def take(self, count: int) -> list[int]:
        """The next ``count`` lines; waits for them."""
        return [int(next(self._lines).message) for _ in range(count)]

    def rest(self) -> list[int]:
        """All lines that are still there."""
        self._stop.set()
        return numbers_of(self._lines)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("taskflow_loguru.reader._follow.POLL_INTERVAL", 0.002)
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder / "tasks.log"


# -- a line ---------------------------------------------------------------------------------------


def test_a_text_line_is_read_as_far_as_it_says_something() -> None:
    assert parse("[abc12345] [send_email] 2026-01-01T12:00:00 one\\ntwo\n") == TaskLine(
        time=NOON,
        level=None,
        event="log",
        task_id="abc12345",
        func_name="send_email",
        attempt=None,
        message="one\ntwo",
    )


def test_a_separator_is_read_with_its_attempt_and_no_time() -> None:
    line = parse("[abc12345] [send_email] --- Retry 12 ---")
    assert line is not None
    assert (line.event, line.attempt, line.time, line.message) == ("retry", 12, None, "--- Retry 12 ---")


@pytest.mark.parametrize("format", [task_line, json_line])
@pytest.mark.parametrize("status", ["pending", "running", "success", "failed", "interrupted", "cancelled"])
async def test_a_status_is_read_from_both_formats(path: Path, format: Any, status: str) -> None:
    logger = FileLogger(path, log_lifecycle=True, format=format)
    await logger.on_lifecycle(lifecycle_event(status))
    await logger.close()
    [line] = read(path)
    assert (line.event, line.status, line.message, line.time) == ("lifecycle", status, f"-- {status.upper()}", NOON)


@pytest.mark.parametrize("format", [task_line, json_line])
def test_a_loss_is_read_from_both_formats(path: Path, format: Any) -> None:
    logger = FileLogger(WatchedFileSink(path, backlog_bytes=300), format=format)
    path.unlink()
    path.mkdir()  # in the place of the file: nothing can be written, and not all is kept

    for number in range(10):
        asyncio.run(logger.on_log(log_event(str(number))))
    path.rmdir()
    asyncio.run(logger.close())
    assert [line.event for line in read(path)][-1] == "loss"


def test_a_json_line_of_all_fields_is_read_with_all_of_them() -> None:
    fields = {
        "v": 1,
        "time": "2026-01-01T12:00:00.000001Z",
        "level": "error",
        "event": "lifecycle",
        "task_id": "abc12345-6789",
        "func_name": "send_email",
        "attempt": 2,
        "message": "-- FAILED",
        "status": "failed",
        "duration": 1.5,
        "retries_used": 2,
        "error": "boom",
        "stacktrace": "Traceback ...",
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
        "tags": {"tenant": "a"},
        "data": {"to": ["bob"]},
        "added_later": 1,
    }
    line = parse(json.dumps(fields))
    assert line is not None
    assert line.time == datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=timezone.utc)
    for name in fields.keys() - {"v", "time", "added_later"}:
        assert getattr(line, name) == fields[name]


@given(
    message=TEXT,
    event=st.fixed_dictionaries(
        {
            "timestamp": st.datetimes(timezones=st.just(timezone.utc)),
            "task_id": TEXT,
            "func_name": TEXT,
            "event": st.sampled_from(["log", "retry", "lifecycle", "loss"]),
            "attempt": st.integers(0),
            "tags": st.dictionaries(TEXT, TEXT),
            "data": st.dictionaries(TEXT, JSON),
            "status": st.none() | st.sampled_from(["running", "failed"]),
            "duration": st.none() | FINITE,
            "retries_used": st.none() | st.integers(0),
            "error": st.none() | TEXT,
            "stacktrace": st.none() | TEXT,
        }
    ),
    level=st.sampled_from(["DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR"]),
)
def test_what_json_line_writes_comes_back_exactly(message: str, event: dict[str, Any], level: str) -> None:
    expected = {**event, "time": event["timestamp"], "message": message, "level": level.lower()}
    del expected["timestamp"]
    assert parse(formatted(json_line, message, level=level, **event)) == TaskLine(**expected)


@given(
    message=st.text(st.characters()),
    task_id=st.text(st.characters(exclude_characters="]")),
    func_name=st.text(st.characters() | st.sampled_from("[] ")),
    time=st.datetimes(datetime(1970, 1, 1), timezones=st.just(timezone.utc)),
)
def test_what_task_line_writes_comes_back_but_for_texts_that_hold_an_escape_themselves(
    message: str, task_id: str, func_name: str, time: datetime
) -> None:
    assume(not any(ESCAPE.search(text) for text in (message, task_id, func_name)))
    line = parse(formatted(task_line, message, task_id=task_id, func_name=func_name, timestamp=time))
    expected = (time.replace(microsecond=0), task_id[:8], func_name, message)
    assert line is not None
    assert (line.time, line.task_id, line.func_name, line.message) == expected


def test_an_escape_that_a_message_holds_itself_is_taken_for_what_it_stands_for() -> None:
    line = parse(formatted(task_line, "C:\\new"))
    assert line is not None
    assert line.message == "C:\new"


@pytest.mark.parametrize("func_name", ["<lambda>", "a] [b", "f]", "[f", "] ", "f] 2026", ""])
def test_a_function_whose_name_has_brackets_is_read(func_name: str) -> None:
    line = parse(formatted(task_line, "[x] [y] 2026-01-01T12:00:00 z", func_name=func_name))
    assert line is not None
    assert (line.func_name, line.message) == (func_name, "[x] [y] 2026-01-01T12:00:00 z")


GOOD = formatted(json_line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "hello",
        "[abc12345] [send_email] hello",
        "[abc12345] [send_email] 2026-13-01T12:00:00 hello",
        "[abc12345] [send_email] ٢٠٢٦-01-01T12:00:00 hello",
        "[abc12345] [send_email] 2026-01-01T12:00:00 two\nlines",
        f"[abc12345] [send_email] --- Retry {'9' * 10_000} ---",
        "[" * 100_000,
        "[a] [" + "] [" * 100_000,
        "{",
        "{}",
        "{" * 100_000,
        '{"a":' * 100_000,
        '{"v":1,"time":"2026-01-01T12:00:00.000000Z","message":' + "9" * 10_000 + "}",
        '{"v":1,"time":"2026-01-01T12:00:00.000000Z"}',
        '{"message":"hello","time":"2026-01-01T12:00:00.000000Z"}',
        GOOD.replace('"v":1', '"v":2'),
        GOOD.replace("12:00:00.000000Z", "12:00:00.000000+02:00"),
        GOOD.replace('"attempt"', '"data":[1],"attempt"'),
        GOOD.replace('"hello"', "5"),
        GOOD.replace('"hello"', "null"),
        GOOD.replace('"log"', '["log"]'),
        GOOD + GOOD,
        GOOD[:-1],
    ],
    ids=lambda line: line[:40],
)
def test_a_line_that_is_none_of_ours_is_none(line: str) -> None:
    assert parse(line) is None


@given(st.text(st.characters()), st.integers(0, 200), st.sampled_from([GOOD, numbered(1)]))
def test_no_line_raises(junk: str, place: int, line: str) -> None:
    parse(junk)
    parse(line[:place] + junk + line[place:])
    parse(line[:place] + junk)
    parse("{" + junk)


# -- a file with its backups ----------------------------------------------------------------------


def test_backups_are_read_oldest_first_compressed_or_not_and_no_other_file(path: Path) -> None:
    for number in range(12, 0, -1):
        backup = Path(f"{path}.{number}")
        write(backup, -number)
        if number % 2:
            compress(backup)
    write(path, 0)
    for neighbour in (
        "tasks.log.bak",
        "tasks.log.1.gz.tmp",
        "tasks.log.01",
        "tasks-log.1",
        "tasks.log.0",
        "x.tasks.log.1",
    ):
        write(path.with_name(neighbour), 99)
    assert numbers_of(read(path)) == list(range(-12, 1))


@pytest.mark.parametrize("format", [task_line, json_line])
async def test_what_a_file_logger_wrote_is_read_as_it_was_logged(path: Path, format: Any) -> None:
    logger = FileLogger(path, max_bytes=2000, backup_count=1000, format=format)
    for number in range(200):
        await logger.on_log(log_event(str(number)))
    await logger.close()
    assert len(siblings(path)) > 3
    assert numbers_of(read(str(path))) == list(range(200))


def test_no_file_is_no_lines(path: Path) -> None:
    assert list(read(path)) == []
    assert list(read(path.parent / "missing" / "tasks.log")) == []


def test_what_cannot_be_read_is_an_error(path: Path) -> None:
    path.write_text("")
    Path(f"{path}.1").mkdir()
    with pytest.raises(IsADirectoryError):
        list(read(path))


@pytest.mark.parametrize("given", ["", b"tasks.log", 5, "."])
@pytest.mark.parametrize("function", [read, follow])
def test_what_is_no_path_of_a_file_is_refused_at_the_call(function: Any, given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^path must be "):
        function(given)


def test_a_path_without_a_folder_is_in_the_current_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    write(Path("tasks.log.1"), 1)
    write(Path("tasks.log"), 2)
    assert numbers_of(read("tasks.log")) == [1, 2]


def test_the_backups_of_a_links_file_are_beside_that(path: Path, tmp_path: Path) -> None:
    write(Path(f"{path}.1"), 1)
    write(path, 2)
    link = tmp_path / "link.log"
    link.symlink_to(path)
    assert numbers_of(read(link)) == [1, 2]
    following = Following(link)
    rotate(path)
    write(path, 3)
    assert following.take(1) == [3]


def test_a_line_without_an_end_and_lines_of_others_are_passed_over(path: Path) -> None:
    write(path, 1)
    with path.open("ab") as file:
        file.write(b"junk\n\xff\xfe\n\n{}\n" + numbered(2).encode() + numbered(3).encode()[:-3])
    assert numbers_of(read(path)) == [1, 2]


def test_bytes_that_are_no_text_are_shown_as_escapes(path: Path) -> None:
    path.write_bytes(numbered(1).encode().replace(b" 1\n", b" \xff!\n"))
    [line] = read(path)
    assert line.message == "\\xff!"


def test_a_backup_that_is_being_compressed_is_read_once(path: Path) -> None:
    write(Path(f"{path}.1"), *range(5000))
    whole = gzip.compress(Path(f"{path}.1").read_bytes())
    for written in (b"", whole[:5], whole[: len(whole) // 2], whole):
        Path(f"{path}.1.gz").write_bytes(written)
        assert numbers_of(read(path)) == list(range(5000))


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: whole[:200] + b"x" * 200])
def test_a_torn_gzip_file_is_an_error_behind_what_can_be_read(path: Path, damage: Callable[[bytes], bytes]) -> None:
    backup = Path(f"{path}.1.gz")
    backup.write_bytes(damage(gzip.compress("".join(map(numbered, range(100_000))).encode())))
    lines = read(path)
    with pytest.raises(OSError, match=re.escape(str(backup))):
        numbers_of(lines)


def test_compressed_backups_with_the_same_lines_are_all_read(path: Path) -> None:
    for number in (1, 2):
        write(Path(f"{path}.{number}"), 7, 7)
        compress(Path(f"{path}.{number}"))
    assert numbers_of(read(path)) == [7] * 4


def run_beside(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_rotation_meanwhile_neither_hides_nor_repeats_a_line(path: Path) -> None:
    acknowledged = -1

    def write_all() -> None:
        nonlocal acknowledged
        sink = RotatingFileSink(path, max_bytes=40 * len(numbered(1000)), backup_count=20)
        for number in range(1000, 9000):
            sink.write(numbered(number))
            acknowledged = number
        sink.stop()

    writer = run_beside(write_all)
    is_last = False
    while not is_last:
        is_last = not writer.is_alive()
        written = acknowledged
        found = numbers_of(read(path))
        if written >= 0:
            assert found == list(range(found[0], found[-1] + 1))
            assert found[-1] >= written
    assert found[-1] == 8999
    assert len(found) > 800


def test_compression_by_logrotate_meanwhile_neither_hides_nor_repeats_a_line(
    path: Path, program: Callable[[str], str]
) -> None:
    logrotate = Logrotate(program("logrotate"), path, rotate=100)
    acknowledged = -1

    def write_all() -> None:
        nonlocal acknowledged
        sink = WatchedFileSink(path)
        for number in range(2000):
            sink.write(numbered(number))
            acknowledged = number
            if number % 200 == 199:
                logrotate.rotate()
        sink.stop()

    writer = run_beside(write_all)
    is_last = False
    while not is_last:
        is_last = not writer.is_alive()
        written = acknowledged
        found = numbers_of(read(path))
        assert found == list(range(len(found)))
        assert len(found) > written
    assert len(found) == 2000


# -- a file as it grows ---------------------------------------------------------------------------


def test_it_begins_where_the_file_ends_at_the_call(path: Path) -> None:
    write(path, 1)
    following = Following(path)
    write(path, 2)
    assert following.take(1) == [2]
    write(path, 3, 4)
    assert following.rest() == [3, 4]


def test_from_start_begins_with_the_lines_of_the_file_and_not_of_its_backups(path: Path) -> None:
    write(Path(f"{path}.1"), 1)
    write(path, 2)
    following = Following(path, from_start=True)
    write(path, 3)
    assert following.rest() == [2, 3]


def test_it_waits_for_a_file_that_is_not_there_and_for_each_line(path: Path) -> None:
    following = Following(path)
    found: list[int] = []
    has_one = threading.Event()

    def take() -> None:
        for _ in range(2):
            found.extend(following.take(1))
            has_one.set()

    taker = run_beside(take)
    write(path, 1)
    assert has_one.wait(30)
    write(path, 2)
    taker.join(30)
    assert found == [1, 2]


def test_stop_ends_it_after_what_is_there_has_been_read(path: Path) -> None:
    following = Following(path)
    for number in range(5):
        write(path, number)
        rotate(path)
    assert following.rest() == list(range(5))
    assert Following(path).rest() == []


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("is_compressed", [True, False])
@pytest.mark.parametrize("has_file_at_the_look", [True, False])
def test_no_line_is_missed_when_it_rotates_several_times_between_two_looks(
    path: Path, exists: bool, is_compressed: bool, has_file_at_the_look: bool
) -> None:
    write(Path(f"{path}.1"), -2)
    if exists:
        write(path, -1)
    following = Following(path)
    taken = 0
    for rotations in (1, 2, 5, 0, 1):
        numbers = list(range(taken, taken + 2 * rotations + 1))
        write(path, numbers[0])
        for number in numbers[1::2]:
            write(path, number)
            rotate(path)
            if is_compressed:
                compress(Path(f"{path}.1"))
            write(path, number + 1)
        if not has_file_at_the_look:
            rotate(path)
        assert following.take(len(numbers)) == numbers
        taken += len(numbers)
    assert following.rest() == []


def test_all_that_is_left_is_read_when_more_files_are_gone_than_were_known(path: Path) -> None:
    write(path, 0)
    following = Following(path)
    sink = RotatingFileSink(path, max_bytes=len(numbered(1)), backup_count=3)
    for number in range(1, 10):
        sink.write(numbered(number))
    sink.stop()
    assert following.take(4) == [6, 7, 8, 9]
    assert following.rest() == []


def test_a_file_that_is_cut_short_is_read_from_its_start(path: Path) -> None:
    write(path, 1, 2, 3)
    following = Following(path, from_start=True)
    assert following.take(3) == [1, 2, 3]
    os.truncate(path, 0)
    write(path, 4)
    assert following.take(1) == [4]
    assert following.rest() == []


@pytest.mark.parametrize("deleted", [[""], ["", ".1"], ["", ".1", ".2", ".3"]])
def test_a_file_that_is_deleted_is_read_to_its_end_and_what_comes_after_it_too(path: Path, deleted: list[str]) -> None:
    for number in (1, 2, 3):
        write(Path(f"{path}.{number}"), -number)
    write(path, 0)
    following = Following(path)
    for number in range(10, 20):  # more than once: the file system gives the number of a deleted inode again
        write(path, number)
        for name in deleted:
            Path(f"{path}{name}").unlink(missing_ok=True)
        write(path, number + 100)
        assert following.take(2) == [number, number + 100]
    assert following.rest() == []


def test_a_line_that_comes_in_parts_comes_once_and_whole(path: Path) -> None:
    path.touch()
    following = Following(path)
    line = numbered(1)
    for part in (line[:5], line[5:20]):
        with path.open("a") as file:
            file.write(part)
    write(Path(f"{path}.other"), 0)
    with path.open("a") as file:
        file.write(line[20:])
    assert following.take(1) == [1]


def test_the_torn_end_of_a_file_does_not_spoil_the_next_files_first_line(path: Path) -> None:
    write(path, 1)
    following = Following(path, from_start=True)
    assert following.take(1) == [1]
    with path.open("a") as file:
        file.write(numbered(2)[:10])
    rotate(path)
    write(path, 3)
    assert following.take(1) == [3]


def test_what_a_writer_appends_to_a_file_just_moved_is_read_before_the_next_file(path: Path) -> None:
    write(path, 1)
    following = Following(path, from_start=True)
    rotate(path)
    assert following.take(1) == [1]
    write(Path(f"{path}.1"), 2)
    write(path, 3)
    assert following.take(2) == [2, 3]


def test_a_backup_that_leads_nowhere_is_passed_over(path: Path) -> None:
    write(path, 1)
    following = Following(path, from_start=True)
    path.rename(f"{path}.2")
    Path(f"{path}.1").symlink_to(path.parent / "nowhere")
    write(path, 2)
    assert following.rest() == [1, 2]


def test_no_line_is_missed_while_a_writer_rotates_the_file(path: Path) -> None:
    following = Following(path)

    def write_all() -> None:
        sink = RotatingFileSink(path, max_bytes=20 * len(numbered(1000)), backup_count=1000)
        for number in range(1000, 8000):
            sink.write(numbered(number))
        sink.stop()

    writer = run_beside(write_all)
    assert following.take(7000) == list(range(1000, 8000))
    writer.join(30)
    assert following.rest() == []


def test_no_line_is_missed_when_logrotate_moves_and_compresses_the_file_between_two_looks(
    path: Path, program: Callable[[str], str]
) -> None:
    logrotate = Logrotate(program("logrotate"), path, rotate=100)
    sink = WatchedFileSink(path)
    following = Following(path)
    number = 0
    for rotations in (1, 3, 0, 2):
        first = number
        for _ in range(rotations):
            for _ in range(3):
                sink.write(numbered(number))
                number += 1
            logrotate.rotate()
        sink.write(numbered(number))
        number += 1
        assert following.take(number - first) == list(range(first, number))
    sink.stop()
    assert following.rest() == []


def test_it_leaves_no_file_open(path: Path) -> None:
    def open_files() -> set[str]:
        links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        return {os.readlink(link) for link in links if os.path.islink(link)}

    for _ in range(3):
        write(path, 1)
        rotate(path)
    write(path, 1)
    lines = follow(path, from_start=True)
    next(lines)
    assert str(path) in open_files()
    lines.close()  # type: ignore[attr-defined]
    half_read = read(path)
    next(half_read)
    half_read.close()  # type: ignore[attr-defined]
    assert not [name for name in open_files() if name.startswith(str(path))]


# -- memory ---------------------------------------------------------------------------------------


def follow_to_the_end(path: Path) -> Iterator[TaskLine]:
    stop = threading.Event()
    stop.set()
    return follow(path, from_start=True, stop=stop)


@pytest.mark.parametrize("reads", [read, follow_to_the_end])
def test_a_file_of_any_size_takes_the_memory_of_its_lines(path: Path, reads: Any) -> None:
    line = numbered(1)[:-2] + "x" * 5000 + "\n"
    path.write_text(line * 10_000)
    with gzip.open(f"{path}.1.gz", "wt", compresslevel=1) as file:
        file.writelines([line] * 2000)
    tracemalloc.start()
    try:
        count = sum(1 for _ in reads(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count >= 10_000
    assert peak < 1_000_000  # bytes, of 50,000,000


def test_a_line_of_many_megabytes_is_read(path: Path) -> None:
    message = "x" * 30_000_000
    path.write_text(numbered(1) + numbered(2).replace(" 2\n", f" {message}\n"))
    for lines in (read(path), follow_to_the_end(path)):
        assert [len(line.message) for line in lines] == [1, len(message)]
