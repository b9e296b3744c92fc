from __future__ import annotations

import asyncio
import io
import os
import stat
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import loguru
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow_loguru import FileLogger
from taskflow_loguru.sinks import WatchedFileSink
from tests.conftest import lifecycle_event, log_event
from tests.hosting import lines_of
from tests.test_formats import NOON, any_text, escaped

HELLO = "[abc12345] [send_email] 2026-01-01T12:00:00 hello"


def messages_of(path: Path) -> list[str]:
    return [line.split(" ", 3)[3] for line in lines_of(path)]


def open_files() -> set[str]:
    descriptors = Path("/proc/self/fd")
    return {os.readlink(descriptor) for descriptor in descriptors.iterdir() if descriptor.is_symlink()}


# -- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
async def test_the_path_is_text_or_a_path_and_its_folders_are_made_at_once(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "var" / "log" / "tasks.log"
    logger = FileLogger(kind(path))
    assert path.read_bytes() == b""
    await logger.on_log(log_event())
    assert lines_of(path) == [HELLO]
    assert logger.path == str(path)


@pytest.mark.parametrize("name", ["{time}.log", "{pid}", "tasks-{}.log", "%d.log", "~", "$HOME", "*.log", "a\nb.log"])
async def test_the_path_is_taken_literally(tmp_path: Path, name: str) -> None:
    await FileLogger(tmp_path / name).on_log(log_event())
    assert os.listdir(tmp_path) == [name]
    assert lines_of(tmp_path / name) == [HELLO]


async def test_existing_lines_of_the_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    path.write_text("from yesterday\n")
    await FileLogger(path).on_log(log_event())
    assert lines_of(path) == ["from yesterday", HELLO]


@pytest.mark.parametrize("mode", ["rotate", "watched"])
def test_an_unwritable_path_raises_an_oserror_with_the_path(tmp_path: Path, mode: Any) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "tasks.log"
    with pytest.raises(NotADirectoryError) as raised:
        FileLogger(path, mode=mode)
    assert raised.value.filename in (str(path), str(path.parent))
    assert str(path.parent) in str(raised.value)


async def test_the_file_is_utf_8_with_newline_endings_whatever_the_locale(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    await FileLogger(path).on_log(log_event("Grüße, 你好"))
    assert path.read_bytes() == "[abc12345] [send_email] 2026-01-01T12:00:00 Grüße, 你好\n".encode()


async def test_a_line_is_in_the_file_when_the_event_has_been_handled(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, log_lifecycle=True)
    await logger.on_log(log_event())
    assert len(lines_of(path)) == 1
    await logger.on_lifecycle(lifecycle_event("success"))
    assert len(lines_of(path)) == 2


# -- the lines ------------------------------------------------------------------------------------


async def test_a_task_reads_as_the_guide_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, log_lifecycle=True)

    def at(second: int) -> datetime:
        return datetime(2026, 1, 1, 12, 0, second, tzinfo=timezone.utc)

    await logger.on_lifecycle(lifecycle_event("running", timestamp=at(0)))
    await logger.on_log(log_event("Connecting to SMTP server", timestamp=at(0)))
    await logger.on_log(log_event("Connecting to SMTP server", timestamp=at(2), attempt=1))
    await logger.on_lifecycle(lifecycle_event("success", timestamp=at(3), attempt=1))
    assert path.read_text() == (
        "[abc12345] [send_email] 2026-01-01T12:00:00 -- RUNNING\n"
        "[abc12345] [send_email] 2026-01-01T12:00:00 Connecting to SMTP server\n"
        "[abc12345] [send_email] --- Retry 1 ---\n"
        "[abc12345] [send_email] 2026-01-01T12:00:02 Connecting to SMTP server\n"
        "[abc12345] [send_email] 2026-01-01T12:00:03 -- SUCCESS\n"
    )


async def test_by_default_it_writes_no_status_and_nothing_below_info(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path)
    await logger.on_lifecycle(lifecycle_event("failed"))
    await logger.on_log(log_event("too quiet", level="debug"))
    await logger.on_log(log_event())
    assert lines_of(path) == [HELLO]


async def test_min_level_holds_for_log_lines_and_for_statuses(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, log_lifecycle=True, min_level="Warning")  # type: ignore[call-overload]
    for level in ("debug", "info", "loud", "warning", "error", "critical"):
        await logger.on_log(log_event(level, level=level))
    for status in ("running", "success", "cancelled", "interrupted", "failed"):
        await logger.on_lifecycle(lifecycle_event(status))
    assert messages_of(path) == [
        "warning",
        "error",
        "critical",
        "-- INTERRUPTED",
        "-- FAILED",
    ]


@given(message=any_text, func_name=any_text, task_id=any_text, retried=st.booleans())
def test_any_text_gives_one_line_with_the_right_header(
    message: str, func_name: str, task_id: str, retried: bool
) -> None:
    header = f"[{escaped(task_id[:8])}] [{escaped(func_name)}]"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tasks.log")
        logger = FileLogger(path, log_lifecycle=True)
        event = log_event(message, task_id=task_id, func_name=func_name, attempt=int(retried))
        asyncio.run(logger.on_log(event))
        asyncio.run(logger.on_lifecycle(lifecycle_event("success", task_id=task_id, func_name=func_name)))
        asyncio.run(logger.close())
        lines = lines_of(path)
    assert lines == [
        *([f"{header} --- Retry 1 ---"] if retried else []),
        f"{header} 2026-01-01T12:00:00 {escaped(message)}",
        f"{header} 2026-01-01T12:00:00 -- SUCCESS",
    ]
    assert all(len(line.splitlines()) == 1 for line in lines)


# -- rotation and watching ------------------------------------------------------------------------


async def test_it_rotates_before_the_line_that_would_not_fit_counted_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    neighbours = ["tasks.2.log", "tasks.log.bak", "tasks-1.log.1"]
    for name in neighbours:
        (tmp_path / name).write_text("mine\n")
    line = "[abc12345] [send_email] 2026-01-01T12:00:00 ü1\n"
    logger = FileLogger(path, max_bytes=2 * len(line.encode()), backup_count=2)
    path.chmod(0o640)
    for number in range(9):
        await logger.on_log(log_event(f"ü{number}"))
    written = {"tasks.log": ["ü8"], "tasks.log.1": ["ü6", "ü7"], "tasks.log.2": ["ü4", "ü5"]}
    assert {name: messages_of(tmp_path / name) for name in written} == written
    assert sorted(os.listdir(tmp_path)) == sorted([*written, *neighbours])
    assert [(tmp_path / name).read_text() for name in neighbours] == ["mine\n"] * 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("sizes", [{"max_bytes": 0}, {"max_bytes": 50, "backup_count": 0}])
async def test_without_a_size_or_without_backups_it_never_rotates(tmp_path: Path, sizes: dict[str, Any]) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, **sizes)
    for _ in range(10):
        await logger.on_log(log_event())
    assert lines_of(path) == [HELLO] * 10
    assert os.listdir(tmp_path) == ["tasks.log"]


