"""The commands with their arguments. Each is implemented in its own module, which is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Func, LogPath, Paths, Since, Until, one_of, size

app = typer.Typer(
    help="Follow, read and check the log files of taskflow-loguru.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help would double the start-up time
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from taskflow_loguru import __version__

        print(__version__)
        raise typer.Exit


@app.command()
def follow(
    paths: Paths,
    task: Annotated[
        str | None, typer.Option("--task", metavar="ID", help="Only this task: an id or its beginning.")
    ] = None,
    func: Func = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level",
            metavar="LEVEL",
            parser=one_of("debug", "info", "success", "warning", "error", "critical"),
            help="Only lines of this level or above. Lines of task_line have no level: of these, only status lines.",
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            parser=one_of("pending", "running", "success", "failed", "interrupted", "cancelled", "rejected"),
            help="Only status lines with this status.",
        ),
    ] = None,
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as a JSON object.")] = False,
) -> None:
    """Print lines as they are written, like tail -F.

    The lines of several files are merged by time. The output starts with new lines, or with those of --since. If a
    file does not exist yet, the command waits for it.

    \b
    Examples:
      taskflow-loguru follow tasks.log
      taskflow-loguru follow --since 1h --status failed /srv/*/tasks.log
      taskflow-loguru follow --task 7f3c12ab --json tasks.jsonl | jq .message
    """
    from .follow import Filter, run_follow

    run_follow(paths, Filter(task, func, level, status), since=since, as_json=as_json)


@app.command()
def show(
    task_id: Annotated[str, typer.Argument(metavar="TASK_ID", help="The id of a task, or its beginning.")],
    paths: Paths,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print all lines of one task.

    They are grouped by run and attempt, with durations, error and traceback, across backups and hosts.

    \b
    Examples:
      taskflow-loguru show 7f3c12ab tasks.log
      taskflow-loguru show 7f3c12ab /srv/host1/tasks.log /srv/host2/tasks.log
      taskflow-loguru show --json 7f3c12ab tasks.jsonl | jq '.runs[-1].status'
    """
    from .show import run_show

    run_show(task_id, paths, as_json=as_json)


@app.command()
def report(
    paths: Paths,
    since: Since = None,
    until: Until = None,
    func: Func = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", dir_okay=False, help="Write a page (HTML) that works offline."),
    ] = None,
) -> None:
    """Print the figures of each function.

    They are runs, failures, retries and durations, the slowest runs, the latest failures, and runs without an end.

    A run counts at the time of its end. Percentiles are exact to 1 %. Lines of task_line have no duration: it is
    computed from RUNNING to the end, in whole seconds. Runs need the status lines of FileLogger(log_lifecycle=True).
    With --since, the start of a run is searched for in the day before, too.

    \b
    Examples:
      taskflow-loguru report tasks.log
      taskflow-loguru report --since 1h --func send_email /srv/*/tasks.log
      taskflow-loguru report --html report.html tasks.jsonl
    """
    from .report import Window
    from .report_command import run_report

    run_report(paths, Window(since, until, func), as_json=as_json, html=html)


@app.command()
def doctor(
    path: LogPath,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode", metavar="MODE", parser=one_of("rotate", "watched"), help="FileLogger's mode: rotate or watched."
        ),
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            "--max-bytes", metavar="SIZE", parser=size, help="FileLogger's max_bytes, such as 200kB or 10MiB."
        ),
    ] = None,
    backup_count: Annotated[
        int | None, typer.Option("--backup-count", metavar="NUMBER", min=0, help="FileLogger's backup_count.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find problems with a log file, and print how to fix them.

    It checks mode, owner, folders and backups, the processes that have the file open or hold its lock, the file system
    with its free space and inodes, the rules of logrotate (it asks logrotate --debug), the configurations of log
    shippers on this machine, and the lines. It changes nothing. Settings that are not given are taken from the backups,
    or assumed to be FileLogger's defaults. Run it as root to see the processes of all users. Exit code 1: there is a
    problem.

    \b
    Examples:
      taskflow-loguru doctor /var/log/myapp/tasks.log
      taskflow-loguru doctor --mode watched /var/log/myapp/tasks.log
      taskflow-loguru doctor --max-bytes 200kB --json tasks.log | jq '.findings[] | select(.kind == "problem")'
    """
    from .doctor import run_doctor

    run_doctor(path, mode=mode, max_bytes=max_bytes, backup_count=backup_count, as_json=as_json)


@app.command()
def logrotate(path: LogPath) -> None:
    """Print a logrotate rule for a log file.

    It is for FileLogger(path, mode="watched"), which needs no signal.

    \b
    Examples:
      taskflow-loguru logrotate /var/log/myapp/tasks.log > /etc/logrotate.d/myapp
    """
    from .configurations import print_logrotate_rule

    print_logrotate_rule(path)


@app.command()
def shipper(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The shipper, such as vector or fluent-bit.")],
    path: LogPath,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            parser=one_of("text", "json"),
            help="The line format: text or json. By default that of the file's last line, or text.",
        ),
    ] = None,
) -> None:
    """Print a log shipper's configuration for a log file.

    \b
    Examples:
      taskflow-loguru shipper vector /var/log/myapp/tasks.log > /etc/vector/myapp.toml
      taskflow-loguru shipper rsyslog --format json /var/log/myapp/tasks.jsonl
    """
    from .configurations import print_shipper

    print_shipper(name, path, format=format)


@app.command()
def lnav(
    install: Annotated[bool, typer.Option("--install", help="Install it with lnav -i instead of printing it.")] = False,
) -> None:
    """Print the format file for lnav, the log file navigator.

    \b
    Examples:
      taskflow-loguru lnav --install && lnav tasks.log
    """
    from .configurations import install_lnav_format, print_lnav_format

    if install:
        install_lnav_format()
    else:
        print_lnav_format()
