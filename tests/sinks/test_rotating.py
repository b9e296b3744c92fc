"""Promises of ``RotatingFileSink`` to one process."""

from __future__ import annotations

import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from taskflow_loguru.sinks import RotatingFileSink
from tests.hosting import wait_until
from tests.sinks.model import RotatedFiles, found_at
from tests.sinks.writers import ROOT, assert_each_once_in_order, backups_of, lines, read_lines

TEN = "123456789\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def write(sink: RotatingFileSink, *texts: str) -> None:
    for text in texts:
        sink.write(text)


def texts_at(path: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in path.parent.iterdir()}


# -- when it rotates ------------------------------------------------------------------------------


def test_a_file_may_be_filled_to_the_last_byte_of_max_bytes(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=20, backup_count=3)
    write(sink, TEN, TEN)
    assert texts_at(path) == {"app.log": TEN * 2}
    write(sink, "\n")
    assert texts_at(path) == {"app.log": "\n", "app.log.1": TEN * 2}


def test_max_bytes_counts_bytes_and_not_characters(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=10, backup_count=3)
    write(sink, "ééé\n", "é\n")  # 7 and 3 bytes
    assert texts_at(path) == {"app.log": "ééé\né\n"}
    write(sink, "ééé\n", "é€\n")  # 7 and 6 bytes
    assert texts_at(path) == {"app.log": "é€\n", "app.log.1": "ééé\n", "app.log.2": "ééé\né\n"}


def test_backups_are_numbered_from_the_newest_and_the_oldest_is_deleted(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    write(sink, "a\n", "b\n", "c\n", "d\n")
    assert texts_at(path) == {"app.log": "d\n", "app.log.1": "c\n", "app.log.2": "b\n"}


def test_earlier_content_of_the_file_counts(path: Path) -> None:
    path.write_text(TEN)
    sink = RotatingFileSink(path, max_bytes=15, backup_count=1)
    write(sink, TEN)
    assert texts_at(path) == {"app.log": TEN, "app.log.1": TEN}


def test_a_line_longer_than_max_bytes_gets_a_file_of_its_own(path: Path) -> None:
    """No backup is empty."""
    long = "x" * 1000 + "\n"
    sink = RotatingFileSink(path, max_bytes=20, backup_count=9)
    write(sink, long, long, TEN, TEN, long, TEN)
    assert found_at(path).texts == {4: long, 3: long, 2: TEN * 2, 1: long, 0: TEN}


@pytest.mark.parametrize("sizes", [{"max_bytes": 0, "backup_count": 3}, {"max_bytes": 15, "backup_count": 0}])
def test_zero_bytes_or_zero_backups_means_never(path: Path, sizes: dict[str, Any]) -> None:
    path.with_name("app.log.1").write_text("an older backup\n")
    sink = RotatingFileSink(path, **sizes)
    write(sink, *[TEN] * 50)
    assert texts_at(path) == {"app.log": TEN * 50, "app.log.1": "an older backup\n"}


@settings(deadline=None, max_examples=100)
@given(
    lengths=st.lists(st.integers(1, 60), max_size=60),
    max_bytes=st.integers(0, 120),
    backup_count=st.integers(0, 5),
    batch=st.integers(1, 7),
)
def test_under_any_limits_the_newest_lines_stay_whole_and_in_order(
    lengths: list[int], max_bytes: int, backup_count: int, batch: int
) -> None:
    written = [f"{number:04}".ljust(length, ".")[-length:] + "\n" for number, length in enumerate(lengths)]
    expected = RotatedFiles()
    for text in written:
        expected.append(text, max_bytes, backup_count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "app.log")
        sink = RotatingFileSink(path, max_bytes=max_bytes, backup_count=backup_count)
        for start in range(0, len(written), batch):
            sink.writelines(written[start : start + batch])
        found = read_lines(path)
        assert found == written[len(written) - len(found) :]
        if max_bytes and backup_count:
            files = [*backups_of(path), path]
            assert len(files) <= backup_count + 1
            assert all(file.stat().st_size <= max_bytes or file.read_text().count("\n") == 1 for file in files)
            assert all(file.stat().st_size for file in files[:-1])
        assert found_at(path) == expected
        sink.stop()


# -- the other files in the folder ----------------------------------------------------------------


def test_no_neighbour_is_touched(path: Path) -> None:
    neighbours = [
        "app.2.log",
        "app.log.bak",
        "app-1.log.1",
        "app.log.01",
        "app.log.1.gzip",
        "app.log.x",
        "app",
        "app.logs.1",
    ]
    for name in neighbours:
        path.with_name(name).write_text(name)
    path.with_name("app.log.folder").mkdir()
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    write(sink, *"abcdef")
    for name in neighbours:
        assert path.with_name(name).read_text() == name
    assert path.with_name("app.log.folder").is_dir()
    assert len(list(path.parent.iterdir())) == len(neighbours) + 1 + 3


def test_a_lowered_backup_count_removes_the_surplus_at_the_next_rotation(path: Path) -> None:
    write(RotatingFileSink(path, max_bytes=1, backup_count=9), *"0123456789")
    sink = RotatingFileSink(path, max_bytes=1, backup_count=3)
    assert len(backups_of(path)) == 9
    write(sink, "x")
    assert found_at(path).texts == {0: "x\n", 1: "9\n", 2: "8\n", 3: "7\n"}


def test_a_gap_in_the_numbers_is_filled_and_no_backup_lost_for_it(path: Path) -> None:
    for number in (1, 2, 4):
        path.with_name(f"app.log.{number}").write_text(f"{number}\n")
    sink = RotatingFileSink(path, max_bytes=1, backup_count=4)
    write(sink, "a", "b", "c")
    assert found_at(path).texts == {0: "c\n", 1: "b\n", 2: "a\n", 3: "1\n", 4: "2\n"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o777])
