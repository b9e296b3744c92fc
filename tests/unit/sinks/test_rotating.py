from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import RotatingFileSink, _file, _kept, _rotation
from taskflow_loguru.sinks._helper import Helper
from taskflow_loguru.sinks._successor import make_successor
from taskflow_loguru.sinks._upkeep import Upkeep

from .files import EIO, Clock, descriptors, error, failing, is_unlocked, locked, refuse_exchange
from .interrupts import interrupted, moments


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder / "app.log"


def contents(path: Path) -> dict[str, str]:
    return {found.name: found.read_text() for found in path.parent.iterdir()}


def sink_at(path: Path, max_bytes: int = 8, backup_count: int = 2, **options: Any) -> RotatingFileSink:
    return RotatingFileSink(path, max_bytes=max_bytes, backup_count=backup_count, **options)


# -- by size --------------------------------------------------------------------------------------


def test_a_line_that_would_not_fit_rotates_the_file(path: Path) -> None:
    sink = sink_at(path)
    for line in ("one", "two", "three"):
        sink.write(line)
    assert contents(path) == {"app.log": "three\n", "app.log.1": "one\ntwo\n"}
    assert sink.stats().rotations == 1


def test_many_lines_fill_each_file_as_one_by_one(path: Path) -> None:
    sink = sink_at(path, 8, 9)
    sink.write("zero")
    sink.writelines(["a", "b", "c", "d", "e", "longer than that", "f"])
    assert contents(path) == {
        "app.log": "f\n",
        "app.log.1": "longer than that\n",
        "app.log.2": "b\nc\nd\ne\n",
        "app.log.3": "zero\na\n",
    }


def test_a_line_that_is_too_long_gets_a_file_of_its_own(path: Path) -> None:
    sink = sink_at(path, 8, 3)
    sink.write("longer than that")
    sink.writelines(["also longer than that", "one"])
    assert contents(path) == {
        "app.log": "one\n",
        "app.log.1": "also longer than that\n",
        "app.log.2": "longer than that\n",
    }


@pytest.mark.parametrize("sizes", [(0, 2), (8, 0)])
def test_zero_means_never(sizes: tuple[int, int], path: Path) -> None:
    sink = sink_at(path, *sizes)
    sink.writelines(["one", "two", "three"])
    sink.write("four")
    assert contents(path) == {"app.log": "one\ntwo\nthree\nfour\n"}


def test_the_smallest_limit_is_one_byte(path: Path) -> None:
    """Then each line has a file of its own."""
    sink = sink_at(path, 1)
    sink.writelines(["one", "two"])
    assert contents(path) == {"app.log": "two\n", "app.log.1": "one\n"}


def test_without_a_limit_many_lines_are_one_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path, 0)
    really_write = os.write
    calls: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        calls.append(data)
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    sink.writelines(["one", "two"])
    assert calls == [b"one\ntwo\n"]


def test_the_end_of_a_torn_line_counts(path: Path) -> None:
    path.write_text("torn")
    sink = sink_at(path, 8)
    sink.write("one")
    assert contents(path) == {"app.log": "one\n", "app.log.1": "torn"}
    path.write_text("tor")
    sink.write("one")
    assert contents(path)["app.log"] == "tor\none\n"


def test_without_the_lock_nothing_is_rotated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks._locking.LOCK_TIMEOUT", 0.001)
    sink = sink_at(path)
    sink.write("one")
    with locked(path):
        sink.writelines(["two", "three"])
    assert contents(path) == {"app.log": "one\ntwo\nthree\n"}


def test_a_folder_that_is_locked_delays_the_rotation(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks._locking.LOCK_TIMEOUT", 0.001)
    sink = sink_at(path)
    sink.writelines(["one", "two"])
    with locked(path.parent):
        sink.write("three")
    assert contents(path) == {"app.log": "one\ntwo\nthree\n"}


# -- by time --------------------------------------------------------------------------------------

NOON = 1_800_014_400.0  # a full hour of UTC


@pytest.mark.parametrize(
    ("written", "now", "rotations"),
    [(NOON - 0.5, NOON + 1, 1), (NOON, NOON + 3599, 0), (NOON - 7200, NOON - 3601, 0), (NOON + 1, NOON - 1, 0)],
)
def test_the_first_line_of_an_hour_rotates(
    written: float, now: float, rotations: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, _rotation)
    clock.time = now
    monkeypatch.setattr(_rotation, "make_successor", lambda *arguments: make_successor(*arguments) and now)
    sink = sink_at(path, 0, when="hour")
    sink.write("one")
    os.utime(path, (written, written))
    sink.write("two")
    assert sink.stats().rotations == rotations


def test_size_still_holds(path: Path) -> None:
    sink = sink_at(path, 8, when="week")
    sink.writelines(["one", "two", "three"])
    assert contents(path) == {"app.log": "three\n", "app.log.1": "one\ntwo\n"}


def test_an_empty_file_is_not_rotated(path: Path) -> None:
    path.touch()
    os.utime(path, (0, 0))
    sink = sink_at(path, 1, when="hour")
    sink.write("longer than that")
    assert contents(path) == {"app.log": "longer than that\n"}


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [error(EIO), error(errno.ENOENT)])
def test_a_file_that_is_still_at_the_path_grows(failure: OSError, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path)
    sink.writelines(["one", "two"])
    failing(monkeypatch, "rename", failure)
    sink.write("three")
    assert contents(path) == {"app.log": "one\ntwo\nthree\n"}


