"""`taskflow-loguru logrotate`, `shipper` and `lnav`: the configurations of the package, printed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from taskflow_loguru import shippers
from tests.cli.conftest import COMMAND, Cli

LOG = "/var/log/myapp/tasks.log"


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("name", shippers.NAMES)
def test_the_configuration_of_each_shipper_is_printed_for_the_path(cli: Cli, name: str, format: str) -> None:
    expected = shippers.render(name, LOG, format="json" if format == "json" else "text")
    assert cli("shipper", name, LOG, "--format", format).stdout == expected


def test_a_relative_path_counts_from_the_current_folder(cli: Cli, tmp_path: Path) -> None:
    assert f"{tmp_path}/tasks.log" in cli("shipper", "rsyslog", "tasks.log").stdout
    assert f"{tmp_path}/tasks.log" in cli("logrotate", "tasks.log").stdout


def test_an_unknown_shipper_is_a_usage_error_that_lists_the_known_ones(cli: Cli) -> None:
    assert ", ".join(shippers.NAMES) in cli("shipper", "pigeon", LOG, exit_code=2).stderr


def test_the_rule_that_is_printed_works_in_logrotate(cli: Cli, tmp_path: Path, program: Callable[[str], str]) -> None:
    (tmp_path / "tasks.log").write_text("line\n")
    rule = tmp_path / "rule.conf"
    rule.write_text(cli("logrotate", tmp_path / "tasks.log").stdout)
    rule.chmod(0o644)
    subprocess.run([program("logrotate"), "--force", "--state", tmp_path / "state", rule], check=True)
    assert (tmp_path / "tasks.log").read_text() == ""


def test_lnav_installs_the_format_that_is_printed(cli: Cli, tmp_path: Path, program: Callable[[str], str]) -> None:
    folder = os.path.dirname(program("lnav"))
    printed = cli("lnav").stdout
    assert printed == shippers.lnav_format()
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
    cli("lnav", "--install", **environment)
    installed = [file.read_text() for file in tmp_path.rglob("formats/installed/*.json")]
    assert printed in installed


def test_without_lnav_its_format_is_not_installed(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([COMMAND, "lnav", "--install"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "taskflow-loguru: lnav is not installed, or not on the PATH\n")
