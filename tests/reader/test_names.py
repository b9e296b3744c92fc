"""The names of backups, and files that are not what their name promises."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from taskflow_loguru.reader import follow, read
from taskflow_loguru.reader._names import BackupNames
from tests.conftest import NOON
from tests.logrotate import Logrotate

from .logs import Following, numbered, numbers_of, write, write_on_day

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.mark.parametrize("extension", COMPRESSORS)
@pytest.mark.parametrize(
    "name",
    ["tasks.log.0", "tasks.1.log", "tasks-20260101.log", "tasks.log.1.old", "tasks.log-2026-48", "old/tasks.log.1"],
)
def test_a_backup_is_read_under_each_name_and_compression(path: Path, name: str, extension: str) -> None:
    backup = path.with_name(name + extension) if "/" not in name else path.parent / (name + extension)
    backup.parent.mkdir(exist_ok=True)
    backup.write_bytes(COMPRESSORS[extension](numbered(1).encode()))
    write(path, 2)
    assert numbers_of(read(path)) == [1, 2]
    assert numbers_of(read(backup)) == [1]


@pytest.mark.parametrize(
    "more", ["extension .log", "addextension .old", "start 0", "olddir old", "dateext\n    extension .log"]
)
@pytest.mark.parametrize("program_and_extension", ["gzip .gz", "bzip2 .bz2", "xz .xz"])
def test_what_logrotate_makes_is_read_and_followed(
    path: Path, program: Callable[[str], str], more: str, program_and_extension: str
) -> None:
    compressor, extension = program_and_extension.split()
    (path.parent / "old").mkdir()
    options = f"{more}\n    compresscmd {program(compressor)}\n    compressext {extension}\n    delaycompress"
    logrotate = Logrotate(program("logrotate"), path, rotate=100, more=options)
    write(path, 0)
    following = Following(path, from_start=True)
    assert following.take(1) == [0]
    zones = ["DAY+24", "DAY+0", "DAY-24"]
    for number, zone in enumerate(zones, 1):
        write_on_day(path, number, number)
        logrotate.rotate(zone=zone)
        assert following.take(1) == [number]
    write_on_day(path, 9, 9)
    assert numbers_of(read(path)) == [0, 1, 2, 3, 9]
    assert following.rest() == [9]


def test_a_folder_with_a_file_of_the_same_name_is_not_an_olddir(path: Path) -> None:
    for name in ("tasks.log", "tasks.log.1"):
        (path.parent / "host").mkdir(exist_ok=True)
        write(path.parent / "host" / name, 99)
    write(path, 1)
    assert numbers_of(read(path)) == [1]


@pytest.mark.parametrize("same_time", [True, False])
def test_a_compressed_backup_beside_another_hides_none(path: Path, same_time: bool) -> None:
    for day, name in enumerate((".2", ".2x", "")):
        write_on_day(Path(f"{path}{name}"), day, day)
    Path(f"{path}.2.gz").write_bytes(gzip.compress(Path(f"{path}.2x").read_bytes()))
    for name in (".2", ".2.gz"):
        os.utime(f"{path}{name}", (1, 1 if same_time else len(name)))
    assert numbers_of(read(path)) == [0, 1, 2]


def test_a_name_with_any_characters_is_taken_literally() -> None:
    for base in ("a.1.b", "tasks[1].log", "tasks", "task{}.log", "1.1"):
        backup = BackupNames(base).parse(f"{base}.7.gz")
        assert backup is not None
        assert str(backup.key).join(backup.scheme) == backup.plain == f"{base}.7"
        assert BackupNames(base).parse(base) is None


def _make(path: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "folder"])
@pytest.mark.parametrize("name", ["", ".1", ".1.gz"])
@pytest.mark.parametrize("function", [read, follow])
def test_what_is_no_regular_file_is_an_error_and_never_opened(
    path: Path, kind: str, name: str, function: Callable[[Path], object]
) -> None:
    _make(Path(f"{path}{name}"), kind)
    with pytest.raises((OSError, ValueError), match=r"not a regular file|Is a directory|not the folder"):
        list(function(path))  # type: ignore[call-overload]


def test_an_unknown_compression_is_reported_and_the_rest_is_read(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f"{path}.1.lz4").write_bytes(b"x")
    write(path, 1)
    assert numbers_of(read(path)) == [1]
    assert capsys.readouterr().err == (
        f"taskflow_loguru: '{path}.1.lz4' is not read completely: Python cannot decompress .lz4\n"
    )


@pytest.mark.parametrize("is_file", [True, False])
def test_a_descriptor_is_read_to_its_end(path: Path, is_file: bool) -> None:
    write(path, 1, 2)
    write(Path(f"{path}.1"), 0)
    with subprocess.Popen([shutil.which("cat") or "cat", path], stdout=subprocess.PIPE) as cat, path.open() as file:
        assert cat.stdout is not None
        name = f"/dev/fd/{file.fileno() if is_file else cat.stdout.fileno()}"
        assert numbers_of(read(name)) == [1, 2]
        assert numbers_of(follow(name)) == ([1, 2] if is_file else [])


def test_the_order_of_schemes_is_that_of_their_lines(path: Path) -> None:
    """logrotate was set up twice, with another compression and another extension."""
    names = ["old/tasks.log.1.xz", "tasks.2.log", "tasks.1.log.bz2", "tasks.log-20260104", "tasks.log.0"]
    for day, name in enumerate(names):
        backup = path.parent / name
        backup.parent.mkdir(exist_ok=True)
        write = COMPRESSORS[backup.suffix if backup.suffix in COMPRESSORS else ""]
        backup.write_bytes(write(numbered(day, NOON + timedelta(days=day)).encode()))
    assert numbers_of(read(path)) == [0, 1, 2, 3, 4]