async def test_by_default_it_rotates_at_10_mebibytes_and_keeps_5_backups(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path)
    for _ in range(7):
        path.write_bytes(b"\n".rjust(10 * 1024 * 1024 - len(HELLO) - 1))
        await logger.on_log(log_event("hello"))
        assert path.stat().st_size == 10 * 1024 * 1024
        await logger.on_log(log_event("over"))
    assert sorted(os.listdir(tmp_path)) == ["tasks.log", *(f"tasks.log.{number}" for number in range(1, 6))]


async def test_a_watched_file_is_reopened_after_a_move_and_never_rotated(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "tasks.log"
    logger = FileLogger(path, mode="watched", max_bytes=10, backup_count=1)
    for name in ("old", "older"):
        await logger.on_log(log_event())
        await logger.on_log(log_event())
        path.parent.rename(tmp_path / name)
    await logger.on_log(log_event())
    assert [len(lines_of(tmp_path / name / "tasks.log")) for name in ("old", "older", "logs")] == [2, 2, 1]


# -- several loggers, closing and starting --------------------------------------------------------


async def test_two_loggers_on_one_path_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    first, second = FileLogger(path), FileLogger(path)
    for number in range(3):
        await first.on_log(log_event(f"first {number}"))
        await second.on_log(log_event(f"second {number}"))
    await first.close()
    await second.on_log(log_event("second goes on"))
    del first
    await second.on_log(log_event("and on"))
    assert messages_of(path) == [
        *(f"{who} {number}" for number in range(3) for who in ("first", "second")),
        "second goes on",
        "and on",
    ]


async def test_events_before_startup_and_after_close_are_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path)
    await logger.on_log(log_event("before startup"))
    await logger.startup()
    await logger.on_log(log_event("after startup"))
    await logger.close()
    await logger.close()
    await logger.on_log(log_event("after close"))
    await logger.close()
    await logger.startup()
    await logger.on_log(log_event("after the second startup"))
    await logger.close()
    assert messages_of(path) == [
        "before startup",
        "after startup",
        "after close",
        "after the second startup",
    ]