def test_a_missing_file_is_replaced_by_the_successor_that_was_made(path: Path) -> None:
    path.with_name(".app.log.ready").touch(0o600)
    sink = sink_at(path)
    sink.write("one")
    assert contents(path) == {"app.log": "one\n"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_successor_of_a_links_file_is_beside_that_file(path: Path, tmp_path: Path) -> None:
    path.with_name(".app.log.ready").touch(0o600)
    (tmp_path / "link").symlink_to(path)
    sink_at(tmp_path / "link").write("one")
    assert path.stat().st_mode & 0o777 == 0o600


# -- rotate() -------------------------------------------------------------------------------------


def test_rotate_rotates_now(path: Path) -> None:
    sink = sink_at(path, 0)
    sink.write("one")
    sink.rotate()
    assert contents(path) == {"app.log": "", "app.log.1": "one\n"}
    sink.rotate()
    assert contents(path) == {"app.log": "", "app.log.1": "one\n"}
    sink.write("two")
    assert contents(path) == {"app.log": "two\n", "app.log.1": "one\n"}
    assert is_unlocked(path.with_name("app.log.1"))


def test_rotate_of_a_file_that_never_rotates_is_an_error(path: Path) -> None:
    with pytest.raises(ValueError, match=r"^backup_count must be at least 1 to rotate, not 0$"):
        sink_at(path, 8, 0).rotate()


def test_rotate_raises_what_stops_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = sink_at(path, 0)
    sink.write("one")
    with monkeypatch.context() as patch:
        failing(patch, "rename", error(EIO))
        with pytest.raises(OSError, match="Input/output"):
            sink.rotate()
    with monkeypatch.context() as patch:
        failing(patch, "rename", TimeoutError("time limit"))
        with pytest.raises(TimeoutError):
            sink.rotate()
    assert capsys.readouterr().err == ""
    sink.rotate()
    assert "one\n" in contents(path).values()


def test_rotate_writes_lines_that_are_kept_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch, _file, _kept)
    sink = sink_at(path, 0)
    with monkeypatch.context() as patch:
        failing(patch, "write", error(errno.ENOSPC))
        sink.write("one")
        sink._kept.retry_at = clock.time + 5
        with pytest.raises(OSError, match="No space"):
            sink.rotate()
    sink._kept.retry_at = clock.time + 5
    sink.rotate()
    assert contents(path) == {"app.log": "", "app.log.1": "one\n"}


def test_rotate_needs_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks._locking.LOCK_TIMEOUT", 0.001)
    sink = sink_at(path, 0)
    sink.write("one")
    with locked(path), pytest.raises(BlockingIOError) as raised:
        sink.rotate()
    assert (raised.value.errno, raised.value.filename) == (errno.EAGAIN, str(path))
    assert raised.value.strerror == "locked by another process, or not a regular file"
    with locked(path.parent), pytest.raises(BlockingIOError):
        sink.rotate()
    assert "without its lock" in capsys.readouterr().err
    assert contents(path) == {"app.log": "one\n"}


def test_rotate_in_a_signal_handler_follows_the_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path, 0)
    actions: list[Callable[[], None]] = [sink.rotate]
    really_write = os.write

    def write(fd: int, data: bytes) -> int:
        if actions:
            actions.pop()()
        return really_write(fd, data)

    monkeypatch.setattr(os, "write", write)
    sink.write("one")
    assert contents(path) == {"app.log": "", "app.log.1": "one\n"}


# -- the rest -------------------------------------------------------------------------------------


