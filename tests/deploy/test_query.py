"""docs/query.md: its queries, on the files of two hosts with a FileLogger."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from taskflow_loguru import FileLogger, json_line
from taskflow_loguru.sinks import RotatingFileSink
from tests.conftest import NOON, lifecycle_event, log_event
from tests.hosting import wait_until
from tests.test_examples import ROOT

PAGE = ROOT / "docs" / "query.md"
CUSTOMERS = ("south", "north")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def naive(seconds: float) -> datetime:
    """Return the time in DuckDB's form: in UTC, without a zone."""
    return at(seconds).replace(tzinfo=None)


class Writer:
    """A source of events for the FileLogger of a host."""

    def __init__(self, folder: Path, host: str) -> None:
        self.path = folder / host / "tasks.jsonl"
        sink = RotatingFileSink(self.path, max_bytes=4000, backup_count=100, compression="gzip", backlog_bytes=500)
        self.logger = FileLogger(sink, format=partial(json_line, host=host), log_lifecycle=True)

    async def start(self, task_id: str, function: str, seconds: float) -> None:
        event = lifecycle_event("running", task_id=task_id, func_name=function, timestamp=at(seconds))
        await self.logger.on_lifecycle(event)

    async def log(self, task_id: str, function: str, seconds: float, message: str, **more: Any) -> None:
        event = log_event(message, task_id=task_id, func_name=function, timestamp=at(seconds), **more)
        await self.logger.on_log(event)

    async def end(
        self, task_id: str, function: str, seconds: float, status: str, *, error: str = "", **more: Any
    ) -> None:
        if error:
            more |= {"error": error.partition(": ")[2], "stacktrace": f"Traceback ...\n{error}\n"}
        event = lifecycle_event(status, task_id=task_id, func_name=function, timestamp=at(seconds), **more)
        await self.logger.on_lifecycle(event)

    async def lose_lines(self) -> None:
        """Log more lines than the backlog has room for while the file cannot be written."""
        kept = self.path.rename(self.path.with_name("away"))
        self.path.mkdir()
        for number in range(10):
            await self.log("full-0000", "fill", 700, f"Line {number} " + "x" * 100)
        self.path.rmdir()
        kept.rename(self.path)


async def write_shop_a(folder: Path) -> None:
    shop = Writer(folder, "shop-a")
    for number in range(20):
        task, start, duration = (f"mail-a-{number:02}", "send_email"), 10 * number, (number + 1) / 10
        await shop.start(*task, start)
        await shop.log(*task, start, "Sent")
        tags = {"customer": CUSTOMERS[number % 2]}
        await shop.end(*task, start + duration, "success", duration=duration, tags=tags)
    for number in range(5):
        task, start = (f"card-{number:02}", "charge_card"), 300 + 10 * number
        await shop.start(*task, start)
        await shop.log(*task, start, "The bank does not answer", level="warning")
        if number < 3:
            await shop.end(*task, start + 2, "success", duration=1.0, attempt=1, tags={"customer": "south"})
        else:
            failure: dict[str, Any] = {"error": "TimeoutError: bank", "attempt": 2, "tags": {"customer": "north"}}
            await shop.end(*task, start + 3, "failed", duration=1.5, **failure)
    await shop.start("resize-0", "resize", 400)
    await shop.end("resize-0", "resize", 400.5, "failed", duration=0.5, error="ValueError: no width: 0")
    await shop.start("abc12345-moved", "await_file", 500)
    await shop.log("abc12345-moved", "await_file", 501, "Waiting on shop-a")
    await shop.logger.close()


