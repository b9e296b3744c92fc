"""The command as a Unix program: its start, its errors, its end."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from taskflow_loguru import __version__
from tests.cli.conftest import COMMAND, Cli
from tests.cli.writing import LogWriter

COMMANDS = ["follow", "show", "report", "doctor", "logrotate", "shipper", "lnav"]


def test_the_help_names_every_command(cli: Cli) -> None:
    printed = cli("--help").stdout
    assert [line.split()[0] for line in printed.partition("Commands:\n")[2].splitlines()] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_examples(cli: Cli, command: str) -> None:
    printed = cli(command, "-h").stdout
    assert f"Examples:\n    taskflow-loguru {command} " in printed
    assert "..." not in printed.replace("PATH...", "")


def test_it_prints_its_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["report"],
        ["report", "--nonsense", "tasks.log"],
        ["report", "--since", "yesterday", "tasks.log"],
        ["report", "."],
        ["follow", "--level", "loud", "tasks.log"],
        ["show", "abc"],
    ],
)
def test_a_wrong_call_is_explained_on_stderr_with_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments, exit_code=2)
    assert done.stdout == ""
    assert "Error: " in done.stderr


def test_it_loads_neither_loguru_nor_the_host(cli: Cli, tmp_path: Path) -> None:
    """It must start fast, and read logs on machines without the app."""
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    program = (
        "import sys; sys.argv[1:] = ['report', 'tasks.log']; from taskflow_loguru.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'loguru', 'fastapi', 'fastapi_taskflow', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


def test_help_loads_neither_rich_nor_the_reader() -> None:
    program = (
        "import sys; sys.argv[1:] = ['follow', '--help']; from taskflow_loguru.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in ('rich', 'taskflow_loguru.reader') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


def test_without_the_extra_it_prints_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([COMMAND, "--help"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "taskflow-loguru: typer is not installed; the command needs: pip install 'taskflow-loguru[cli]'\n",
    )


def test_a_closed_pipe_ends_it_quietly(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log")
    for number in range(3):
        log.log(number, "x" * 100_000)
    command = [COMMAND, "follow", "--since", "2026-01-01", str(tmp_path / "tasks.log")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == -13


def test_a_path_that_cannot_be_opened_is_an_error(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    done = cli("report", "tasks.log/more", exit_code=1)
    assert (done.stdout, done.stderr) == ("", "taskflow-loguru: tasks.log/more: Not a directory\n")


def test_a_torn_gzip_backup_is_an_error_that_names_it(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    (tmp_path / "tasks.log.1.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    done = cli("report", "tasks.log", exit_code=1)
    assert "tasks.log.1.gz" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "last"), [(["report"], "send_email"), (["show", "xyz"], "no line of a task 'xyz'")]
)
def test_a_long_reading_shows_a_progress_bar_on_a_terminal(tmp_path: Path, command: list[str], last: str) -> None:
    """A FIFO blocks the reading until the bar has appeared."""
    path = tmp_path / "tasks.log"
    os.mkfifo(path)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    terminal = pexpect.spawn(COMMAND, [*command, str(path)], env=environment, encoding="utf-8", timeout=60)
    with path.open("w") as fifo:
        for _ in range(100):
            fifo.write("[abc12345] [send_email] 2026-01-01T12:00:00 hello\n" * 20_000)
            fifo.flush()
            if terminal.expect_exact([" lines", pexpect.TIMEOUT], timeout=0.2) == 0:
                break
        else:
            pytest.fail("no bar")
    terminal.expect_exact(last)
    terminal.expect(pexpect.EOF)
