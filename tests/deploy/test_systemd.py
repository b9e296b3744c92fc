"""docs/deploy.md, systemd and logrotate: the unit is valid, and the app loses no line when logrotate moves its file."""

from __future__ import annotations

import configparser
import grp
import os
import pwd
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.deploy.serving import (
    AN_IMPORT,
    EXAMPLES,
    Load,
    messages_by_task,
    records,
    running,
    stop,
    wait_until_up,
)

UNIT = EXAMPLES / "shop.service"
UVICORN = "/srv/shop/.venv/bin/uvicorn"


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT, "utf-8")
    return parser["Service"]


def test_systemd_accepts_the_unit(program: Callable[[str], str], tmp_path: Path) -> None:
    """``systemd-analyze verify`` needs the program, and prints nothing."""
    verified = tmp_path / UNIT.name
    verified.write_text(UNIT.read_text("utf-8").replace(UVICORN, sys.executable), "utf-8")
    command = [program("systemd-analyze"), "verify", str(verified)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_waits_longer_than_the_server_waits_for_its_tasks() -> None:
    command = shlex.split(unit()["ExecStart"])
    graceful = int(command[command.index("--timeout-graceful-shutdown") + 1])
    assert int(unit()["TimeoutStopSec"]) >= graceful + 10
    assert unit()["KillMode"] == "mixed"


def test_logrotate_moves_the_file_of_the_unit_under_load_without_a_loss(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    log, socket = tmp_path / "logs" / "tasks.jsonl", tmp_path / "app.sock"
    rotate = configured_logrotate(program("logrotate"), tmp_path, log)
    environment = dict(word.split("=", 1) for word in shlex.split(unit()["Environment"]))
    assert environment["TASK_LOG"] == "/var/log/shop/tasks.jsonl"
    assert environment["LOG_MODE"] == "watched"
    _, *arguments = shlex.split(unit()["ExecStart"])
    command = [sys.executable, "-m", "uvicorn", *arguments, "--app-dir", str(EXAMPLES), "--uds", str(socket)]
    with running(command, tmp_path, **{**environment, "TASK_LOG": str(log)}) as server:
        wait_until_up(socket)
        with Load(socket) as load:
            for rotations in range(1, 4):
                load.wait_for(40 * rotations)
                assert rotate("--debug", "--force") != ""  # it prints the steps without doing them
                rotate("--force")
            load.wait_for(200)
        stop(server)
    files = sorted(file.name for file in log.parent.iterdir())
    assert files == ["tasks.jsonl", "tasks.jsonl.1", "tasks.jsonl.2.gz", "tasks.jsonl.3.gz"]
    oldest_first = [log.parent / name for name in [*reversed(files[1:]), files[0]]]
    tasks = messages_by_task(records(*oldest_first))
    assert set(load.answered) <= tasks.keys()
    # In watched mode a line is repeated if the file was moved during the write. So compare sets: a task's lines differ.
    assert [task for task in tasks.items() if list(dict.fromkeys(task[1])) != AN_IMPORT] == []


def configured_logrotate(program: str, folder: Path, log: Path) -> Callable[..., str]:
    """Return real logrotate with the example's configuration, for another path and the user of the tests."""
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    text = (EXAMPLES / "logrotate.conf").read_text("utf-8")
    text = text.replace("/var/log/shop/tasks.jsonl", str(log)).replace(
        "create 0640 shop shop", f"create 0640 {user} {group}"
    )
    assert re.search(r"\bshop\b", text.partition("{")[2]) is None
    configuration = folder / "logrotate.conf"
    configuration.write_text(text, "utf-8")

    def run(*options: str) -> str:
        command = [program, *options, "--state", str(folder / "state"), str(configuration)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "--debug" in options or done.stderr == ""
        assert "error" not in done.stderr
        return done.stderr

    return run
