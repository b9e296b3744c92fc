"""The lines of a file with any bytes."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from taskflow_loguru.reader import _lines, read

from .logs import follow_to_the_end, numbered, numbers_of, write


def test_an_incomplete_line_and_lines_of_others_are_skipped(path: Path) -> None:
    write(path, 1)
    with path.open("ab") as file:
        file.write(b"junk\n\xff\xfe\n\n{}\n" + numbered(2).encode() + numbered(3).encode()[:-3])
    assert numbers_of(read(path)) == [1, 2]


def test_bytes_that_are_not_utf_8_are_shown_as_escapes(path: Path) -> None:
    path.write_bytes(numbered(1).encode().replace(b" 1\n", b" \xff!\n"))
    [line] = read(path)
    assert line.message == "\\xff!"


@contextmanager
def peak_at_most(count: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < count
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("reads", [read, follow_to_the_end])
def test_a_file_of_any_size_takes_the_memory_of_its_lines(path: Path, reads: Any) -> None:
    line = numbered(1)[:-2] + "x" * 5000 + "\n"
    path.write_text(line * 10_000)
    with gzip.open(f"{path}.1.gz", "wt", compresslevel=1) as file:
        file.writelines([line] * 2000)
    with peak_at_most(1_000_000):  # bytes, of 50,000,000
        count = sum(1 for _ in reads(path))
    assert count >= 10_000


def test_a_line_of_many_megabytes_is_read(path: Path) -> None:
    message = "x" * 30_000_000
    path.write_text(numbered(1) + numbered(2).replace(" 2\n", f" {message}\n"))
    for lines in (read(path), follow_to_the_end(path)):
        assert [len(line.message) for line in lines] == [1, len(message)]


@pytest.mark.parametrize("reads", [read, follow_to_the_end])
def test_a_hole_of_nul_bytes_takes_no_memory_and_hides_no_line(path: Path, reads: Any) -> None:
    write(path, 1)
    with path.open("r+b") as file:
        file.truncate(200_000_000)  # sparse, like a file that was truncated under its writer
        file.seek(0, 2)
        file.write(numbered(2).encode() + b"\0\0" + numbered(3).encode())
    with peak_at_most(10_000_000):
        assert numbers_of(reads(path)) == [1, 2, 3]


@pytest.mark.parametrize("reads", [read, follow_to_the_end])
@pytest.mark.parametrize("shift", range(4))
def test_a_character_is_whole_wherever_in_the_file_it_is(path: Path, reads: Any, shift: int) -> None:
    message = "x" * shift + "𝄞" * 50_000
    path.write_text(numbered(1).replace(" 1\n", f" {message}\n") * 2, encoding="utf-8")
    assert [line.message for line in reads(path)] == [message] * 2


def test_separators_of_unicode_and_carriage_returns_end_no_line(path: Path) -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\rg"
    path.write_text(numbered(1).replace(" 1\n", f" {text}\n"), encoding="utf-8", newline="")
    [line] = read(path)
    assert line.message == text


@pytest.mark.parametrize("reads", [read, follow_to_the_end])
def test_a_byte_order_mark_and_crlf_belong_to_no_line(path: Path, reads: Any) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + numbered(1).replace("\n", "\r\n").encode() * 2 + b"\r\n" + numbered(1).encode())
    assert numbers_of(reads(path)) == [1, 1, 1]


@pytest.mark.parametrize("name", ["", ".1.gz"])
def test_a_line_without_an_end_is_skipped_and_counted(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_lines, "MAX_LINE_BYTES", 1 << 20)
    content = numbered(1).encode() + b"x" * 30_000_000 + b"\n" + numbered(2).encode() + b"y" * 3_000_000
    Path(f"{path}{name}").write_bytes(gzip.compress(content, 1) if name else content)
    with peak_at_most(5_000_000):
        assert numbers_of(read(path)) == [1, 2]
    assert "2 lines of more than" in capsys.readouterr().err
