"""The examples, run like a user runs them, and the snippets and outputs in README and docs."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from taskflow_loguru import FileLogger, reader
from taskflow_loguru._log_file import DEFAULTS
from taskflow_loguru.formats import detailed_line, task_line
from tests.conftest import lifecycle_event, log_event
from tests.packages import package

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
README = ROOT / "README.md"
QUICKSTART = str(EXAMPLES / "quickstart.py")

LINE = re.compile(
    r"\[[\w-]{8}\] \[(?P<function>\w+)\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ attempt=\d "
    r"(?P<message>.+?)(?: after \d+\.\d+ s)?(?P<error>: \w+Error: .+)?"
)


def run(*command: str, cwd: Path) -> str:
    """Run a program to its end in ``cwd``; it must succeed and print nothing to stderr."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


Start = Callable[..., "tuple[subprocess.Popen[str], str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(*arguments, **environment)``: Python, running a server; the process and the server's address."""
    with contextlib.ExitStack() as stack:

        def start_one(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, *arguments],
                    cwd=tmp_path,
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    return process, found[0]
            pytest.fail("the server ended before it said where it is")

        yield start_one


def uvicorn(example: str) -> list[str]:
    return ["-m", "uvicorn", "--app-dir", str(EXAMPLES), f"{example}:app", "--port", "0"]


def press_ctrl_c(process: subprocess.Popen[str]) -> str:
    """End a server, which finishes its tasks first; return the rest of its output."""
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    rest = process.stdout.read()
    process.wait()
    return rest


def messages(text: str) -> dict[str, list[str]]:
    """Return the messages of each function in a log of ``detailed_line``, without id, time, level and duration."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := LINE.fullmatch(line):
            found.setdefault(match["function"], []).append(match["message"] + (match["error"] or ""))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the quickstart's run."""
    return tmp_path_factory.mktemp("quickstart")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    """Return the output of the quickstart."""
    return run(sys.executable, QUICKSTART, cwd=folder)


class TestQuickstart:
    def test_it_ends_by_itself_and_prints_the_log_of_every_kind_of_task(self, printed: str) -> None:
        charge = ["Order 42: charging the card", "The bank does not answer"]
        courier = "Order 42: no courier at this address"
        assert messages(printed) == {
            "reserve_stock": ["-- RUNNING", "Order 42: 2 items reserved", "-- SUCCESS"],
            "send_email": ["-- RUNNING", "Connecting to the mail server", "Order 42: confirmation sent", "-- SUCCESS"],
            "charge_card": [
                *["-- RUNNING", *charge],
                *["--- Retry 1 ---", *charge],
                *["--- Retry 2 ---", charge[0], "-- SUCCESS"],
            ],
            "call_courier": [
                "-- RUNNING",
                courier,
                "--- Retry 1 ---",
                courier,
                "-- FAILED: LookupError: no courier for order 42",
            ],
            "update_report": ["-- RUNNING", "Report 50 % done", "Report 100 % done", "-- SUCCESS"],
        }

    def test_it_prints_the_lines_of_the_file_and_its_greps_find_them(self, folder: Path, printed: str) -> None:
        log = folder / "demo" / "tasks.log"
        assert f"The log:   {log}\n" in printed
        assert printed.startswith(log.read_text("utf-8"))
        greps = re.findall(r": +(grep .+)", printed)
        assert [run("sh", "-c", grep, cwd=folder).count("\n") for grep in greps] == [9, 4, 1]

    def test_a_second_run_in_the_same_folder_prints_its_own_tasks_only(
        self, folder: Path, printed: str, tmp_path: Path
    ) -> None:
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        assert messages(run(sys.executable, QUICKSTART, cwd=tmp_path)) == messages(printed)

    def test_serve_keeps_the_app_and_its_dashboard_running_until_ctrl_c(self, tmp_path: Path, start: Start) -> None:
        process, address = start(QUICKSTART, "--serve")
        assert "<html" in httpx.get(f"{address}/tasks/dashboard").text
        assert len(httpx.post(f"{address}/orders/43").json()) == 5
        press_ctrl_c(process)
        assert process.returncode == 0
        assert "Order 43: confirmation sent" in (tmp_path / "demo" / "tasks.log").read_text("utf-8")


def test_several_observers_each_show_their_part_of_the_same_events(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("several_observers"))
    with httpx.Client(base_url=address) as client:
        for count in (3, 0):
            client.post(f"/imports/{count}")
        while not (failures := client.get("/failures").json()):
            time.sleep(0.02)
    printed = messages(press_ctrl_c(process))
    files = {path.name: messages(path.read_text("utf-8")) for path in (tmp_path / "demo").iterdir()}

    assert failures == {"import_rows": 1}
    assert printed == {"import_rows": ["There are no rows", "-- FAILED: ValueError: no rows"]}
    assert files["errors.log"] == {"import_rows": ["-- FAILED: ValueError: no rows"]}
    assert sorted(files["tasks.log"]["import_rows"]) == sorted(
        ["-- RUNNING", "Importing 3 rows", "-- SUCCESS", "-- RUNNING", "Importing 0 rows", *printed["import_rows"]]
    )


def test_file_per_worker_gives_each_worker_a_file_of_its_own(tmp_path: Path, start: Start) -> None:
    workers = {number: start(*uvicorn("file_per_worker"), WORKER=number) for number in ("1", "2")}
    for number, (_, address) in workers.items():
        httpx.post(f"{address}/greetings/worker-{number}")
    for process, _ in workers.values():
        press_ctrl_c(process)
    for number in workers:
        log = (tmp_path / "demo" / f"tasks-{number}.log").read_text("utf-8")
        assert messages(log) == {
            "greet": ["-- RUNNING", f"Hello worker-{number}, this is worker {number}", "-- SUCCESS"]
        }


def test_file_per_function_gives_e_mail_and_failures_their_own_files(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("file_per_function"))
    for name in ("bob@example.org", "nobody"):
        httpx.post(f"{address}/signup/{name}")
        while {task["status"] for task in httpx.get(f"{address}/tasks").json()} & {"pending", "running"}:
            time.sleep(0.02)
    press_ctrl_c(process)
    files = {path.name: messages(path.read_text("utf-8")) for path in (tmp_path / "demo").iterdir()}
    sent = ["-- RUNNING", "Sending to bob@example.org", "-- SUCCESS"]
    attempt = ["Sending to nobody", "This is no address"]
    assert files.pop("email.log") == {
        "send_email": [*sent, "-- RUNNING", *attempt, "--- Retry 1 ---", *attempt, "-- FAILED: ValueError: nobody"]
    }
    assert files.pop("tasks.log") == {
        "greet": ["-- RUNNING", "Hello bob@example.org", "-- SUCCESS", "-- RUNNING", "Hello nobody", "-- SUCCESS"]
    }
    assert files.pop("failures.log") == {
        "send_email": ["This is no address", "This is no address", "-- FAILED: ValueError: nobody"]
    }
    assert files == {}


def test_loguru_sharing_has_each_line_of_app_and_task_once_in_either_log(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("loguru_sharing"))
    task_id = httpx.post(f"{address}/orders/42").json()
    printed = press_ctrl_c(process)
    log = (tmp_path / "demo" / "tasks.log").read_text("utf-8")

    both = ["-- RUNNING", "Fulfilling order 42", "Charging order 42", "-- SUCCESS"]
    assert log.count(f"[{task_id[:8]}] [fulfil] ") == len(both) + 1
    for message in (*both, "Order 42 placed", "No label", "ConnectionError: the printer is off"):
        assert (message, printed.count(message), log.count(message)) == (message, 1, 1)
    assert re.search(r"^\[-\] \[place_order\] \S+ INFO attempt=- Order 42 placed$", log, re.MULTILINE)


def test_stdlib_logging_is_in_the_task_with_its_traceback(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("stdlib_logging"))
    httpx.post(f"{address}/imports/0")
    printed = press_ctrl_c(process)
    logged = messages((tmp_path / "demo" / "tasks.log").read_text("utf-8"))["import_rows"]
    running, started, step, failed, succeeded = logged
    assert (running, started, step) == ("-- RUNNING", "Importing 0 rows", "In steps of 100 step=100")
    assert re.fullmatch(r"Nothing to import\\nTraceback .+ZeroDivisionError: division by zero", failed)
    assert succeeded == "-- SUCCESS"
    assert "INFO | shop.import | Importing 0 rows" in printed
    assert "In steps of 100" not in printed


def test_request_ids_are_on_every_line_of_the_tasks_of_a_request(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("request_ids"))
    with httpx.Client(base_url=address) as client:
        asked = client.post("/orders/0", headers={"X-Request-ID": "7f3c"})
        made = client.post("/orders/42")
    printed = press_ctrl_c(process)
    lines = list(reader.read(tmp_path / "demo" / "tasks.jsonl"))
    by_request = {
        request: [line.message for line in lines if line.tags == {"request_id": request}]
        for request in ("7f3c", made.headers["x-request-id"])
    }
    assert list(by_request.values()) == [
        ["-- RUNNING", "Fulfilling", "--- Retry 1 ---", "Fulfilling", "-- FAILED"],
        ["-- RUNNING", "Fulfilling", "-- SUCCESS"],
    ]
    assert asked.headers["x-request-id"] == "7f3c"
    assert {line.task_id for line in lines if line.tags == {"request_id": "7f3c"}} == {asked.json()}
    assert printed.count("INFO | Charging order 0 | {'request_id': '7f3c'}\n") == 2


def test_json_lines_are_read_back_by_the_app_that_wrote_them(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("json_lines"))
    with httpx.Client(base_url=address) as client:
        client.post("/images/cat.png/640")
        task_id = client.post("/images/dog.png/0").json()
        while not (failures := client.get("/failures").json()):
            time.sleep(0.02)
    press_ctrl_c(process)
    lines = [json.loads(line) for line in (tmp_path / "demo" / "tasks.jsonl").read_text("utf-8").splitlines()]

    [failure] = failures
    assert failure.pop("seconds") >= 0
    assert failure == {"task_id": task_id, "tags": {"image": "dog.png"}, "error": "no width: 0"}
    [resized] = [line for line in lines if line["message"] == "Resized"]
    assert (resized["tags"], resized["data"]) == ({"image": "cat.png"}, {"image": "cat.png", "size": [640, 480]})


def test_metrics_show_the_state_of_the_log_to_prometheus_and_health(tmp_path: Path, start: Start) -> None:
    package("prometheus_client")
    process, address = start(*uvicorn("metrics"), TASK_LOG=str(tmp_path / "tasks.log"))
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        client.post("/greet", params={"name": "you"})
        while "task_log_lines_total 3.0" not in client.get("/metrics").text:  # running, hello, success
            time.sleep(0.02)
        assert client.get("/health").json() == {"log": "written", "lines_kept": 0, "lines_lost": 0}
        (tmp_path / "tasks.log").unlink()
        (tmp_path / "tasks.log").mkdir()
        client.post("/greet", params={"name": "you"})
        while client.get("/health").status_code != 503:
            time.sleep(0.02)
        (tmp_path / "tasks.log").rmdir()
    press_ctrl_c(process)


def test_redaction_leaves_no_secret_in_the_file(tmp_path: Path, start: Start) -> None:
    process, address = start(*uvicorn("redaction"))
    httpx.post(f"{address}/charges/4111111111111111")
    press_ctrl_c(process)
    log = (tmp_path / "demo" / "tasks.jsonl").read_text("utf-8")
    assert not re.search("411111|s3cret", log)
    _, charging, refused, failed = map(json.loads, log.splitlines())
    assert charging["message"] == "Charging ****1111"
    assert charging["data"] == {"card": "****", "request": {"token": "****", "note": "paid with ****1111"}}
    assert refused["data"] == {
        "reason": "the bank refuses ****1111",
        "number": "****1111",
        "by_card": {"****1111": 1},
    }
    assert (failed["error"], failed["error_type"]) == ("the bank refuses ****1111", "ValueError")


def blocks(path: Path, language: str) -> list[str]:
    """Yield the code blocks of a Markdown file, also those in lists."""
    found = re.findall(r"^([ \t]*)```(\w*)\n(.*?)^\1```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, of, block in found if of == language]


SNIPPETS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in [README, *sorted((ROOT / "docs").glob("*.md"))]
    for number, block in enumerate(blocks(path, "python"), 1)
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_compiles_and_runs_if_it_begins_with_its_imports(snippet: str, tmp_path: Path) -> None:
    # A snippet may name a system folder: its files go to this folder instead.
    program = re.sub(r"""(["'])/(?=etc/|run/|srv/|tmp/|var/)""", rf"\1{tmp_path}/", snippet)
    compile(program, "snippet", "exec")
    if re.match(r"(from|import) ", program):
        (tmp_path / "snippet.py").write_text(program, "utf-8")
        if re.search(r"^def test_", program, re.MULTILINE):
            # Without a folder of its own, pytest deletes those of earlier runs of this suite, which can take minutes.
            pytest_here = ("-m", "pytest", "-q", "-p", "no:asyncio", "--basetemp=temp")
            run(sys.executable, *pytest_here, "snippet.py", cwd=tmp_path)
        else:
            run(sys.executable, "snippet.py", cwd=tmp_path)


def test_the_first_app_of_the_docs_writes_the_lines_that_are_shown(tmp_path: Path, start: Start) -> None:
    page = ROOT / "docs/start.md"
    [program], [shown] = blocks(page, "python"), blocks(page, "text")
    (tmp_path / "shop.py").write_text(program, "utf-8")
    log = tmp_path / "tasks.log"
    process, address = start("-m", "uvicorn", "shop:app", "--port", "0")
    calls = re.findall(r"curl -X POST 'http://127.0.0.1:8000(.+)'", page.read_text("utf-8"))
    for call, end in zip(calls, ("-- SUCCESS", "-- FAILED"), strict=True):
        httpx.post(address + call)
        while end not in log.read_text("utf-8"):
            time.sleep(0.02)
    press_ctrl_c(process)
    assert messages(log.read_text("utf-8")) == messages(shown)


class TestReadme:
    def test_the_import_to_change_and_the_one_to_change_it_to_both_work(self, tmp_path: Path) -> None:
        (diff,) = blocks(README, "diff")
        before, after = diff.splitlines()
        assert (before[0], after[0]) == ("-", "+")
        for line in (before, after):
            run(sys.executable, "-c", line[1:], cwd=tmp_path)

    @pytest.mark.parametrize(("number", "format"), [(0, detailed_line), (1, task_line)])
    async def test_the_lines_that_it_shows_are_those_of_the_file(
        self, tmp_path: Path, number: int, format: Callable[[Any], str]
    ) -> None:
        """One run of a task, in both formats."""
        began = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
        retried: dict[str, Any] = {"attempt": 1, "timestamp": began + timedelta(seconds=2, milliseconds=10)}
        ended: dict[str, Any] = {
            "attempt": 1,
            "timestamp": began + timedelta(seconds=3, milliseconds=210),
            "duration": 1.2,
            "error": "refused",
            "stacktrace": "Traceback ...\nConnectionError: refused\n",
        }
        logger = FileLogger(tmp_path / "tasks.log", log_lifecycle=True, format=format)
        await logger.on_lifecycle(lifecycle_event("running"))
        await logger.on_log(log_event("Connecting to SMTP server", timestamp=began + timedelta(milliseconds=4)))
        await logger.on_log(log_event("Connecting to SMTP server", **retried))
        await logger.on_lifecycle(lifecycle_event("failed", **ended))
        await logger.close()
        assert blocks(README, "")[number] == (tmp_path / "tasks.log").read_text("utf-8")


def test_the_settings_page_has_every_parameter_of_filelogger() -> None:
    """In order, each with its default."""
    text = (ROOT / "docs/settings.md").read_text("utf-8").partition("\n## Compression")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.+?)`)? ?\|", text, re.MULTILINE)
    assert rows == [
        (parameter.name, written(DEFAULTS.get(parameter.name, parameter.default)))
        for parameter in inspect.signature(FileLogger).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]


def written(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return ""
    return "task_line" if default is task_line else repr(default)
