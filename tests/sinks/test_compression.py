"""Compressed backups: each exists once and whole, whatever happens to the process or the disk."""

from __future__ import annotations

import gzip
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskflow_loguru.sinks import RotatingFileSink

from .compressed import backups, names, read, wait_until_compressed
from .disks import fill, small_disk
from .owners import BOB, LOG, access, give
from .tracing import Lab, lab
from .writers import ROOT, Writer, assert_each_once_in_order, lines

__all__ = ["lab"]

ACCESS = (BOB, LOG, 0o640)
UPKEEP = "from taskflow_loguru.sinks._upkeep import Upkeep; list(Upkeep({!r}, 9, 'gzip').steps())"
TEXTS = ["zero\n", "one\n", "two\n", "three\n", "four\n"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "app.log"


@pytest.fixture
def disk(as_root: None, tmp_path: Path) -> Iterator[Path]:
    """Mount a disk that has nothing to sync."""
    with small_disk(tmp_path / "disk", size=64 * 1024 * 1024, inodes=100_000) as point:
        yield point


def compressing(path: Path, max_bytes: int = 1, backup_count: int = 9) -> RotatingFileSink:
    return RotatingFileSink(path, max_bytes=max_bytes, backup_count=backup_count, compression="gzip")


def a_file_with_plain_backups(folder: Path) -> Path:
    """Make a file with four backups, as a sink without compression leaves them."""
    folder.mkdir()
    path = folder / "app.log"
    for number, text in enumerate(reversed(TEXTS)):
        file = path.with_name(f"app.log.{number}") if number else path
        file.write_text(text)
        give(file, *ACCESS)
        os.utime(file, (1_000_000_000 - number, 1_000_000_000 - number))
    return path


def test_backups_are_compressed_but_for_the_newest(
    as_root: None, tmp_path: Path, program: Callable[[str], str]
) -> None:
    """They keep mode, owner, group and mtime, and gzip can read them; the first line does not wait for that."""
    path = a_file_with_plain_backups(tmp_path / "logs")
    sink = compressing(path)
    sink.write("five")
    wait_until_compressed(path)
    assert names(path) == [".1", ".2.gz", ".3.gz", ".4.gz", ".5.gz"]
    assert read(path) == [*TEXTS, "five\n"]
    for number, backup in enumerate(reversed(backups(path))):
        assert access(backup) == ACCESS
        assert backup.stat().st_mtime == 1_000_000_000 - number
        if backup.suffix == ".gz":
            subprocess.run([program("gzip"), "--test", backup], check=True)
    sink.stop()


def test_the_number_of_backups_counts_both_kinds(path: Path) -> None:
    sink = compressing(path, backup_count=3)
    for text in TEXTS:
        sink.write(text)
        if len(names(path)) > 1:
            wait_until_compressed(path)
    sink.stop()
    assert names(path) == [".1", ".2.gz", ".3.gz"]
    assert read(path) == TEXTS[1:]


def test_a_sink_without_compression_keeps_compressed_backups_in_order(path: Path) -> None:
    """Compression that is switched off, and on again, loses and doubles no backup."""
    for number, compression in enumerate([None, "gzip", None, "gzip"]):
        sink = RotatingFileSink(path, max_bytes=1, backup_count=20, compression=compression)  # type: ignore[arg-type]
        for text in TEXTS:
            sink.write(f"{number} {text}")
        sink.stop()
        if compression:
            wait_until_compressed(path)
    assert read(path) == [f"{number} {text}" for number in range(4) for text in TEXTS]


def test_processes_with_and_without_compression_lose_nothing(path: Path) -> None:
    """One process with compression and one without take turns."""
    sinks = [compressing(path, backup_count=20), RotatingFileSink(path, max_bytes=1, backup_count=20)]
    written = [f"{number}\n" for number in range(20)]
    for number, text in enumerate(written):
        sinks[number % 2].write(text)
        if number % 4 == 2:
            wait_until_compressed(path)
    for sink in sinks:
        sink.stop()
    assert read(path) == written


def test_another_backup_of_the_same_number_is_not_overwritten(path: Path) -> None:
    """A version before 0.2 leaves both if it shares the path: it moved up the plain ones alone."""
    path.parent.mkdir()
    path.with_name("app.log.2.gz").write_bytes(gzip.compress(b"older\n"))
    os.utime(f"{path}.2.gz", (1, 1))
    path.with_name("app.log.2").write_text("newer\n")
    path.with_name("app.log.1").write_text("newest\n")
    sink = compressing(path)
    sink.write("one")
    sink.write("two")
    while ".2.gz" not in names(path):
        time.sleep(0.01)
    sink.stop()
    assert names(path) == [".1", ".2.gz", ".3.gz", ".3"]
    assert gzip.decompress(path.with_name("app.log.3.gz").read_bytes()) == b"older\n"


def test_a_compression_killed_at_any_call_loses_no_backup(lab: Lab, disk: Path) -> None:
    """Each backup exists, plain or compressed; the next rotation completes the compression."""
    act = UPKEEP
    traced = str(a_file_with_plain_backups(disk / "traced"))
    calls = [call for call in lab.calls("None", act.format(traced)) if call.changes_something]
    in_the_folder = next(number for number, call in enumerate(calls) if os.path.dirname(traced) in call.text)
    for number, call in enumerate(calls[in_the_folder:]):
        path = a_file_with_plain_backups(disk / str(number))
        assert lab.run("None", act.format(str(path)), call.inject("signal=SIGKILL")) == -signal.SIGKILL, call
        assert read(path) == TEXTS, call
        sink = compressing(path)
        sink.write("five")
        wait_until_compressed(path)
        assert read(path) == [*TEXTS, "five\n"], call
        assert all(access(file) == ACCESS for file in path.parent.iterdir()), call
        sink.stop()


def test_an_error_in_a_compression_leaves_the_plain_backup(lab: Lab, disk: Path) -> None:
    """Whichever system call fails: no backup is lost, and the next rotation begins again."""
    act = UPKEEP
    traced = str(a_file_with_plain_backups(disk / "traced"))
    calls = lab.calls("None", act.format(traced))
    in_the_folder = next(number for number, call in enumerate(calls) if os.path.dirname(traced) in call.text)
    errors = itertools.cycle(["EIO", "ESTALE", "ENOSPC"])
    for number, call in enumerate(calls[in_the_folder:]):
        path = a_file_with_plain_backups(disk / str(number))
        assert lab.run("None", act.format(str(path)), call.inject(f"error={next(errors)}")) == 0, call
        assert read(path) == TEXTS, call
        sink = compressing(path)
        sink.write("five")
        wait_until_compressed(path)
        assert read(path) == [*TEXTS, "five\n"], call
        sink.stop()


def test_a_full_disk_leaves_the_plain_backup(as_root: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", size=1024 * 1024) as disk:
        path = disk / "app.log"
        sink = compressing(path, max_bytes=40_000)
        text = random.Random(1).randbytes(15_000).hex() + "\n"  # gzip halves it
        sink.write(text)
        sink.write(text)
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - 48 * 1024)  # room for a line, and not for a compressed one
        sink.write(text)
        deadline = time.monotonic() + 30
        reported = ""
        while "cannot sync or compress" not in reported:
            assert time.monotonic() < deadline
            reported += capsys.readouterr().err
            time.sleep(0.01)
        assert names(path) == [".1", ".2"]
        assert read(path) == [text] * 3
        filler.unlink()
        sink.rotate()
        wait_until_compressed(path)
        assert read(path) == [text] * 3
        sink.stop()


def test_processes_that_compress_together_lose_nothing(path: Path, start_writer: Callable[..., Writer]) -> None:
    writers = [start_writer(name, path, max_bytes=4000, backup_count=999, compression="gzip") for name in "abc"]
    for writer in writers:
        writer.write(400)
    for writer in writers:
        writer.finish()
    sink = compressing(path, max_bytes=4000, backup_count=999)
    sink.rotate()
    wait_until_compressed(path)
    assert_each_once_in_order(read(path), {writer.name: writer.lines() for writer in writers})
    sink.stop()


def test_processes_that_are_killed_while_they_compress_lose_nothing(disk: Path) -> None:
    """They are killed at random, again and again; each continues the work of the one before."""
    code = """
import os, sys
from taskflow_loguru.sinks import RotatingFileSink
from tests.sinks.writers import lines
sink = RotatingFileSink(sys.argv[1], max_bytes=20_000, backup_count=9999, compression="gzip")
for text in lines(sys.argv[2], range(1_000_000)):
    sink.write(text)
    os.write(1, b".")
"""
    path = disk / "app.log"
    written = {}
    chance = random.Random(4)
    for name in "abcde":
        command = [sys.executable, "-c", code, str(path), name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None
        acknowledged = len(process.stdout.read(chance.randrange(700, 2000)))
        process.kill()
        acknowledged += len(process.stdout.read())
        process.stdout.close()
        process.wait()
        written[name] = lines(name, range(acknowledged))
        following = lines(name, [acknowledged])
        written[name] += following if following[0] in read(path) else []
    sink = compressing(path, backup_count=9999)
    sink.rotate()
    wait_until_compressed(path)
    assert_each_once_in_order(read(path), written)
    sink.stop()
