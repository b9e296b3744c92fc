"""The commands with their arguments. Each is implemented in its own module, which is imported when it is called."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    AsJson,
    Attempts,
    Command,
    Count,
    Data,
    Failed,
    FailOver,
    Follow,
    Func,
    Funcs,
    Grep,
    Invert,
    Level,
    LogPath,
    LoguruBackups,
    Paths,
    Since,
    Statuses,
    Tags,
    Tasks,
    Tz,
    Until,
    one_of,
    size,
    stream_or_path,
    task_id_of,
    usage_error_of,
)

app = typer.Typer(
    help="Read, follow and check the log files of taskflow-loguru.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help would double the start-up time
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = partial(app.command, cls=Command)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from taskflow_loguru import __version__

        print(__version__)
        raise typer.Exit


@command()
def lines(
    ctx: typer.Context,
    paths: Paths,
    follow: Follow = False,
    count: Count = None,
    task: Tasks = None,
    func: Funcs = None,
    level: Level = None,
    status: Statuses = None,
    attempt: Attempts = None,
    tag: Tags = None,
    data: Data = None,
    grep: Grep = None,
    invert: Invert = False,
    failed: Failed = False,
    since: Since = None,
    until: Until = None,
    tz: Tz = "UTC",
    loguru_backups: LoguruBackups = False,
    as_json: AsJson = False,
) -> None:
    """Print the lines of tasks.

    A text line is printed as it is in the file, a JSON line as text. The lines of several files are merged by time. A
    line must meet all conditions that are given; if an option is repeated, one of its values.

    \b
    Examples:
      taskflow-loguru lines -n 100 tasks.log
      taskflow-loguru lines --since 14:30 --level warning --tag tenant=acme tasks.jsonl
      taskflow-loguru lines --failed --since yesterday /srv/*/tasks.log
      kubectl logs my-pod | taskflow-loguru lines --grep "timed? ?out" -
    """
    from taskflow_loguru.reader._filter import Filter

    from .lines import run_lines
    from .logs import Logs

    follow = follow or ctx.info_name == "follow"
    if follow and failed:
        raise typer.BadParameter("--failed needs the end of the log, which -f does not have")
    if invert and not grep:
        raise typer.BadParameter("-v needs --grep")
    wanted = Filter(
        task or (), func or (), level, status or (), attempt or (), tag or (), data or (), grep or (), invert
    )
    logs = Logs(
        paths, since=since, until=until, loguru_backups=loguru_backups, shows_progress=not follow, says_why=True
    )
    if follow and count is None and since is None:
        count = 10
    run_lines(logs, wanted, follow=follow, count=count, only_failed=failed, as_json=as_json)


command(
    "follow",
    help="""Print lines as they are written, like tail -F: short for lines -f.

    It begins with the last 10 lines, or with those of --since, and continues across rotations. If a file does not exist
    yet, the command waits for it.

    \b
    Examples:
      taskflow-loguru follow tasks.log
      taskflow-loguru follow --since 1h --status failed /srv/*/tasks.log
      taskflow-loguru follow --task 7f3c12ab --json tasks.jsonl | jq .message
    """,
)(lines)


@command()
def show(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK_ID PATH...", help="The id of a task, or its beginning; and log files, - for stdin."
        ),
    ],
    last_failed: Annotated[
        bool, typer.Option("--last-failed", help="Show the task that failed last, in place of TASK_ID.")
    ] = False,
    tz: Tz = "UTC",
    loguru_backups: LoguruBackups = False,
    as_json: AsJson = False,
) -> None:
    """Print all lines of one task.

    They are grouped by run and attempt, with durations, error and traceback, across backups and hosts.

    \b
    Examples:
      taskflow-loguru show 7f3c12ab tasks.log
      taskflow-loguru show --last-failed tasks.log
      taskflow-loguru show 7f3c12ab /srv/host1/tasks.log /srv/host2/tasks.log
      taskflow-loguru show --json 7f3c12ab tasks.jsonl | jq '.runs[-1].status'
    """
    from .logs import Logs
    from .show import run_show

    task_id = None if last_failed else usage_error_of(task_id_of)(words.pop(0))
    if not words:
        raise typer.BadParameter("Missing argument 'PATH...'")
    paths = [usage_error_of(stream_or_path)(word) for word in words]
    run_show(task_id, Logs(paths, loguru_backups=loguru_backups, shows_progress=True), as_json=as_json)


@command()
def report(
    paths: Paths,
    since: Since = None,
    until: Until = None,
    func: Func = None,
    tz: Tz = "UTC",
    loguru_backups: LoguruBackups = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", dir_okay=False, help="Write a page (HTML) that works offline; - is stdout."
        ),
    ] = None,
    fail_over: FailOver = None,
) -> None:
    """Print the figures of each function.

    They are runs, failures with their causes, retries and durations, the slowest runs, the latest failures, and runs
    without an end.

    A run counts once, at the time of its end. Percentiles are exact for up to 1,000 runs of a function, and to 1 % for
    more. Lines of task_line have no duration: it is computed from RUNNING to the end, in whole seconds. Runs need the
    status lines of FileLogger(log_lifecycle=True). With --since, the start of a run is searched for in the day before,
    too.

    \b
    Examples:
      taskflow-loguru report tasks.log
      taskflow-loguru report --since 1h --func send_email /srv/*/tasks.log
      kubectl logs deploy/shop | taskflow-loguru report -
      taskflow-loguru report --html report.html tasks.jsonl
      taskflow-loguru report --since 1d --fail-over 5% tasks.log || echo "Tasks fail" | mail ops@example.com
    """
    from .report import Window
    from .report_command import run_report

    window = Window(since, until, func)
    run_report(paths, window, loguru_backups=loguru_backups, as_json=as_json, html=html, fail_over=fail_over)


@command()
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


@command()
def logrotate(path: LogPath) -> None:
    """Print a logrotate rule for a log file.

    It is for FileLogger(path, mode="watched"), which needs no signal.

    \b
    Examples:
      taskflow-loguru logrotate /var/log/myapp/tasks.log > /etc/logrotate.d/myapp
    """
    from .configurations import print_logrotate_rule

    print_logrotate_rule(path)


@command()
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


@command()
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
