"""Messages on stderr: each is one line, which drives no terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from taskflow_loguru import FileLogger
from taskflow_loguru._stderr import report
from taskflow_loguru.sinks import WatchedFileSink
from tests.conftest import log_event

if TYPE_CHECKING:
    from loguru import Record

HOSTILE = "a\nb\r\x1b[2J\x00\x07\x9b1m\u2028\udcff"
ESCAPED = r"a\nb\r\x1b[2J\x00\x07\x9b1m\u2028\udcff"


async def test_an_exception_and_a_traceback_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(record: Record) -> str:
        raise ValueError(HOSTILE)

    await FileLogger(tmp_path / "tasks.log", format=broken, filter=lambda record: bool(broken(record))).on_log(
        log_event()
    )
    of_filter, of_format = capsys.readouterr().err.splitlines()
    for line in (of_filter, of_format):
        assert line.startswith("taskflow_loguru: the ")
        assert r"Traceback (most recent call last):\n" in line
        assert line.endswith(rf"ValueError: {ESCAPED}")


def test_the_name_of_a_file_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / HOSTILE.replace("\0", "")
    sink = WatchedFileSink(path)
    path.unlink()
    path.mkdir()
    sink.write("kept\n")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert "cannot write to" in line
    path.rmdir()
    sink.stop()


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", r"Gr\xfc\xdfe \udcff"), ("utf-8", r"Grüße \udcff")])
def test_a_stream_that_lacks_a_character_gets_its_escape(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    monkeypatch.setattr(sys, "stderr", stream)
    report("Grüße \udcff")
    assert stream.buffer.getvalue().decode(encoding) == f"taskflow_loguru: {shown}\n"


def test_without_a_stream_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        report("nobody reads this")
