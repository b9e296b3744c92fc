"""`taskflow-loguru doctor`: each problem, created for real if that is possible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from taskflow_loguru import json_line
from taskflow_loguru.cli.doctor import logrotate
from taskflow_loguru.cli.doctor.disk import check_mount, mount_of
from taskflow_loguru.cli.doctor.findings import Finding, Findings, Settings
from taskflow_loguru.cli.doctor.patterns import matches
from taskflow_loguru.cli.doctor.processes import lock_holders
from taskflow_loguru.cli.doctor.shippers import CONFIGURATIONS, patterns_that_match_backups
from tests.cli.conftest import Cli
from tests.cli.writing import LogWriter
from tests.logrotate import Logrotate
from tests.sinks.disks import small_disk

LOG = Path("/var/log/myapp/tasks.log")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log without problems."""
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    return tmp_path / "tasks.log"


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def python() -> Iterator[Run]:
    """``python(program, *arguments)``: start a program, and wait until it has printed a line."""
    with ExitStack() as stack:

        def start(program: str, *arguments: object) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", program, *map(str, arguments)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline()
            return process

        yield start


def problems(printed: str) -> list[str]:
    return [line.split("problem  ")[1] for line in printed.splitlines() if line.startswith("problem  ")]


def the_problem(cli: Cli, *arguments: str | Path) -> str:
    """Return the only problem found, after checking that it comes with a fix."""
    printed = cli("doctor", *arguments, exit_code=1).stdout
    (problem,) = problems(printed)
    assert f"problem  {problem}\n         fix: " in printed
    return problem


def found_by(check: Callable[[Findings], None]) -> list[Finding]:
    findings = Findings()
    return findings.added_by(lambda settings, findings: check(findings), Settings(LOG, "rotate", 1, 1)) or []


def test_a_sound_log_has_exit_code_0_and_a_line_for_each_check(cli: Cli, path: Path) -> None:
    printed = cli("doctor", path).stdout
    assert problems(printed) == []
    for part in (
        "-rw-r--r-- ",
        "0 backups",
        "no process holds the lock of the file",
        "file system",
        " free; ",
        "2 lines of tasks",
    ):
        assert part in printed


def test_a_missing_file_is_an_error(cli: Cli, tmp_path: Path) -> None:
    missing = tmp_path / "tasks.log"
    assert cli("doctor", missing, exit_code=1).stderr == f"taskflow-loguru: {missing}: No such file or directory\n"


def test_a_file_that_everybody_may_write_is_a_problem(cli: Cli, path: Path) -> None:
    path.chmod(0o666)
    assert "every user may write" in the_problem(cli, path)


def test_lost_lines_are_a_problem(cli: Cli, path: Path) -> None:
    with path.open("a") as file:
        file.write("[-] [taskflow_loguru] 2026-01-01T12:00:05 3 lines lost: no space left\n")
    assert the_problem(cli, path) == "3 lines were lost, the last at 2026-01-01 12:00:05: no space left"


def test_a_file_that_outgrew_max_bytes_is_a_problem(cli: Cli, path: Path) -> None:
    assert "exceeds max_bytes" in the_problem(cli, "--max-bytes", "20", path)


def test_backups_that_nobody_deletes_are_a_problem(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", max_bytes=200, backup_count=5)
    for number in range(30):
        log.log(number, f"line {number}")
    assert "tasks.log.4, tasks.log.5" in the_problem(cli, "--backup-count", "3", tmp_path / "tasks.log")


def test_two_processes_with_different_max_bytes_are_a_problem(cli: Cli, tmp_path: Path) -> None:
    large, small = (LogWriter(tmp_path / "tasks.log", max_bytes=size, backup_count=5) for size in (4000, 400))
    for log in (large, small, large, small):
        for _ in range(70 if log is large else 8):
            log.log(0, "x" * 20)
    assert "alternately: two processes have different max_bytes" in the_problem(cli, tmp_path / "tasks.log")


def test_two_processes_with_different_formats_are_a_problem(cli: Cli, path: Path) -> None:
    LogWriter(path, format=json_line).log(0, "hello")
    assert "1 are JSON and the others text" in the_problem(cli, path)


def test_it_names_the_processes_that_have_the_file_open(cli: Cli, path: Path, python: Run) -> None:
    writer = python("import sys; file = open(sys.argv[1], 'a'); print(1, flush=True); input()", path)
    reader = python("import sys; file = open(sys.argv[1]); print(1, flush=True); input()", path)
    printed = cli("doctor", path).stdout
    assert f"process {writer.pid} (" in printed
    assert "has tasks.log open, to write" in printed
    assert f"process {reader.pid} (" in printed
    assert "has tasks.log open, to read" in printed


def test_a_writer_that_does_not_append_is_a_problem(cli: Cli, path: Path, python: Run) -> None:
    writer = python("import sys; file = open(sys.argv[1], 'r+'); print(1, flush=True); input()", path)
    problem = the_problem(cli, path)
    assert problem.startswith(f"process {writer.pid} (")
    assert "does not write in append mode" in problem


def test_a_stopped_process_that_holds_the_lock_is_a_problem(cli: Cli, path: Path, python: Run) -> None:
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'a')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(1, flush=True)\n"
        "input()\n"
    )
    holder = python(program, path)
    assert lock_holders(path) == {holder.pid}
    os.kill(holder.pid, signal.SIGSTOP)
    printed = cli("doctor", path, exit_code=1).stdout
    (problem,) = problems(printed)
    assert f"process {holder.pid} (" in problem
    assert "has held the lock for over 0.6 s and is T (stopped)" in problem
    assert f"fix: kill -CONT {holder.pid}" in printed


