"""`taskflow-loguru doctor`: each problem, created for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fastapi_taskflow
import pytest

from taskflow_loguru import json_line, shippers
from taskflow_loguru._escapes import escape
from taskflow_loguru.cli.doctor import users
from taskflow_loguru.cli.doctor.disk import check_mount, mount_of
from taskflow_loguru.cli.doctor.findings import Settings
from taskflow_loguru.cli.doctor.globs import matches
from taskflow_loguru.cli.doctor.processes import find_openers, lock_holders
from taskflow_loguru.cli.doctor.shippers import configurations, parse
from tests.cli.conftest import COMMAND, Cli
from tests.cli.writing import LogWriter
from tests.conftest import lifecycle_event, log_event
from tests.sinks.disks import append_only, mounted_over_itself, small_disk

LOG = Path("/var/log/myapp/tasks.log")
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log without problems."""
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    return tmp_path / "tasks.log"


@pytest.fixture
def public(as_root: None) -> Iterator[Path]:
    """Return the path of a log in a folder that all users may enter; no user may enter ``tmp_path``."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        log = LogWriter(Path(folder, "tasks.log"))
        log.run(0, 1)
        log.close()
        yield Path(folder, "tasks.log")


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def python() -> Iterator[Run]:
    """``python(program, *arguments)``: start a program, and wait until it has printed a line."""
    with ExitStack() as stack:

        def start(program: str, *arguments: object, executable: str = sys.executable) -> subprocess.Popen[str]:
            command = [executable, "-c", f"import os, sys\n{program}\nprint(1, flush=True); input()"]
            process = subprocess.Popen(
                [*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline()
            return process

        yield start


Machine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def machine(as_root: None, tmp_path: Path, program: Callable[[str], str]) -> Machine:
    """``machine({"logrotate.d/myapp": text}, *arguments)``: run doctor with these files alone in /etc."""
    unshare, etc = program("unshare"), tmp_path / "etc"
    program("logrotate")

    def run(files: Mapping[str, str | None], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        (etc / "logrotate.d").mkdir(parents=True)
        for name in ("passwd", "group", "ld.so.cache"):
            shutil.copy(f"/etc/{name}", etc)
        (etc / "logrotate.conf").write_text("daily\ninclude /etc/logrotate.d\n")
        for name, text in files.items():
            (etc / name).parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                (etc / name).unlink()
            else:
                (etc / name).write_text(text)
        script = f'mount --bind {etc} /etc && exec {COMMAND} doctor "$@"'
        command = [unshare, "--mount", "sh", "-c", script, "sh", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


def problems(printed: str) -> list[str]:
    return [line.split("problem  ")[1] for line in printed.splitlines() if line.startswith("problem  ")]


def the_problem(cli: Cli, *arguments: str | Path) -> str:
    """Return the only problem found, after checking that it comes with a fix."""
    printed = cli("doctor", *arguments, exit_code=1).stdout
    (problem,) = problems(printed)
    assert f"problem  {problem}\n         fix: " in printed
    return problem


def test_a_sound_log_has_exit_code_0_and_a_line_for_each_check(cli: Cli, path: Path) -> None:
    printed = cli("doctor", path).stdout
    assert problems(printed) == []
    for part in (
        "assumed, from the backups and the defaults: mode rotate, max_bytes 10.5 MB, backup_count 5",
        "-rw-r--r-- ",
        "0 backups",
        "no process holds the lock of the file",
        "file system",
        " free; ",
        "no log shipper has a configuration",
        "2 lines of tasks",
    ):
        assert part in printed
    assert "assumed" not in cli("doctor", "--mode", "rotate", "--max-bytes", "1MB", "--backup-count", "5", path).stdout


def test_as_json_it_prints_the_same_findings_and_the_settings(cli: Cli, path: Path) -> None:
    path.chmod(0o666)
    found = json.loads(cli("doctor", "--json", "--max-bytes", "200kB", path, exit_code=1).stdout)
    assert (found["path"], found["mode"], found["max_bytes"], found["backup_count"]) == (
        str(path),
        "rotate",
        200_000,
        5,
    )
    assert found["assumed"] == ["mode", "backup_count"]
    (problem,) = [finding for finding in found["findings"] if finding["kind"] == "problem"]
    assert problem == {
        "kind": "problem",
        "text": "every user may write to the file, and forge lines",
        "fix": f"chmod o-w {path}",
    }


@pytest.mark.parametrize(
    ("text", "expected"), [("200", 200), ("200kB", 200_000), ("1.5MB", None), ("10MiB", 10 << 20), ("1 gb", 10**9)]
)
def test_max_bytes_is_a_size(cli: Cli, path: Path, text: str, expected: int | None) -> None:
    done = cli("doctor", "--json", "--max-bytes", text, path, exit_code=0 if expected else 2)
    assert json.loads(done.stdout)["max_bytes"] == expected if expected else "must be a size such as" in done.stderr


def test_settings_that_the_backups_show_are_found(cli: Cli, tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "tasks.log", max_bytes=2000, backup_count=7)
    for number in range(1000):
        log.log(number, f"line {number:04}")
    found = json.loads(cli("doctor", "--json", tmp_path / "tasks.log").stdout)
    assert (found["mode"], found["backup_count"]) == ("rotate", 7)
    assert 1900 < found["max_bytes"] <= 2000
    (tmp_path / "other.log").touch()
    (tmp_path / "other.log-20260101.gz").touch()
    assert "mode watched" in cli("doctor", tmp_path / "other.log", exit_code=1).stdout


def test_a_path_without_a_file_is_an_error(cli: Cli, tmp_path: Path) -> None:
    assert cli("doctor", tmp_path / "no", exit_code=1).stderr.startswith(f"taskflow-loguru: {tmp_path / 'no'}: ")


def test_only_regular_files_are_opened_and_nothing_waits(cli: Cli, tmp_path: Path) -> None:
    """A line in a pipe stays there, for its reader."""
    (tmp_path / "etc/vector").mkdir(parents=True)
    LogWriter(tmp_path / "tasks.log").run(0, 1)
    pipes = []
    for name in ("pipe.log", "etc/vector/vector.toml", "tasks.log.1"):
        os.mkfifo(tmp_path / name)
        pipes.append(os.open(tmp_path / name, os.O_RDWR))
        os.write(pipes[-1], b"a line\n")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.log"))
        for name in ("pipe.log", "socket.log"):
            assert "not a regular file" in cli("doctor", tmp_path / name, exit_code=2).stderr
    printed = cli("doctor", tmp_path / "tasks.log").stdout
    assert "tasks.log.1: is a FIFO" in printed
    assert "2 lines of tasks, no line was lost" in printed
    assert list(configurations(tmp_path)) == []
    for pipe in pipes:
        assert os.read(pipe, 100) == b"a line\n"
        os.close(pipe)


@pytest.mark.parametrize("name", [b"t\xff.log", b"t\x1b[31m.log", b"t\r.log", b"t\n.log", "t\u2028\x9b.log".encode()])
def test_no_control_character_of_a_file_s_name_is_printed(cli: Cli, path: Path, name: bytes) -> None:
    path = path.rename(path.with_name(os.fsdecode(name)))
    for arguments in ((), ("--json",)):
        printed = cli("doctor", *arguments, path).stdout
        assert printed.replace("\n", "").isprintable()


# -- the file and its folders ---------------------------------------------------------------------


def test_a_file_that_everybody_may_write_is_a_problem(cli: Cli, path: Path) -> None:
    """The fix is a command that a shell takes for no more than that, whatever the name of the file is."""
    path = path.rename(path.with_name("a b; touch gone.log"))
    path.chmod(0o666)
    assert "every user may write" in the_problem(cli, path)
    (fix,) = re.findall("fix: (chmod .*)", cli("doctor", path, exit_code=1).stdout)
    subprocess.run(["sh", "-c", fix], check=True, cwd=path.parent)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert problems(cli("doctor", path).stdout) == []


def test_a_folder_above_that_others_may_change_is_found(cli: Cli, as_root: None, tmp_path: Path) -> None:
    path = tmp_path / "a/b/tasks.log"
    LogWriter(path).run(0, 1)
    os.chown(tmp_path / "a", NOBODY, 0)
    assert f"user nobody may rename and replace files in {tmp_path}/a\n" in cli("doctor", path).stdout
    os.chown(tmp_path / "a", 0, NOBODY)
    (tmp_path / "a").chmod(0o775)
    assert f"group nogroup may rename and replace files in {tmp_path}/a\n" in cli("doctor", path).stdout
    (tmp_path / "a").chmod(0o777)
    assert the_problem(cli, path) == f"every user may rename and replace files in {tmp_path}/a"
    (tmp_path / "a").chmod(0o1777)
    assert "may rename and replace" not in cli("doctor", path).stdout


def test_a_file_or_folder_that_can_only_grow_is_a_problem(
    cli: Cli, public: Path, program: Callable[[str], str]
) -> None:
    for place in (public, public.parent):
        try:
            with append_only(place, program("chattr")):
                assert the_problem(cli, public) == f"chattr +a on {place}: no rotation is possible"
        except subprocess.CalledProcessError:
            pytest.skip("needs a file system with attributes")


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


# -- the lines ------------------------------------------------------------------------------------


def test_lost_lines_are_a_problem(cli: Cli, path: Path) -> None:
    with path.open("a") as file:
        file.write("[-] [taskflow_loguru] 2026-01-01T12:00:05 3 lines lost: no space left\n")
    assert the_problem(cli, path) == "3 lines were lost, the last at 2026-01-01 12:00:05: no space left"


def test_a_damaged_backup_is_a_problem(cli: Cli, path: Path) -> None:
    Path(f"{path}.2.gz").write_bytes(b"not a gzip file")
    assert the_problem(cli, path).startswith(f"a backup is damaged: '{path}.2.gz'")


def test_two_processes_with_different_formats_are_a_problem(cli: Cli, path: Path) -> None:
    LogWriter(path, format=json_line).log(0, "hello")
    assert "1 are JSON and the others text" in the_problem(cli, path)


async def test_lines_of_the_host_s_own_logger_are_a_problem(cli: Cli, path: Path) -> None:
    log = LogWriter(path)
    log.log(2, "a retry", attempt=1)  # its separator has no time either
    host = fastapi_taskflow.FileLogger(str(path), log_lifecycle=True)
    await host.on_lifecycle(lifecycle_event("running"))
    assert problems(cli("doctor", path).stdout) == []
    await host.on_log(log_event("hello"))
    await host.close()
    assert the_problem(cli, path).startswith("of the last 6 lines 1 have no time: fastapi-taskflow's own FileLogger")


# -- processes ------------------------------------------------------------------------------------

APPEND = "file = open(sys.argv[1], 'a')"


def test_it_names_the_processes_that_have_the_file_open(cli: Cli, path: Path, python: Run) -> None:
    writer, reader = python(APPEND, path), python("file = open(sys.argv[1])", path)
    printed = cli("doctor", path).stdout
    assert re.search(rf"ok  process {writer.pid} \(.*, user .*\) has tasks.log open, to write\n", printed)
    assert re.search(rf"ok  process {reader.pid} \(.*, user .*\) has tasks.log open, to read\n", printed)
    assert re.search(rf"note  process {writer.pid} \(.*\) writes without a lock: it is another program", printed)


def test_a_writer_of_ours_is_not_taken_for_another_program(cli: Cli, path: Path, python: Run) -> None:
    program = "from taskflow_loguru.sinks import RotatingFileSink as Sink\n"
    program += "sink = Sink(sys.argv[1], max_bytes=0, backup_count=5); sink.write('hello\\n')"
    writer = python(program, path)
    printed = cli("doctor", path).stdout
    assert f"process {writer.pid} (" in printed
    assert "another program" not in printed


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_program_that_does_not_see_a_rotation_is_a_problem(
    cli: Cli, path: Path, python: Run, is_deleted: bool
) -> None:
    """Such as the host's own FileLogger in another process."""
    writer = python(APPEND, path)
    path.rename(f"{path}.1")
    LogWriter(path).run(0, 1)
    if is_deleted:
        os.unlink(f"{path}.1")
    problem = the_problem(cli, path)
    assert problem.startswith(f"process {writer.pid} (")
    assert ("still writes to tasks.log.1 (deleted), " if is_deleted else "still writes to tasks.log.1, ") in problem


