from __future__ import annotations

import sys
from typing import Any

import pytest

from taskflow_loguru.sinks._notices import Notices


def test_nothing_is_printed_before_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    notices = Notices()
    notices.add("one")
    notices.add("two")
    assert capsys.readouterr().err == ""
    notices.print()
    assert capsys.readouterr().err == "taskflow_loguru: one\ntaskflow_loguru: two\n"


def test_each_notice_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    notices = Notices()
    notices.add("one")
    notices.print()
    notices.print()
    assert capsys.readouterr().err == "taskflow_loguru: one\n"


def test_a_stderr_that_leads_back_into_the_sink_prints_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    notices = Notices()
    printed: list[str] = []

    class Stderr:
        def write(self, text: str) -> int:
            printed.append(text)
            notices.print()
            return len(text)

        def flush(self) -> Any: ...

    monkeypatch.setattr(sys, "stderr", Stderr())
    notices.add("one")
    notices.add("two")
    notices.print()
    assert sorted(text for text in printed if text.strip()) == ["taskflow_loguru: one", "taskflow_loguru: two"]