def test_a_writer_that_may_not_rename_is_a_problem(as_root: None, cli: Cli, python: Run) -> None:
    with small_disk(Path("/mnt")) as folder:  # user nobody cannot enter tmp_path
        folder.chmod(0o755)
        (folder / "tasks.log").touch()
        os.chown(folder / "tasks.log", 65534, 65534)
        program = "import os, sys; os.setuid(65534); file = open(sys.argv[1], 'a'); print(1, flush=True); input()"
        writer = python(program, folder / "tasks.log")
        problem = the_problem(cli, "--max-bytes", "100", folder / "tasks.log")
        assert problem.startswith(f"process {writer.pid} (")
        assert problem.endswith("has no right to rename files in /mnt: it cannot rotate, and the file grows")


def test_too_little_space_for_the_backups_is_a_problem(as_root: None, cli: Cli, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size=65536) as folder:
        LogWriter(folder / "tasks.log").run(0, 1)
        assert "free; the file and its backups may grow by" in the_problem(cli, folder / "tasks.log")
        printed = cli("doctor", "--max-bytes", "10000", "--backup-count", "2", folder / "tasks.log").stdout
        assert "tmpfs: the log is gone after a reboot" in printed


def test_too_few_inodes_for_the_backups_are_a_problem(as_root: None, cli: Cli, tmp_path: Path) -> None:
    point = tmp_path / "disk"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=4", "none", point], check=True)
    try:
        LogWriter(point / "tasks.log").run(0, 1)
        assert "inodes free" in the_problem(cli, "--max-bytes", "1000", point / "tasks.log")
    finally:
        subprocess.run(["umount", point], check=True)


def test_a_file_that_is_a_mount_point_is_a_problem(as_root: None, cli: Cli, tmp_path: Path, path: Path) -> None:
    (tmp_path / "mounted.log").touch()
    subprocess.run(["mount", "--bind", path, tmp_path / "mounted.log"], check=True)
    try:
        assert "is a mount point" in the_problem(cli, tmp_path / "mounted.log")
    finally:
        subprocess.run(["umount", tmp_path / "mounted.log"], check=True)


@pytest.mark.parametrize(
    ("options", "kind"), [("rw,vers=4.2", "note"), ("rw,vers=3,nolock", "problem"), ("rw,local_lock=flock", "problem")]
)
def test_a_network_file_system_is_reported_with_its_locks(options: str, kind: str) -> None:
    mountinfo = (
        "27 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
        f"40 27 0:50 / /var/log/myapp rw,relatime shared:1 - nfs4 server:/logs {options}\n"
    )
    mount = mount_of(LOG, mountinfo)
    assert mount is not None
    settings = Settings(LOG, "rotate", 1, 1)
    (finding,) = found_by(lambda findings: check_mount(settings, mount, findings))
    assert finding.kind == kind
    assert "network file system (nfs4)" in finding.text


def rules(root: Path, path: Path, mode: str, configuration: str) -> list[Finding]:
    (root / "etc/logrotate.d").mkdir(parents=True)
    (root / "etc/logrotate.d/myapp").write_text(configuration)
    settings = Settings(path, "rotate" if mode == "rotate" else "watched", 1, 1)
    return found_by(lambda findings: logrotate.check_rules(settings, list(logrotate.rules_for(path, root)), findings))


RULE = """
# the app's
"/var/log/other/*.log" /var/log/myapp/*.log {
    daily
    rotate 7
    %s
}
"""


def test_logrotate_and_a_file_that_rotates_itself_are_a_problem(tmp_path: Path) -> None:
    (finding,) = rules(tmp_path, LOG, "rotate", RULE % "create")
    assert finding.kind == "problem"
    assert "and so does FileLogger" in finding.text


def test_a_watched_file_needs_a_rule_and_a_safe_one(tmp_path: Path) -> None:
    assert [one.kind for one in rules(tmp_path / "1", LOG, "watched", RULE % "create")] == ["ok"]
    assert [one.kind for one in rules(tmp_path / "2", LOG, "watched", RULE % "copytruncate")] == ["ok", "problem"]
    assert [one.kind for one in rules(tmp_path / "3", Path("/var/log/x.log"), "watched", RULE % "")] == ["problem"]
    hup = "postrotate\n        kill -HUP $(cat /run/myapp.pid)\n    endscript"
    assert [one.kind for one in rules(tmp_path / "4", LOG, "watched", RULE % hup)] == ["ok", "note"]
    other = "/var/log/nginx.log {\n    postrotate\n        kill -HUP $(cat ${PID})\n    endscript\n}\n"
    assert [one.kind for one in rules(tmp_path / "5", LOG, "watched", other + RULE % "create")] == ["ok"]