def test_a_writer_that_does_not_append_is_a_problem(cli: Cli, path: Path, python: Run) -> None:
    writer = python("file = open(sys.argv[1], 'r+')", path)
    problem = the_problem(cli, path)
    assert problem.startswith(f"process {writer.pid} (")
    assert "does not write in append mode" in problem


def test_a_stopped_process_that_holds_the_lock_is_a_problem(cli: Cli, path: Path, python: Run) -> None:
    holder = python(f"import fcntl\n{APPEND}\nfcntl.flock(file, fcntl.LOCK_EX)", path)
    assert lock_holders(path) == {holder.pid}
    os.kill(holder.pid, signal.SIGSTOP)
    printed = cli("doctor", path, exit_code=1).stdout
    (problem,) = problems(printed)
    assert f"process {holder.pid} (" in problem
    assert "has held the lock for over 0.6 s and is T (stopped)" in problem
    assert f"fix: kill -CONT {holder.pid}" in printed


AS_NOBODY = f"os.setgid({NOBODY}); os.setuid({NOBODY})"


def test_the_rights_of_a_writer_are_those_that_the_kernel_gives_it(
    cli: Cli, public: Path, python: Run, program: Callable[[str], str]
) -> None:
    """The right to rename counts for rotate mode, in a sticky folder too; an ACL counts as much as the mode."""
    os.chown(public, NOBODY, NOBODY)
    writer = python(f"{AS_NOBODY}\n{APPEND}", public)
    problem = the_problem(cli, public)
    assert problem.startswith(f"process {writer.pid} (")
    assert problem.endswith(f"no right to rename files in {public.parent}: it cannot rotate, and the file grows")
    assert "no right" not in cli("doctor", "--mode", "watched", public, exit_code=1).stdout
    subprocess.run([program("setfacl"), "-m", "u:nobody:rwx", public.parent], check=True)
    assert "no right" not in cli("doctor", public).stdout
    os.chown(public, 0, 0)
    assert "may not write to the file that is now at the path" in the_problem(cli, public)