def test_the_new_file_has_the_permissions_of_the_one_it_replaces(path: Path, mode: int) -> None:
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    path.chmod(mode)
    write(sink, "a", "b", "c")
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, *backups_of(path))] == [mode] * 3


def test_the_new_file_has_the_owner_of_the_one_it_replaces(path: Path, as_root: None) -> None:
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    write(sink, "a", "b", "c")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o640)


# -- a path that is not a regular file ------------------------------------------------------------


def run_python(code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, timeout=60, **options)


WRITE_TO_STDOUT = """
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink("/dev/stdout", max_bytes=15, backup_count=3)
for number in range(5):
    sink.write(f"123456{number}\\n")
"""


def test_dev_stdout_that_is_a_pipe_gets_every_line_and_is_not_rotated() -> None:
    assert run_python(WRITE_TO_STDOUT, stdout=subprocess.PIPE).stdout.decode().split() == [
        f"123456{number}" for number in range(5)
    ]


def test_dev_stdout_that_leads_to_a_regular_file_is_not_rotated(path: Path) -> None:
    with path.open("wb") as stdout:
        run_python(WRITE_TO_STDOUT, stdout=stdout)
    assert texts_at(path) == {"app.log": "".join(f"123456{number}\n" for number in range(5))}


def test_a_fifo_gets_every_line_and_is_not_rotated(path: Path) -> None:
    os.mkfifo(path)
    sink = RotatingFileSink(path, max_bytes=15, backup_count=3)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(sink, *[TEN] * 20)
        assert os.read(reader, 1000).decode() == TEN * 20
        assert [file.name for file in path.parent.iterdir()] == ["app.log"]
    finally:
        os.close(reader)


