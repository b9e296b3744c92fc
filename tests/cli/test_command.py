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

COMMANDS = ["lines", "follow", "show", "report", "doctor", "logrotate", "shipper", "lnav"]


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
    ("arguments", "text"),
    [
        (["nonsense"], "nonsense"),
        (["report"], "PATH"),
        (["report", "--nonsense", "tasks.log"], "--nonsense"),
        (["report", "--since", "tomorrow", "tasks.log"], "--since"),
        (["report", "--since", "0001-01-01", "tasks.log"], "--since"),
        (["report", "--until", "9999-12-31T23:59-10:00", "tasks.log"], "--until"),
        (["lines", "--since", "2026-01-02", "--until", "2026-01-01", "tasks.log"], "--since must be a time before"),
        (["lines", "--since", "1h", "--since", "2h", "tasks.log"], "'--since': can be given only once"),
        (["lines", "-n", "1", "--lines", "2", "tasks.log"], "'--lines' / '-n': can be given only once"),
        (["lines", "--tz", "Europe", "tasks.log"], "--tz"),
        (["lines", "--tz", "../UTC", "tasks.log"], "--tz"),
        (["report", "."], "directory"),
        (["report", ""], "''"),
        (["show", "abc", "loop"], "'loop'"),
        (["lines", "fifo"], "'fifo' is not a regular file"),
        (["doctor", "fifo"], "'fifo' is not a regular file"),
        (["lines", "/dev/null"], "'/dev/null' is not a regular file"),
        (["follow", "--level", "loud", "tasks.log"], "--level"),
        (["lines", "--tag", "tenant", "tasks.log"], "KEY=VALUE"),
        (["lines", "--grep", "(", "tasks.log"], "--grep"),
        (["lines", "-v", "tasks.log"], "-v needs --grep"),
        (["follow", "--failed", "tasks.log"], "--failed"),
        (["show", "abc"], "PATH"),
        (["show", "[]", "tasks.log"], "id of a task"),
    ],
)
def test_a_wrong_call_is_explained_on_stderr_with_exit_code_2(
    cli: Cli, tmp_path: Path, arguments: list[str], text: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    done = cli(*arguments, exit_code=2)
    assert done.stdout == ""
    assert text in done.stderr.partition("Error: ")[2]


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


def test_what_cannot_be_read_is_named_and_the_rest_is_read(cli: Cli, tmp_path: Path) -> None:
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    (tmp_path / "tasks.log.3.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    (tmp_path / "tasks.log.2.lz4").write_bytes(b"x")
    os.mkfifo(tmp_path / "tasks.log.1")
    for command in (["report"], ["lines"], ["show", "abc"]):
        done = cli(*command, "missing\x1b[31m.log", "tasks.log/more", "tasks.log", exit_code=1)
        messages = [line.rpartition("/")[2] for line in done.stderr.splitlines()]
        assert sorted(messages) == [
            "more: Not a directory",
            "taskflow-loguru: missing\\x1b[31m.log: No such file or directory",
            "tasks.log.1: is a FIFO, not a regular file",
            "tasks.log.2.lz4: Python cannot decompress .lz4",
            "tasks.log.3.gz: Compressed file ended before the end-of-stream marker was reached",
        ]
        assert "send_email" in done.stdout


@pytest.mark.parametrize(
    ("command", "last"), [(["report"], "send_email"), (["show", "xyz"], "no line of a task 'xyz'")]
)
def test_a_long_reading_shows_a_progress_bar_on_a_terminal(tmp_path: Path, command: list[str], last: str) -> None:
    """A pipe blocks the reading until the bar has appeared."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    arguments = ["-c", 'exec "$@" - < "$0"', str(fifo), COMMAND, *command]
    terminal = pexpect.spawn("/bin/sh", arguments, env=environment, encoding="utf-8", timeout=60)
    with fifo.open("w") as file:
        for _ in range(100):
            file.write("[abc12345] [send_email] 2026-01-01T12:00:00 hello\n" * 20_000)
            file.flush()
            if terminal.expect_exact([" lines", pexpect.TIMEOUT], timeout=0.2) == 0:
                break
        else:
            pytest.fail("no bar")
    terminal.expect_exact(last)
    terminal.expect(pexpect.EOF)


def test_python_m_runs_it_and_a_shell_completes_its_words(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "taskflow_loguru"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"
    environment = {
        **os.environ,
        "_TASKFLOW_LOGURU_COMPLETE": "complete_bash",
        "COMP_WORDS": "taskflow-loguru lines --status f",
        "COMP_CWORD": "3",
    }
    done = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["failed"]