@pytest.mark.parametrize(
    "name", [b"x\rUid:\t0\t0\t0", b"x\nUid:\t0\t0\t0", b"\x1b[31mred", b"\xff\xfe\x9b", b") R 1 ("]
)
def test_a_process_s_name_neither_lies_nor_drives_the_terminal(
    cli: Cli, public: Path, python: Run, name: bytes
) -> None:
    public.chmod(0o666)
    python(f"open('/proc/self/comm', 'wb').write({name!r})\n{AS_NOBODY}\n{APPEND}", public)
    printed = cli("doctor", public, exit_code=1).stdout
    shown = escape(name.decode("utf-8", "backslashreplace").replace("\n", "\\n"))
    assert f" ({shown}, user nobody) has tasks.log open, to write\n" in printed
    assert printed.replace("\n", "").isprintable()


STATUS = b"Name:\tsound\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t \nCapEff:\t0\n"


@pytest.mark.parametrize(
    ("status", "fdinfo"),
    [
        (b"", b"flags:\t02001\n"),
        (b"\xff\0\n" * 100, b"flags:\t02001\n"),
        (STATUS.replace(b"2", b"\xb2"), b"flags:\t02001\n"),
        (STATUS.replace(b"\t0\n", b"\tx\n"), b"flags:\t02001\n"),
        (STATUS, b"flags:\t99\n"),
        (STATUS, b""),
    ],
)
def test_an_entry_of_proc_that_is_not_understood_is_not_checked(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: bytes, fdinfo: bytes
) -> None:
    """It is counted, and ends nothing; a process that has ended, or a dead descriptor, does not even count."""
    monkeypatch.setattr(users, "PROC", tmp_path / "proc")
    for pid, contents in {"7": (status, fdinfo), "8": (STATUS, b"flags:\t02001\n")}.items():
        for name in ("fd", "fdinfo"):
            (tmp_path / "proc" / pid / name).mkdir(parents=True)
        (tmp_path / "proc" / pid / "status").write_bytes(contents[0])
        (tmp_path / "proc" / pid / "fdinfo/3").write_bytes(contents[1])
        for number, target in (("0", "gone"), ("1", "1"), ("2", str(path)), ("3", str(path))):
            (tmp_path / "proc" / pid / "fd" / number).symlink_to(target)
    (tmp_path / "proc/9").mkdir()
    (opener,), unseen = find_openers(path)
    assert (opener.process, opener.writes, unseen) == (users.Process(8, "sound", 2, (6,), 0), True, 1)