def test_a_rule_that_real_logrotate_follows_is_found(tmp_path: Path, program: Callable[[str], str]) -> None:
    path = tmp_path / "logs" / "tasks.log"
    LogWriter(path).run(0, 1)
    rotating = Logrotate(program("logrotate"), path)
    (tmp_path / "etc/logrotate.d").mkdir(parents=True)
    (tmp_path / "logrotate/tasks.conf").rename(tmp_path / "etc/logrotate.d/tasks.conf")
    assert rotating.backups() == []
    (rule,) = logrotate.rules_for(path, tmp_path)
    assert {"daily", "compress", "create"} <= rule.directives


TWICE = {
    "Grafana Alloy": (
        "config.alloy",
        'local.file_match "t" {\n  path_targets = [{"__path__" = "/var/log/myapp/*.log*"}]\n}',
    ),
    "Promtail": ("config.yml", "labels:\n  __path__: /var/log/myapp/tasks.log{,.1}\n"),
    "Vector": ("vector.toml", '[sources.tasks]\ntype = "file"\ninclude = ["/var/log/**/tasks.log*"]\n'),
    "Fluent Bit": ("fluent-bit.conf", "[INPUT]\n    Name tail\n    Path /var/log/myapp/tasks.*\n"),
    "Fluentd": ("fluent.conf", "<source>\n  @type tail\n  path /var/log/myapp/tasks.log*\n</source>\n"),
    "OpenTelemetry Collector": ("config.yaml", "receivers:\n  filelog:\n    include: [ /var/log/myapp/* ]\n"),
    "Datadog agent": ("conf.d/myapp.d/conf.yaml", "logs:\n  - type: file\n    path: /var/log/myapp/tasks.log*\n"),
    "CloudWatch agent": ("agent.json", '{"collect_list": [{"file_path": "/var/log/myapp/tasks.log*"}]}'),
    "Filebeat": ("filebeat.yml", "paths:\n  - /var/log/myapp/tasks.log*\n"),
    "rsyslog": ("50-myapp.conf", 'input(type="imfile" File="/var/log/myapp/tasks.log*" Tag="t")\n'),
    "syslog-ng": ("conf.d/m.conf", 'wildcard-file(base-dir("/var/log/myapp") filename-pattern("tasks.log*"));'),
}


def configured(root: Path, shipper: str, text: str) -> list[str]:
    """Return the findings for this configuration of the shipper's package."""
    place = CONFIGURATIONS[shipper][-1].split("*")[0].rstrip("/").replace("etc/otelcol", "etc/otelcol-contrib")
    file = root / place / TWICE[shipper][0]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return [match.shipper for match in patterns_that_match_backups(LOG, root)]


@pytest.mark.parametrize("shipper", CONFIGURATIONS)
def test_a_shipper_s_pattern_that_matches_backups_is_found(tmp_path: Path, shipper: str) -> None:
    assert configured(tmp_path, shipper, TWICE[shipper][1]) == [shipper]


@pytest.mark.parametrize("shipper", CONFIGURATIONS)
def test_a_shipper_that_names_the_file_exactly_is_no_problem(tmp_path: Path, shipper: str) -> None:
    exact = TWICE[shipper][1]
    for pattern in ("/var/log/myapp/*.log*", "/var/log/myapp/tasks.log{,.1}", "/var/log/**/tasks.log*"):
        exact = exact.replace(pattern, str(LOG))
    exact = exact.replace("tasks.log*", "tasks.log").replace("tasks.*", "*.log").replace("/myapp/* ]", "/myapp/*.log ]")
    assert configured(tmp_path, shipper, exact) == []


@pytest.mark.parametrize(
    ("shipper", "excluding"),
    [
        (
            "Vector",
            '[sources.t]\ninclude = ["/var/log/myapp/tasks.log*"]\nexclude = ["/var/log/myapp/tasks.log[.-]*"]\n',
        ),
        ("Filebeat", "paths:\n  - /var/log/myapp/tasks.log*\nexclude_files:\n  - '\\.gz$'\n  - '[.-]\\d+$'\n"),
        ("OpenTelemetry Collector", "include:\n  - /var/log/myapp/*\nexclude:\n  - /var/log/myapp/*[.-][0-9]*\n"),
        ("rsyslog", '# input(type="imfile" File="/var/log/myapp/tasks.log*")\n'),
    ],
)
def test_backups_that_a_shipper_excludes_are_no_problem(tmp_path: Path, shipper: str, excluding: str) -> None:
    assert configured(tmp_path, shipper, excluding) == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/var/log/myapp/tasks.log", True),
        ("/var/log/*", False),
        ("/var/log/**", True),
        ("/var/**/tasks.log", True),
        ("/var/log/myapp/task?.log", True),
        ("/var/log/{myapp,other}/*.log", True),
        ("/var/log/myapp/[!t]*.log", False),
        ("/var/log/myapp/tasksXlog", False),
    ],
)
def test_patterns_match_as_they_do_in_a_shell(pattern: str, expected: bool) -> None:
    assert matches(pattern, LOG) is expected