async def test_a_closed_logger_holds_no_file_open(tmp_path: Path) -> None:
    logger = FileLogger(tmp_path / "tasks.log")
    await logger.on_log(log_event())
    await logger.close()
    assert str(tmp_path / "tasks.log") not in open_files()


# -- the app's own loguru -------------------------------------------------------------------------

APP_WITH_ITS_OWN_LOGURU = """
import asyncio, sys
from loguru import logger

import taskflow_loguru
from tests.conftest import lifecycle_event, log_event

lines = []
logger.add(lines.append, format="{message}", level=0)
file_logger = taskflow_loguru.FileLogger(sys.argv[1], log_lifecycle=True)

def log(message):
    asyncio.run(file_logger.on_log(log_event(message, level="error")))

log("at first")
logger.info("the app's own")
logger.remove()
log("after remove()")
logger.configure(handlers=[{"sink": lines.append, "format": "{message}"}], extra={"task_id": "?"}, patcher=print)
log("after configure()")
logger.disable("")
logger.disable("taskflow_loguru")
log("after disable()")
asyncio.run(file_logger.on_lifecycle(lifecycle_event("failed")))
asyncio.run(file_logger.close())
logger.complete()
print(lines)
"""


def test_the_apps_own_loguru_neither_gets_task_lines_nor_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    command = [sys.executable, "-W", "ignore", "-c", APP_WITH_ITS_OWN_LOGURU, str(path)]
    app = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=60)
    assert (app.returncode, app.stdout) == (0, '["the app\'s own\\n"]\n'), app.stderr
    [line] = app.stderr.splitlines()
    assert line.endswith("the app's own")
    assert messages_of(path) == [
        "at first",
        "after remove()",
        "after configure()",
        "after disable()",
        "-- FAILED",
    ]


async def test_values_bound_and_patched_by_the_app_do_not_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, format="{message} {extra[task_id]} {extra[data]}")
    with loguru.logger.contextualize(task_id="another", data="another"):
        await logger.on_log(log_event())
    assert lines_of(path) == ["hello abc12345-6789 {}"]


# -- formats of the user's own --------------------------------------------------------------------


