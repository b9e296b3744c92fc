"""Promises of the sinks to a process that is rough with its files, signals and folders."""

from __future__ import annotations

import fcntl
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink

ROOT = Path(__file__).parents[2]


def run(code: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a separate program, since it spoils its process."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, timeout=60, check=False, **more)


def test_after_closing_all_descriptors_the_next_line_is_written(tmp_path: Path) -> None:
    """Daemons close all descriptors, those of the sink included."""
    code = """
import os, sys
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink(sys.argv[1], max_bytes=1000, backup_count=1)
sink.write("one")
os.closerange(3, 256)
sink.write("two")
os._exit(0)
"""
    path = tmp_path / "app.log"
    ended = run(code, str(path), capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert path.read_text() == "one\ntwo\n"


def test_a_descriptor_that_has_become_another_file_is_not_closed(tmp_path: Path) -> None:
    code = """
import os, sys
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink(sys.argv[1], max_bytes=1000, backup_count=1)
os.closerange(3, 256)
other = open(sys.argv[2], "w")
sink.stop()
other.write("still open")
other.close()
"""
    ended = run(code, str(tmp_path / "app.log"), str(tmp_path / "other"), capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "other").read_text() == "still open"


def test_a_line_of_a_signal_handler_that_ends_the_program_is_written(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from taskflow_loguru.sinks import WatchedFileSink
sink = WatchedFileSink(sys.argv[1])
def end(*_):
    sink.write("SIGTERM: shutting down")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
really_write = os.write
def write(fd, data):  # the moment at which a signal interrupts a write
    os.write = really_write
    os.kill(os.getpid(), signal.SIGTERM)
    return really_write(fd, data)
os.write = write
sink.write("interrupted")
"""
    path = tmp_path / "app.log"
    ended = run(code, str(path), capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "SIGTERM: shutting down\n" in path.read_text()


def test_without_standard_streams_no_output_goes_to_the_file(tmp_path: Path) -> None:
    code = """
import os, sys
from taskflow_loguru.sinks import WatchedFileSink
os.closerange(0, 3)
sink = WatchedFileSink(sys.argv[1])
sink.write("logged")
try:
    os.write(1, b"printed")
except OSError:
    pass
"""
    path = tmp_path / "app.log"
    run(code, str(path))
    assert path.read_text() == "logged\n"


@pytest.mark.parametrize("redirection", [">", ">>"])
def test_a_redirected_dev_stdout_has_lines_and_output_side_by_side(tmp_path: Path, redirection: str) -> None:
    code = """
from taskflow_loguru.sinks import RotatingFileSink
sink = RotatingFileSink("/dev/stdout", max_bytes=20, backup_count=1)
for number in range(5):
    sink.write(f"logged {number}")
    print("printed", number, flush=True)
"""
    path = tmp_path / "out.txt"
    with open(path, "w" if redirection == ">" else "a") as out:
        run(code, stdout=out)
    assert path.read_text().splitlines() == [f"{how} {n}" for n in range(5) for how in ("logged", "printed")]
    assert os.listdir(tmp_path) == ["out.txt"]


def test_lines_for_a_fifo_are_kept_until_it_has_a_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    sink = WatchedFileSink(path)
    sink.write("one")
    assert "No such device or address" in capsys.readouterr().err
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        sink.stop()
        assert os.read(reader, 100) == b"one\n"
    finally:
        os.close(reader)


def test_a_dropped_sink_writes_its_kept_lines_at_the_end(tmp_path: Path) -> None:
    code = """
import gc, os, sys
from taskflow_loguru.sinks import WatchedFileSink
folder = os.path.dirname(sys.argv[1])
sink = WatchedFileSink(sys.argv[1])
os.remove(sys.argv[1])
os.mkdir(sys.argv[1])
sink.write("kept")
sink.stop()
del sink
gc.collect()
os.rmdir(sys.argv[1])
"""
    path = tmp_path / "app.log"
    run(code, str(path), capture_output=True)
    assert path.read_text() == "kept\n"


def test_dropped_sinks_leave_no_descriptor_behind(tmp_path: Path) -> None:
    gc.collect()  # descriptors of earlier tests
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        WatchedFileSink(tmp_path / f"{number}.log").write("line")
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_is_locked_is_reported_once_and_costs_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = RotatingFileSink(tmp_path / "app.log", max_bytes=20, backup_count=100)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        for number in range(20):
            sink.write(f"line {number}")
    finally:
        os.close(folder)
    assert (tmp_path / "app.log").read_text().splitlines() == [f"line {number}" for number in range(20)]
    assert capsys.readouterr().err.count("cannot rotate") == 1
    sink.stop()


def test_a_missing_folder_of_a_links_target_is_made_again(tmp_path: Path) -> None:
    target = tmp_path / "data" / "app.log"
    link = tmp_path / "app.log"
    link.symlink_to(target)
    sink = WatchedFileSink(link)
    sink.write("one")
    target.unlink()
    target.parent.rmdir()
    sink.write("two")
    sink.stop()
    assert target.read_text() == "two\n"


def test_a_loss_line_that_raises_still_has_the_loss_reported(tmp_path: Path) -> None:
    def broken(count: int, reason: str) -> str:
        raise RuntimeError("no words")

    path = tmp_path / "app.log"
    sink = WatchedFileSink(path, backlog_bytes=0, loss_line=broken)
    path.unlink()
    path.mkdir()
    sink.write("lost")
    path.rmdir()
    sink.stop()
    assert path.read_text().endswith(" 1 line lost: [Errno 21] Is a directory: '" + str(path) + "'\n")


def test_a_background_sink_can_go_to_another_process(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "app.log"
    copy = pickle.loads(pickle.dumps(BackgroundSink(WatchedFileSink(path), max_pending_bytes=1000)))
    copy.write("line")
    copy.stop()
    assert path.read_text() == "line\n"