async def write_shop_b(folder: Path) -> None:
    shop = Writer(folder, "shop-b")
    mails = [(f"mail-b-{number:02}", "send_email") for number in range(10)]
    for mail in mails:
        await shop.start(*mail, 0)
    for duration, mail in enumerate(mails, 5):
        await shop.end(*mail, duration, "success", duration=float(duration))
    await shop.start("abc12345-moved", "await_file", 560)
    await shop.end("abc12345-moved", "await_file", 565, "success", duration=5.0)
    await shop.start("rows-00", "import_rows", 600)
    await shop.start("rows-01", "import_rows", 601)
    await shop.end("rows-01", "import_rows", 610, "interrupted")
    await shop.lose_lines()
    await shop.logger.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``hosts/``: files, backups, compressed backups, and one torn line."""
    folder = tmp_path_factory.mktemp("fleet")
    asyncio.run(write_shop_a(folder / "hosts"))
    asyncio.run(write_shop_b(folder / "hosts"))
    wait_until(lambda: not uncompressed(folder), "the backups were not compressed")
    with (folder / "hosts" / "shop-b" / "tasks.jsonl").open("a") as file:
        file.write('{"v":1,"time":"2026-01-01T12:1')
    names = {file.name for file in (folder / "hosts" / "shop-a").iterdir()}
    assert {"tasks.jsonl", "tasks.jsonl.1", "tasks.jsonl.2.gz", "tasks.jsonl.3.gz"} <= names
    return folder


def uncompressed(folder: Path) -> list[Path]:
    """Return the backups that are not compressed yet, and the hidden file that is being written."""
    names = re.compile(r"\..+|tasks\.jsonl\.([2-9]|\d\d)")
    return [file for file in folder.glob("hosts/*/*") if names.fullmatch(file.name)]


def section(title: str) -> tuple[str, dict[str, str]]:
    """Return the views of a section of the page, and its questions with their queries."""
    found = re.search(rf"^## {title}$(.+?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    views, *queries = re.findall(r"^```sql\n(.*?)^```$", found[1], re.MULTILINE | re.DOTALL)
    return views, {query.partition("\n")[0].removeprefix("-- "): query for query in queries}


VIEWS, QUERIES = section("DuckDB")

ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "Which functions fail?": [
        ("charge_card", 5, 2, 40.0),
        ("resize", 1, 1, 100.0),
        ("await_file", 1, 0, 0.0),
        ("import_rows", 1, 0, 0.0),
        ("send_email", 30, 0, 0.0),
    ],
    "How long do they take?": [
        ("send_email", 30, 1.5, 13.0, 14.0),
        ("await_file", 1, 5.0, 5.0, 5.0),
        ("charge_card", 5, 1.0, 1.5, 1.5),
        ("resize", 1, 0.5, 0.5, 0.5),
    ],
    "Which functions need retries, and do they help?": [("charge_card", 7, 5, 3)],
    "What still runs, or was killed?": [("rows-00", "import_rows", naive(600), "shop-b")],
    "What happened to one task, on whichever hosts it ran?": [
        (naive(500), "shop-a", 0, "info", "-- RUNNING", None),
        (naive(501), "shop-a", 0, "info", "Waiting on shop-a", None),
        (naive(560), "shop-b", 0, "info", "-- RUNNING", None),
        (naive(565), "shop-b", 0, "success", "-- SUCCESS", None),
    ],
    "Which tasks continued on another host?": [("abc12345-moved", "await_file", 2, "shop-a", "shop-b")],
    "Why do they fail?": [
        ("TimeoutError", "charge_card", 2, naive(343), "bank"),
        ("ValueError", "resize", 1, naive(400.5), "no width: 0"),
    ],
    "What failed last?": [
        (naive(400.5), "shop-a", "resize", "resize-0", "ValueError", "no width: 0"),
        (naive(343), "shop-a", "charge_card", "card-04", "TimeoutError", "bank"),
        (naive(333), "shop-a", "charge_card", "card-03", "TimeoutError", "bank"),
    ],
    "How many tasks end per minute?": [
        (naive(0), 16, 0),
        (naive(60), 6, 0),
        (naive(120), 6, 0),
        (naive(180), 2, 0),
        (naive(300), 5, 2),
        (naive(360), 1, 1),
        (naive(540), 1, 0),
        (naive(600), 1, 0),
    ],
    "Which runs were the slowest?": [
        *((float(14 - place), "send_email", "shop-b", f"mail-b-{9 - place:02}") for place in range(9)),
        (5.0, "await_file", "shop-b", "abc12345-moved"),
    ],
    "How is each host doing, and when was it last heard from?": [
        ("shop-a", 26, 3, naive(501)),
        ("shop-b", 12, 0, "now"),
    ],
    "How many tasks ran at the same time, at most?": [("shop-a", 1), ("shop-b", 10)],
    "Which customers (a tag of ours) do failures hit?": [("north", 12, 2), ("south", 13, 0)],
    "Which tasks succeeded, but warned?": [("charge_card", 3, 3)],
    "Is a log incomplete?": [("now", "shop-b", "9 lines lost: [Errno 21] Is a directory")],
}


def test_each_question_of_the_page_has_an_answer_here() -> None:
    assert list(QUERIES) == list(ANSWERS)


@pytest.mark.parametrize("question", QUERIES)
def test_duckdb_answers_from_files_backups_and_gzip(
    question: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with duckdb.connect() as connection:
        connection.execute(VIEWS)
        answer = connection.execute(QUERIES[question]).fetchall()
    assert [tuple(map(steady, row)) for row in answer] == ANSWERS[question]


def test_a_task_whose_start_is_gone_does_not_count_as_minus_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest backup is deleted, and with it the RUNNING lines of some tasks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hosts" / "shop-a").mkdir(parents=True)
    common = '"v":1,"event":"lifecycle","func_name":"f","message":"","host":"shop-a"'
    lines = ((0, "gone", "success"), (1, "gone too", "failed"), (2, "here", "running"), (3, "here", "running"))
    (tmp_path / "hosts" / "shop-a" / "tasks.jsonl").write_text(
        "".join(
            f'{{{common},"time":"2026-01-01T12:00:0{at}.000000Z","task_id":"{task}","status":"{status}"}}\n'
            for at, task, status in lines
        )
    )
    with duckdb.connect() as connection:
        connection.execute(VIEWS)
        answer = connection.execute(QUERIES["How many tasks ran at the same time, at most?"]).fetchall()
    assert answer == [("shop-a", 1)]


def steady(value: Any) -> Any:
    """Return the value without its changing parts: a loss has the time of its writing, and the path."""
    if isinstance(value, datetime) and value.date() != NOON.date():
        return "now"
    return value.partition(": '/")[0] if isinstance(value, str) else value


CLICKHOUSE_VIEWS, CLICKHOUSE_QUERIES = section("ClickHouse")


def test_the_questions_to_clickhouse_are_the_same() -> None:
    assert list(CLICKHOUSE_QUERIES) == list(QUERIES)


def test_clickhouse_answers_the_same(folder: Path, tmp_path: Path) -> None:
    """Skipped without ClickHouse's engine: ``pip install chdb-core``, 180 MB, too large for the group "dev"."""
    session = pytest.importorskip("chdb.session").Session(str(tmp_path / "clickhouse"))
    try:
        session.query(CLICKHOUSE_VIEWS.replace("hosts/", f"{folder}/hosts/"))
        texts = {
            question: str(session.query(query, "JSONCompactEachRow")) for question, query in CLICKHOUSE_QUERIES.items()
        }
    finally:
        session.close()
    for question, text in texts.items():
        answer = [tuple(steady(from_clickhouse(value)) for value in json.loads(line)) for line in text.splitlines()]
        expected = [tuple("" if value is None else value for value in row) for row in ANSWERS[question]]
        assert (question, answer) == (question, expected)


def from_clickhouse(value: Any) -> Any:
    """Convert a value: in JSON times are text, and NULL is an empty string in most columns."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", value):
        return datetime.fromisoformat(value)
    return "" if value is None else value
