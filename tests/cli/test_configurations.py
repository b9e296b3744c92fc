"""`taskflow-loguru logrotate`, `shipper` and `lnav`: the configurations of the package, printed."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

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


ROOT, NOBODY, UNNAMED = (0, 0), (65534, 65534), (54321, 54321)


@pytest.mark.parametrize(
    ("folder_owner", "mode", "file_owner", "su"),
    [
        (ROOT, 0o755, ROOT, None),
        (ROOT, 0o755, NOBODY, None),
        (NOBODY, 0o755, NOBODY, "nobody nogroup"),
        (NOBODY, 0o755, ROOT, "root nogroup"),
        ((0, 65534), 0o775, NOBODY, "root nogroup"),
        (ROOT, 0o777, NOBODY, "root root"),
        (UNNAMED, 0o700, UNNAMED, "root root"),
    ],
)
def test_the_rule_that_is_printed_works_in_logrotate(
    cli: Cli,
    as_root: None,
    program: Callable[[str], str],
    folder_owner: tuple[int, int],
    mode: int,
    file_owner: tuple[int, int],
    su: str | None,
) -> None:
    """It has ``su`` if others than root may change the folder; the owner of the file stays."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as top:
        os.chmod(top, 0o755)
        log = Path(top, "logs", "tasks.log")
        log.parent.mkdir()
        log.write_text("line\n")
        os.chown(log, *file_owner)
        os.chown(log.parent, *folder_owner)
        log.parent.chmod(mode)
        rule = Path(top, "rule.conf")
        rule.write_text(cli("logrotate", log).stdout)
        assert re.findall(r"^    su (.*)$", rule.read_text(), re.MULTILINE) == ([su] if su else [])
        subprocess.run([program("logrotate"), "--force", "--state", Path(top, "state"), rule], check=True)
        assert (log.read_text(), log.with_name("tasks.log.1").read_text()) == ("", "line\n")
        assert (log.stat().st_uid, log.stat().st_gid) == file_owner


JSON = "its lines are JSON: this is the configuration of --format json"


@pytest.mark.parametrize(
    ("lines", "option", "printed", "note"),
    [
        (None, None, "text", None),
        ("[abc12345] [f] 2026-01-01T12:00:00 hello\n", None, "text", None),
        ('{"version": 1}\n', None, "json", JSON),
        ('{"version": 1}\n', "json", "json", None),
        ('{"version": 1}\n', "text", "text", "its lines are json, and this is the configuration for text"),
        ("no JSON\n", "json", "json", "its lines are text, and this is the configuration for json"),
    ],
)
def test_it_looks_at_the_lines_of_the_file(
    cli: Cli,
    tmp_path: Path,
    lines: str | None,
    option: str | None,
    printed: Literal["text", "json"],
    note: str | None,
) -> None:
    log = tmp_path / "tasks.log"
    if lines:
        log.write_text(lines)
    done = cli("shipper", "vector", log, *(["--format", option] if option else []))
    assert done.stdout == shippers.render("vector", log, format=printed)
    assert done.stderr == (f"taskflow-loguru: {log}: {note}\n" if note else "")


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