def test_a_rotation_leaves_no_file_open_but_the_new_one(path: Path) -> None:
    before = len(descriptors(path.parent))
    sink = sink_at(path)
    for line in ("one", "two", "three", "four"):
        sink.write(line)
    sink.rotate()
    assert len(descriptors(path.parent)) == before + 1
    sink.stop()
    assert len(descriptors(path.parent)) == before


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_rotation_after_an_interrupted_one_keeps_the_mode(
    can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes its own successor: the one before it is the file that it rotates."""
    if not can_exchange:
        refuse_exchange(monkeypatch, error(errno.EINVAL))
    for moment in moments():
        path = tmp_path / str(moment) / "app.log"
        sink = sink_at(path, 0)
        path.chmod(0o664)
        sink.write("one")
        goes_on = interrupted(sink.rotate, moment)
        sink.write("two")
        sink.rotate()
        assert path.stat().st_mode & 0o777 == 0o664, moment
        sink.stop()
        if not goes_on:
            break


@pytest.mark.parametrize("end", ["stop", "del"])
def test_a_rotation_that_was_interrupted_leaves_no_file_open(end: str, tmp_path: Path) -> None:
    """All files are closed once the sink is stopped or dropped."""
    for moment in moments():
        sink = sink_at(tmp_path / str(moment) / "app.log", 0)
        sink.write("one")
        goes_on = interrupted(sink.rotate, moment)
        if end == "stop":
            sink.stop()
        else:
            del sink
        assert not descriptors(tmp_path), moment
        if not goes_on:
            break
    assert moment > 50


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"max_bytes": -1}, ValueError, "^max_bytes must"),
        ({"backup_count": 1.5}, TypeError, "^backup_count must"),
        ({"compression": "zip"}, ValueError, "compression must be 'gzip' or 'gz' or None, not 'zip'"),
        ({"when": "month"}, ValueError, "when must be 'hour' or 'day' or 'week' or None, not 'month'"),
        ({"backup_count": 0, "when": "day"}, ValueError, "backup_count must be at least 1 with when, not 0"),
        ({"backup_count": 0, "compression": "gzip"}, ValueError, "at least 1 with compression, not 0"),
        ({"backlog_bytes": -1}, ValueError, "backlog_bytes"),
    ],
)
def test_a_wrong_argument_is_named(options: Any, error: type[Exception], words: str, path: Path) -> None:
    with pytest.raises(error, match=words):
        RotatingFileSink(path, **{"max_bytes": 8, "backup_count": 1, **options})
    assert not path.exists()


def test_a_sink_shows_how_to_make_it(path: Path) -> None:
    assert repr(sink_at(path, compression="gzip", when="day")) == (
        f"RotatingFileSink({str(path)!r}, max_bytes=8, backup_count=2, compression='gzip', when='day')"
    )


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_has_nothing_of_a_compression_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep the space of deleted backups, and the lock of the hidden file, for as long as it lives."""
    is_compressing, goes_on = threading.Event(), threading.Event()
    really_rename = os.rename

    def rename(name: str, new_name: str, **folders: int) -> None:
        if new_name == "app.log.2.gz":
            is_compressing.set()
            goes_on.wait(30)
        really_rename(name, new_name, **folders)

    monkeypatch.setattr(os, "rename", rename)
    helper = Helper()
    monkeypatch.setattr(Upkeep, "start", lambda self, path, device: helper.run(self.steps))
    path.with_name("app.log.1").write_text("zero\n")
    sink = sink_at(path, 0, compression="gzip")
    sink.write("one")
    sink.rotate()
    assert is_compressing.wait(30)
    assert len(descriptors(path.parent)) == 4, "the file, a backup, the compressed one and the folder"
    child = os.fork()
    if not child:
        os._exit(len(descriptors(path.parent)))
    goes_on.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1, "the log, in case the child may not open it"
    sink.stop()


def test_a_file_that_cannot_be_opened_disturbs_no_other_sink(path: Path) -> None:
    """An exception that ends the program keeps such a sink alive: it must not cost the lines of others."""
    path.symlink_to(path)
    with pytest.raises(OSError, match="Too many levels") as raised:
        sink_at(path)
    sink = raised.traceback[-1].frame.f_locals["self"]
    sink.after_fork()
    sink.at_exit(0.0)


def test_both_names_of_gzip_are_understood(path: Path) -> None:
    assert [sink_at(path, compression=name).compression for name in ("gzip", "gz")] == ["gzip", "gzip"]


def test_its_defaults_are_those_of_the_guide(path: Path) -> None:
    sink = RotatingFileSink(path, compression="gzip")
    assert (sink.max_bytes, sink.backup_count) == (10 * 1024 * 1024, 5)
    assert repr(sink) == f"RotatingFileSink({str(path)!r}, compression='gzip')"


def test_a_python_without_zlib_cannot_compress(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskflow_loguru.sinks.rotating.CAN_COMPRESS", False)
    with pytest.raises(ValueError, match="compression must be None, not 'gzip': this Python was built without zlib"):
        sink_at(path, compression="gzip")


def test_a_path_leads_to_where_open_would_put_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two dots behind a link lead to the folder above the link's target."""
    (tmp_path / "elsewhere" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to("elsewhere/folder")
    monkeypatch.chdir(tmp_path)
    sink_at(Path("link/../app.log")).write("one")
    assert (tmp_path / "elsewhere" / "app.log").read_text() == "one\n"
    assert not (tmp_path / "app.log").exists()