def test_a_symlink_stays_and_its_target_has_the_backups_beside_it(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.log"
    real.parent.mkdir()
    path.symlink_to(real)
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    write(sink, "a", "b", "c")
    assert path.is_symlink()
    assert found_at(real).texts == {0: "c\n", 1: "b\n", 2: "a\n"}
    assert backups_of(path) == []


def test_a_symlinked_folder_that_is_switched_to_another_one_is_followed(tmp_path: Path) -> None:
    for name in ("blue", "green"):
        (tmp_path / name).mkdir()
    current = tmp_path / "current"
    current.symlink_to("blue")
    sink = RotatingFileSink(current / "app.log", max_bytes=100, backup_count=2)
    write(sink, "before")
    current.unlink()
    current.symlink_to("green")
    write(sink, "after")
    assert (tmp_path / "blue/app.log").read_text() == "before\n"
    assert (tmp_path / "green/app.log").read_text() == "after\n"


# -- changes of the file by others ----------------------------------------------------------------


def delete(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("")
    other.rename(path)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("happens", [delete, move, replace, truncate, delete_folder])
def test_it_continues_with_the_next_line_after(happens: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "app.log"
    sink = RotatingFileSink(path, max_bytes=25, backup_count=2)
    write(sink, TEN, TEN)
    happens(path)
    write(sink, "next\n")
    assert path.read_text() == "next\n"
    write(sink, TEN, TEN, TEN)
    assert found_at(path).texts == {0: TEN, 1: "next\n" + TEN * 2}


def test_a_moved_file_keeps_the_lines_that_were_written_to_it(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=1000, backup_count=2)
    write(sink, "before")
    move(path)
    write(sink, "after")
    assert texts_at(path) == {"moved": "before\n", "app.log": "after\n"}


def test_a_last_line_without_end_does_not_swallow_the_next(path: Path) -> None:
    path.write_text("half a li")
    write(RotatingFileSink(path, max_bytes=1000, backup_count=2), "whole")
    assert path.read_text() == "half a li\nwhole\n"


# -- a sink among sinks ---------------------------------------------------------------------------


def test_it_is_a_sink_of_any_loguru_program(path: Path) -> None:
    handler = logger.add(RotatingFileSink(path, max_bytes=40, backup_count=5), format="{level} {message}")
    try:
        for number in range(5):
            logger.info("message {}", number)
    finally:
        logger.remove(handler)
    logger.info("not for the file any more")
    assert read_lines(path) == [f"INFO message {number}\n" for number in range(5)]
    assert len(backups_of(path)) == 2


def test_the_sinks_load_nothing_of_the_host() -> None:
    run_python(
        "import sys\n"
        "sys.modules.update(fastapi_taskflow=None, fastapi=None)\n"  # importing them raises ImportError
        "from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink\n"
    )


def test_after_stop_the_next_write_opens_the_file_again(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=1000, backup_count=2)
    write(sink, "before")
    sink.stop()
    sink.stop()
    move(path)
    write(sink, "after")
    assert texts_at(path) == {"moved": "before\n", "app.log": "after\n"}


def test_stop_leaves_no_descriptor_open(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=1, backup_count=2)
    before = os.listdir("/proc/self/fd")
    write(sink, *"abcdef")
    wait_until(lambda: len(os.listdir("/proc/self/fd")) == len(before), "the backups are still being synced")
    sink.stop()
    assert len(os.listdir("/proc/self/fd")) == len(before) - 1


def test_two_sinks_share_one_path_and_stop_each_for_itself(path: Path) -> None:
    one = RotatingFileSink(path, max_bytes=30, backup_count=50)
    two = RotatingFileSink(path, max_bytes=30, backup_count=50)
    written = [f"{number:04}" for number in range(40)]
    for first, second in zip(written[::2], written[1::2], strict=True):
        one.write(first)
        two.write(second)
        one.stop()
    assert [text.strip() for text in read_lines(path)] == written
    assert all(backup.stat().st_size == 30 for backup in backups_of(path))


def test_threads_with_one_sink_and_with_their_own_lose_no_line(path: Path) -> None:
    shared = RotatingFileSink(path, max_bytes=2000, backup_count=500)
    sinks = {f"shared{n}": shared for n in range(3)} | {
        f"own{n}": RotatingFileSink(path, max_bytes=2000, backup_count=500) for n in range(3)
    }
    numbers = range(300)
    threads = [threading.Thread(target=write, args=(sink, *lines(name, numbers))) for name, sink in sinks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_each_once_in_order(read_lines(path), {name: lines(name, numbers) for name in sinks})
    assert max(file.stat().st_size for file in (path, *backups_of(path))) <= 2000


def test_a_pickled_sink_writes_the_same_file_by_the_same_rules(path: Path) -> None:
    sink = RotatingFileSink(path, max_bytes=20, backup_count=3)
    copy = pickle.loads(pickle.dumps(sink))
    write(sink, TEN)
    write(copy, TEN, TEN)
    assert found_at(path).texts == {0: TEN, 1: TEN * 2}
    assert (copy.path, copy.max_bytes, copy.backup_count) == (sink.path, 20, 3)


def test_a_relative_path_means_the_folder_it_was_given_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    sink = RotatingFileSink("app.log", max_bytes=1, backup_count=2)
    monkeypatch.chdir(tmp_path / "other")
    write(sink, "a", "b")
    assert found_at(tmp_path / "app.log").texts == {0: "b\n", 1: "a\n"}


def test_lone_surrogates_and_null_characters_are_written_and_not_raised(path: Path) -> None:
    write(RotatingFileSink(path, max_bytes=100, backup_count=2), "a\ud800b\0c")
    assert path.read_bytes() == b"a\\ud800b\0c\n"


# -- a folder where nothing can be renamed --------------------------------------------------------


def test_if_it_cannot_rotate_the_file_grows_and_it_is_reported_once(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocker = path.with_name("app.log.1")
    blocker.mkdir()
    (blocker / "inside").write_text("")
    sink = RotatingFileSink(path, max_bytes=1, backup_count=1)
    write(sink, "a", "b", "c")
    assert path.read_text() == "a\nb\nc\n"
    assert capsys.readouterr().err.count("cannot rotate") == 1


# -- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"max_bytes": -1}, ValueError, "max_bytes must be at least 0, not -1"),
        ({"max_bytes": True}, TypeError, "max_bytes must be an int of at least 0, not True"),
        ({"max_bytes": 1.5}, TypeError, "max_bytes must be an int of at least 0, not 1.5"),
        ({"backup_count": -3}, ValueError, "backup_count must be at least 0, not -3"),
        ({"backup_count": "5"}, TypeError, "backup_count must be an int of at least 0, not '5'"),
        ({"backlog_bytes": -1}, ValueError, "backlog_bytes must be at least 0, not -1"),
        ({"path": ""}, ValueError, "path must be a file's path, not ''"),
        ({"path": b"app.log"}, TypeError, "path must be a str or an os.PathLike of str, not b'app.log'"),
        ({"path": "/tmp"}, ValueError, "path must be a file's path, not the folder '/tmp'"),
        ({"path": "nosuchfolder/"}, ValueError, "path must be a file's path, not the folder 'nosuchfolder/'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_values(
    path: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        RotatingFileSink(**{"path": path, "max_bytes": 10, "backup_count": 1, **arguments})
    assert str(raised.value) == words
    assert not path.exists()


def test_a_path_that_cannot_be_opened_raises_an_oserror_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "app.log"
    with pytest.raises(NotADirectoryError) as raised:
        RotatingFileSink(path, max_bytes=1, backup_count=1)
    assert raised.value.filename == str(path)
    assert str(path) in str(raised.value)


def test_missing_folders_are_made_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "{time}.log"
    RotatingFileSink(path, max_bytes=1, backup_count=1)
    assert path.read_text() == ""