# -- the file system ------------------------------------------------------------------------------


def test_too_little_space_for_the_backups_is_a_problem(as_root: None, cli: Cli, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size=65536) as folder:
        LogWriter(folder / "tasks.log").run(0, 1)
        assert "free; the file and its backups may grow by" in the_problem(cli, folder / "tasks.log")
        printed = cli("doctor", "--max-bytes", "10000", "--backup-count", "2", folder / "tasks.log").stdout
        assert "tmpfs: the log is gone after a reboot" in printed


def test_too_few_inodes_for_the_backups_are_a_problem(as_root: None, cli: Cli, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", inodes=4) as folder:
        LogWriter(folder / "tasks.log").run(0, 1)
        assert "inodes free" in the_problem(cli, "--max-bytes", "1000", folder / "tasks.log")


def test_a_file_that_is_a_mount_point_is_a_problem(as_root: None, cli: Cli, path: Path) -> None:
    with mounted_over_itself(path):
        assert "is a mount point" in the_problem(cli, path)


@pytest.mark.parametrize(
    ("mount", "kind", "text"),
    [
        ("nfs4 server:/logs rw,vers=4.2", "note", "network file system (nfs4)"),
        ("nfs4 server:/logs rw,vers=3,nolock", "problem", "with nolock"),
        ("nfs4 server:/logs rw,local_lock=flock", "problem", "with local_lock=flock"),
        ("overlay overlay rw,lowerdir=/a", "note", "the log is gone with the container"),
        ("ext4 /dev/sda ro", "problem", "is mounted read-only"),
    ],
)
def test_a_file_system_is_judged_by_its_kind_and_options(mount: str, kind: str, text: str) -> None:
    mountinfo = (
        "not a line of this file\n27 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
        f"40 27 0:50 / /var/log/my\\040app rw,relatime shared:1 - {mount}\n"
    )
    found = mount_of(Path("/var/log/my app/tasks.log"), mountinfo.encode())
    assert found is not None
    finding = next(check_mount(Settings(LOG, LOG, "rotate", 1, 1), found))
    assert (finding.kind, text in finding.text) == (kind, True)


# -- logrotate ------------------------------------------------------------------------------------

RULE = '"/var/log/other/*.log"\n%s/*.log {\n    daily\n    missingok\n    rotate 7\n    %s\n}\n'


def with_rule(machine: Machine, path: Path, directives: str, *arguments: str, name: str = "myapp") -> list[str]:
    done = machine({f"logrotate.d/{name}": RULE % (path.parent, directives)}, *arguments, path)
    assert done.stderr == ""
    assert done.returncode == (1 if problems(done.stdout) else 0)
    return problems(done.stdout)


def test_a_rule_for_a_file_that_rotates_itself_is_a_problem(machine: Machine, path: Path) -> None:
    (problem,) = with_rule(machine, path, "create", "--mode", "rotate")
    assert f"{path.parent}/*.log rotates the file, and so does FileLogger" in problem


@pytest.mark.parametrize(
    ("directives", "expected"),
    [
        ("create", []),
        ("nocreate\n    su root root", []),
        ("copytruncate", ["copytruncate: lines that are written between"]),
    ],
)
def test_a_watched_file_needs_a_safe_rule(machine: Machine, path: Path, directives: str, expected: list[str]) -> None:
    found = with_rule(machine, path, directives, "--mode", "watched")
    assert len(found) == len(expected)
    assert all(part in problem for part, problem in zip(expected, found, strict=True))


def test_a_signal_that_ends_uvicorn_is_noted(machine: Machine, path: Path) -> None:
    script = "postrotate\n        kill -HUP $(cat ${PID})\n    endscript"
    done = machine({"logrotate.d/a": RULE % (path.parent, script)}, "--mode", "watched", path)
    assert (done.returncode, "sends SIGHUP, which ends a plain uvicorn process" in done.stdout) == (0, True)


@pytest.mark.parametrize(("mode", "group"), [(0o775, NOBODY), (0o777, 0)])
def test_a_folder_that_logrotate_finds_insecure_is_a_problem(
    machine: Machine, path: Path, mode: int, group: int
) -> None:
    os.chown(path.parent, 0, group)
    path.parent.chmod(mode)
    assert any("insecure permissions" in one for one in with_rule(machine, path, "create", "--mode", "watched"))


def test_a_rule_that_creates_the_file_for_another_user_is_a_problem(machine: Machine, path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)
    (problem,) = with_rule(machine, path, "create 0640 root adm", "--mode", "watched")
    assert problem.endswith("as root:adm with mode 0640: user nobody, who has the present one, cannot write to it")


def test_rules_are_found_in_files_that_are_included(machine: Machine, path: Path, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(RULE % (path.parent, "create"))
    done = machine({"logrotate.d/more": f"include {tmp_path / 'rules'}\n"}, "--mode", "watched", path)
    assert (done.returncode, "rotates the file" in done.stdout) == (0, True)


@pytest.mark.parametrize(("name", "reported"), [("other.rpmsave", ""), ("other", "writable by group or others")])
def test_a_rule_that_logrotate_does_not_follow_does_not_count(
    machine: Machine, path: Path, name: str, reported: str
) -> None:
    old = os.umask(0)
    try:
        (problem,) = with_rule(machine, path, "create", "--mode", "watched", name=name)
    finally:
        os.umask(old)
    assert "no rule of logrotate names the file" in problem
    assert reported in problem


def test_two_rules_for_the_file_are_a_problem(machine: Machine, path: Path) -> None:
    rule = RULE % (path.parent, "create")
    files = {"logrotate.d/a": rule, "logrotate.d/b": rule.replace("/*.log {", "/tasks.log {")}
    (problem,) = problems(machine(files, "--mode", "watched", path).stdout)
    assert "several rules of logrotate name the file" in problem


def test_a_link_that_logrotate_does_not_rotate_is_a_problem(machine: Machine, path: Path) -> None:
    (path.parent / "logs").mkdir()
    (path.parent / "logs/link.log").symlink_to(path)
    (problem,) = with_rule(machine, path.parent / "logs/link.log", "create", "--mode", "watched")
    assert "symbolic link" in problem


def test_nothing_is_changed_not_even_its_state(machine: Machine, path: Path) -> None:
    before = {entry.name: entry.stat().st_mtime_ns for entry in path.parent.iterdir() if entry.is_file()}
    with_rule(machine, path, "create", "--mode", "watched")
    assert {entry.name: entry.stat().st_mtime_ns for entry in path.parent.iterdir() if entry.is_file()} == before


def test_without_its_configuration_the_rules_are_not_checked(machine: Machine, path: Path) -> None:
    done = machine({"logrotate.conf": None}, "--mode", "watched", path)
    assert (done.returncode, "rules for the file could not be checked" in done.stdout) == (0, True)


# -- log shippers ---------------------------------------------------------------------------------

TWICE = {
    "alloy": ("alloy/a.alloy", 'local.file_match "t" {\n  path_targets = [{"__path__" = "/var/log/myapp/*.log*"}]\n}'),
    "promtail": ("promtail/config.yml", "labels:\n  __path__: /var/log/myapp/tasks.log{,.1}\n"),
    "vector": ("vector/vector.toml", '[sources.tasks]\ntype = "file"\ninclude = ["/var/log/**/tasks.log*"]\n'),
    "fluent-bit": ("fluent-bit/fluent-bit.conf", "[INPUT]\n    Name tail\n    Path /a,/var/log/myapp/tasks.*\n"),
    "fluentd": ("fluent/fluent.conf", "<source>\n  @type tail\n  path /var/log/myapp/tasks.log*\n</source>\n"),
    "otelcol": ("otelcol-contrib/config.yaml", "receivers:\n  filelog:\n    include: [ /var/log/myapp/* ]\n"),
    "datadog-agent": ("datadog-agent/conf.d/myapp.d/conf.yaml", "- type: file\n  path: /var/log/myapp/tasks.log*\n"),
    "google-cloud-ops-agent": ("google-cloud-ops-agent/config.yaml", "include_paths: [/var/log/*/tasks.log*]\n"),
    "filebeat": ("filebeat/filebeat.yml", "paths:\n  - /var/log/myapp/tasks.log*\n"),
    "rsyslog": ("rsyslog.d/50-myapp.conf", 'input(type="imfile" File="/var/log/myapp/tasks.log*" Tag="t")\n'),
    "syslog-ng": ("syslog-ng/m.conf", 'wildcard-file(base-dir("/var/log/myapp") filename-pattern("tasks.log*"));'),
}
BACKUP = Path(f"{LOG}.1")


@pytest.mark.parametrize("shipper", TWICE)
def test_a_shipper_s_pattern_that_matches_backups_is_found(tmp_path: Path, shipper: str) -> None:
    name, text = TWICE[shipper]
    file = tmp_path / "etc" / name
    file.parent.mkdir(parents=True)
    file.write_text(f"# the exact path is {LOG}\r\n{text}")
    ((found, where, paths),) = configurations(tmp_path)
    assert (found, where, bool(paths.read(BACKUP)), paths.unclear) == (shipper, file, True, set())


CLOUDWATCH = '{"collect_list": [{"file_path": "/var/log/myapp/tasks.log*"}]}'
VECTOR = '[sources.t]\ninclude = [\n  "/var/log/myapp/tasks.log*",\n]\nexclude = ["/var/log/myapp/tasks.log[.-]*"]\n'


@pytest.mark.parametrize(
    ("text", "read", "unclear"),
    [
        (CLOUDWATCH, True, False),
        (VECTOR, False, False),
        ("include:\n  - /var/log/myapp/*\nexclude:\n  - /var/log/myapp/*[.-][0-9]*\n", False, False),
        ('# input(type="imfile" File="/var/log/myapp/tasks.log*")\n', False, False),
        ("regex: '/var/log/myapp/tasks.log*'\n", False, False),
        ("paths:\n  - /var/log/myapp/tasks.log*\nexclude_files:\n  - '(a+)+$'\n", True, True),
        ("paths:\n  - /var/log/nginx/*\nexclude_files:\n  - '(a+)+$'\n", False, False),
        ("path: ${LOGS}/tasks.log*\n", False, True),
        ("path: /var/log/{my{app,},b}/[z-a]*\n", False, True),
        (f"path: {'/*' * 30}{'*a' * 30}\n", False, False),
        (f"path: /{'{a,b}' * 30}\n", False, True),
        ('path: "/var/log/\0\xff\n', False, False),
        (f"path: {'/**/*' * 200}/x\n", False, False),
        (f"path: {'/**' * 50}/x\n", False, False),
        (f"path: {'/[' * 300_000}", False, False),
        (f"path: {'/{' * 300_000}", False, False),
    ],
)
def test_known_keys_and_plain_globs_are_checked_and_no_more(text: str, read: bool, unclear: bool) -> None:
    paths = parse(text)
    assert (bool(paths.read(BACKUP)), bool(paths.unclear)) == (read, unclear)


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("name", shippers.NAMES)
def test_our_own_configurations_are_understood_and_no_problem(name: str, format: Any) -> None:
    paths = parse(shippers.render(name, LOG, format=format))
    assert (bool(paths.read(LOG)), paths.read(BACKUP), paths.unclear) == (True, "", set())


def test_a_pattern_that_matches_backups_is_a_problem_with_its_place(machine: Machine, path: Path) -> None:
    files = {"vector/a.toml": f'include = ["{path}*"]\n', "filebeat/filebeat.yml": "paths:\n  - ${HOME}/*.log\n"}
    done = machine(files, path)
    (problem,) = problems(done.stdout)
    assert problem == f"vector reads the backups too, and every line twice: {path}* in /etc/vector/a.toml"
    assert "filebeat: not checked: ${HOME}/*.log in /etc/filebeat/filebeat.yml" in done.stdout


def test_a_shipper_whose_user_may_not_read_is_a_problem(
    machine: Machine, public: Path, python: Run, tmp_path: Path
) -> None:
    (tmp_path / "vector").symlink_to(sys.executable)
    shipper = python(AS_NOBODY, executable=str(tmp_path / "vector"))
    configuration = {"vector/a.toml": f'include = ["{public}"]\n'}
    public.chmod(0o640)
    (problem,) = problems(machine(configuration, public).stdout)
    assert re.fullmatch(rf"process {shipper.pid} \(.*, user nobody\) is vector, and may not read the file", problem)
    shutil.rmtree(tmp_path / "etc")
    public.chmod(0o644)
    done = machine(configuration, public)
    assert (problems(done.stdout), "read by vector" in done.stdout) == ([], True)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/var/log/myapp/tasks.log", True),
        ("/var/log/*", False),
        ("/var/log/**", True),
        ("/var/**/tasks.log", True),
        ("/var/log/myapp/**/tasks.log", True),
        ("/var/log/myapp/task?.log", True),
        ("/var/log/{myapp,other}/*.log", True),
        ("/var/log/myapp/[!t]*.log", False),
        ("/var/log/myapp/[^t]*.log", False),
        ("/var/log/myapp/tasksXlog", False),
    ],
)
def test_patterns_match_as_they_do_in_a_shell(pattern: str, expected: bool) -> None:
    assert matches(pattern, LOG) is expected