async def test_a_format_string_of_loguru_can_use_all_bound_values(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    bound = ["task_id", "func_name", "attempt", "event", "status", "timestamp", "tags", "data"]
    bound += ["retries_used", "duration", "error", "stacktrace"]
    cells = ["{time:YYYY-MM-DD HH:mm:ss Z}", "{level}", "{function}", "{message}", *(f"{{extra[{b}]}}" for b in bound)]
    logger = FileLogger(path, log_lifecycle=True, format="|".join(cells))
    await logger.on_log(log_event(tags={"a": "b"}, extra={"count": 2}, level="warning"))
    await logger.on_lifecycle(lifecycle_event("failed", attempt=1, duration=1.5, error="boom", stacktrace="Trace"))
    noon, task = "2026-01-01 12:00:00 +00:00", "abc12345-6789|send_email"
    assert lines_of(path) == [
        f"{noon}|WARNING|send_email|hello|{task}|0|log|None|{NOON}|{{'a': 'b'}}|{{'count': 2}}|None|None|None|None",
        f"{noon}|INFO|send_email|--- Retry 1 ---|{task}|1|retry|None|{NOON}|{{}}|{{}}|None|None|None|None",
        f"{noon}|ERROR|send_email|-- FAILED|{task}|1|lifecycle|failed|{NOON}|{{}}|{{}}|1|1.5|boom|Trace",
    ]


async def test_a_format_may_be_a_function_of_the_record(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, format=lambda record: "{level.name:>8} {extra[func_name]}: {message}\n")
    await logger.on_log(log_event())
    assert lines_of(path) == ["    INFO send_email: hello"]


@pytest.mark.parametrize("format", ["{extra[task_id]} {message}", lambda record: "{extra[task_id]} {message}\n"])
@pytest.mark.parametrize("text", ["{}", "{0}", "{message}", "{", "%s", "100 %", "<red>hi</red>", "</level>", "\\<b>"])
async def test_braces_percent_signs_and_tags_in_a_message_are_unchanged(tmp_path: Path, format: Any, text: str) -> None:
    path = tmp_path / "tasks.log"
    await FileLogger(path, format=format).on_log(log_event(text, task_id=text))
    assert lines_of(path) == [f"{text} {text}"]


async def test_one_event_is_one_line_in_a_format_of_the_users_own_too(tmp_path: Path) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, format="{extra[task_id]}\t{message}\n{extra[data]}")
    await logger.on_log(log_event("a\nb\x1b[2J\u2028\ud800", task_id="1\r2", extra={"text": "c"}))
    assert lines_of(path) == ["1\\r2\ta\\nb\\x1b[2J\\u2028\\ud800\\n{'text': 'c'}"]


async def test_a_format_that_raises_costs_no_line_and_no_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tasks.log"
    logger = FileLogger(path, format=lambda record: "{extra[missing]}\n")
    await logger.on_log(log_event())
    await logger.on_log(log_event("{again}\n"))
    assert lines_of(path) == [HELLO, "[abc12345] [send_email] 2026-01-01T12:00:00 {again}\\n"]
    assert capsys.readouterr().err.count("the format raised") == 1


async def test_a_format_that_raises_costs_no_line_without_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(record: Any) -> str:
        raise RuntimeError("broken")

    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    logger = FileLogger(tmp_path / "tasks.log", format=broken)
    await logger.on_log(log_event("one"))
    await logger.close()
    assert lines_of(tmp_path / "tasks.log") == ["[abc12345] [send_email] 2026-01-01T12:00:00 one"]


async def test_a_loss_is_reported_in_the_columns_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "tasks.tsv"
    logger = FileLogger(WatchedFileSink(path, backlog_bytes=0), format="{extra[task_id]}\t{message}")
    path.unlink()
    path.mkdir()
    await logger.on_log(log_event("lost"))
    path.rmdir()
    await logger.close()
    assert lines_of(path) == [f"-\t1 line lost: [Errno 21] Is a directory: '{path}'"]


async def test_close_waits_for_no_thread_of_the_event_loops(tmp_path: Path) -> None:
    logger = FileLogger(tmp_path / "tasks.log", enqueue=True)
    await logger.on_log(log_event("one"))
    await asyncio.get_running_loop().shutdown_default_executor()
    await logger.close()
    assert lines_of(tmp_path / "tasks.log") == ["[abc12345] [send_email] 2026-01-01T12:00:00 one"]
