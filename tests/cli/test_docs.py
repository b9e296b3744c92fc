"""Agreement of docs/cli.md with the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from taskflow_loguru import json_line
from tests.cli.conftest import Cli
from tests.cli.test_command import COMMANDS
from tests.cli.writing import LogWriter

DOCS = (Path(__file__).parents[2] / "docs/cli.md").read_text("utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_its_options_are_documented(cli: Cli, command: str) -> None:
    assert f"taskflow-loguru {command}" in DOCS
    for option in set(re.findall(r"--[a-z-]+", cli(command, "--help").stdout.partition("Options:\n")[2])) - {"--help"}:
        assert option in DOCS or option.removeprefix("--").replace("-", "_") in DOCS, option


def test_the_commands_in_the_docs_are_valid(cli: Cli) -> None:
    for command, arguments in re.findall(r"^(?:\$ )?taskflow-loguru (\w+) (.*)$", DOCS, re.MULTILINE):
        options = set(re.findall(r"--[a-z-]+", arguments))
        assert options <= set(re.findall(r"--[a-z-]+", cli(command, "--help").stdout)), (command, arguments)


def test_its_example_of_show_is_the_real_output(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.jsonl", format=json_line)
    names = {"task_id": "4dd4527c-93b5-4c0c-a7a9-22d4e4a2a6c5", "func_name": "charge_card"}
    log.status(0, "running", **names)
    log.log(0.02, "charging the card", extra={"order": 42}, **names)
    log.log(0.52, "the bank does not answer", level="warning", **names)
    log.log(0.82, "charging the card", extra={"order": 42}, attempt=1, **names)
    log.status(1.02, "success", attempt=1, duration=0.2, **names)
    (shown,) = re.findall(r"^\$ taskflow-loguru (show .*)\n((?:.*\n)*?)```", DOCS, re.MULTILINE)
    assert cli(*shown[0].split()).stdout == shown[1]
