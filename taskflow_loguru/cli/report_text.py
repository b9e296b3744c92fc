"""A report as text: tables and a chart that fit the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from taskflow_loguru.formats._task_line import SHORT_ID
from taskflow_loguru.formats._words import COMPLETED, STOPPED

from .figures import FunctionFigures
from .moments import clock, seconds, zone_name
from .printing import STATUS_STYLES, console, cut, one_line
from .report import MAX_FUNCTIONS, OTHERS, Report
from .run import Run
from .series import Series, start_time

CHART_ROWS = 18
"""The maximum number of rows of the chart."""

SLOWEST = 5
MAX_CAUSES = 10
MAX_OPEN = 10
"""The maximum number of listed runs without an end."""

_SHORTEST_NAME = 12
"""The columns of a function's name on a terminal that is too narrow for all figures."""

_BESIDE_NAME = 64
"""The columns that the other cells of a cause need."""


def print_report(report: Report, paths: Iterable[Path]) -> None:
    """Print *report* to stdout."""
    out = console()
    span = (
        f"{clock(report.first)} to {clock(report.last)} {zone_name(report.last)}"
        if report.first
        else "no line in this time"
    )
    names = ", ".join(one_line(str(path)) for path in paths)
    out.print(Text.assemble((names, "bold"), f"  {span}, {report.lines:,} lines"), soft_wrap=True)
    if not report.lines and not report.has_runs:
        return
    out.print()
    functions = sorted(report.functions.values(), key=lambda figures: (-figures.runs, figures.name))
    out.print(_functions(functions, out.width))
    if not report.has_runs:
        out.print("\nThe log has no status lines, so runs and durations are unknown: FileLogger(log_lifecycle=True).")
    if report.series.starts():
        chart, most = _chart(report.series, out)
        _section(out, f"Runs by the time of their end (a full bar: {most:,})")
        out.print(chart)
    _print_notes(out, report)
    if report.failed:
        _section(out, "Why runs fail")
        out.print(_causes(report, out.width))
    slowest = [run for run in report.slowest.runs() if run.duration]  # a duration below a second is 0 in a text log
    if slowest:
        _section(out, "Slowest")
        for run in slowest[:SLOWEST]:
            _line(out, f"{seconds(run.duration):>10}  {clock(run.ended)}", run, _with_retries(run))
    if report.failures:
        _section(out, "Latest failures")
        for run in reversed(report.failures):
            is_known = run.error is not None or run.error_type is not None
            reason = one_line(run.reason if is_known else f"last line: {run.reason or '-'}")
            _line(out, clock(run.ended), run, "  ".join(filter(None, (reason, _with_retries(run)))))
    if report.open:
        _section(out, "Without an end: still running, or their process died")
        for run in report.open[:MAX_OPEN]:
            _line(out, clock(run.started), run, f"last line {clock(run.last_seen)}")
        if len(report.open) > MAX_OPEN:
            out.print(f"and {len(report.open) - MAX_OPEN:,} that began later")
    if report.losses:
        _section(out, f"The writer lost {report.lines_lost:,} lines: the figures are too low")
        for loss in report.losses:
            out.print(f"{clock(loss.time)}  {loss.count:,} lines: {one_line(loss.reason)}", soft_wrap=True)


def _print_notes(out: Console, report: Report) -> None:
    """Print what the figures leave out."""
    left_out = sum(figures.timing.left_out for figures in report.functions.values())
    if left_out:
        runs = "1 run" if left_out == 1 else f"{left_out:,} runs"
        out.print(f"\np50, p95 and max are without {runs} whose lines have no duration, only times in whole seconds.")
    if report.forgotten:
        out.print(f"\n{report.forgotten:,} runs without an end count as open, although they may have ended later.")
    if OTHERS in report.functions:
        out.print(f"\nThe log has more than {MAX_FUNCTIONS:,} functions. The others count together.")


def _with_retries(run: Run) -> str:
    """Return the total of a run with retries: its duration is that of the last attempt."""
    if not run.retries:
        return ""
    retries = f"{run.retries:,} {'retry' if run.retries == 1 else 'retries'}"
    return f"({seconds(run.total)} with {retries})" if run.total is not None else f"({retries})"


def _causes(report: Report, width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    is_wide = width >= _BESIDE_NAME + _SHORTEST_NAME
    for name in ("failed", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("last seen", "example", "function") if is_wide else ("example", "function"):
        table.add_column(name, no_wrap=True)
    table.add_column("error", overflow="fold")
    for cause in report.causes[:MAX_CAUSES]:
        assert cause.latest is not None
        table.add_row(
            f"{cause.count:,}",
            f"{100 * cause.count / report.failed:.0f} %",
            *([clock(cause.latest.ended)] if is_wide else []),
            one_line(cause.latest.task_id[:SHORT_ID]),
            cut(one_line(cause.func_name), max(_SHORTEST_NAME, width - _BESIDE_NAME)),
            one_line(cause.error_type or "-"),
        )
    return table


def _section(out: Console, title: str) -> None:
    out.print()
    out.print(Text(title, "bold"))


def _line(out: Console, begin: str, run: Run, end: str = "") -> None:
    """Print a run in one line, which may be wider than the terminal."""
    name = Text(one_line(run.func_name), STATUS_STYLES.get(run.status, ""))
    out.print(Text.assemble(begin, "  ", name, f"  {one_line(run.task_id)}", f"  {end}" if end else ""), soft_wrap=True)


def _functions(functions: list[FunctionFigures], width: int) -> Table:
    """Return the figures of each function; columns that do not fit are left out, the least important first."""
    cells = {name: [column(figures) for figures in functions] for name, column in _columns(functions).items()}
    needed = {name: 2 + max(len(name), *(len(cell) for cell in texts)) for name, texts in cells.items()}
    for name in ("lines", "success", "retries", "p50"):
        if sum(needed.values()) - 2 > width:
            del cells[name], needed[name]
    room = max(_SHORTEST_NAME, width - sum(needed.values()) + needed["function"])
    cells["function"] = [Text(cut(text.plain, room)) for text in cells["function"]]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in cells:
        table.add_column(name, justify="left" if name == "function" else "right", no_wrap=True)
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    return table


def _columns(functions: list[FunctionFigures]) -> dict[str, Callable[[FunctionFigures], Text]]:
    def ended(status: str) -> Callable[[FunctionFigures], Text]:
        return lambda figures: _count(figures.statuses[status], status)

    rare = [status for status in STOPPED if any(f.statuses[status] for f in functions)]
    return {
        "function": lambda figures: Text(one_line(figures.name)),
        "runs": lambda figures: _count(figures.runs, ""),
        **{status: ended(status) for status in (*COMPLETED, *rare)},
        "open": lambda figures: _count(figures.open, "running"),
        "retries": lambda figures: _count(figures.retries, ""),
        "p50": lambda figures: Text(seconds(figures.timing.shown.percentile(50))),
        "p95": lambda figures: Text(seconds(figures.timing.shown.percentile(95))),
        "max": lambda figures: Text(seconds(figures.timing.shown.longest)),
        "lines": lambda figures: _count(figures.lines, ""),
    }


def _count(number: int, status: str) -> Text:
    return Text(f"{number:,}", STATUS_STYLES.get(status, "") if number and status != "success" else "")


def _chart(series: Series, out: Console) -> tuple[Table, int]:
    """Return a row for each span of time (ended runs, failed runs, and both as a bar), and the maximum of runs."""
    starts = series.widen(CHART_ROWS).starts()
    rows = [(start, series.total_at(start).statuses) for start in starts]
    most = max(statuses.total() for _, statuses in rows)
    bar_width = max(10, min(60, out.width - 40))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("from", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("failed", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=bar_width)
    for start, statuses in rows:
        failed = statuses["failed"]
        bars = Table.grid(padding=0)
        ended = statuses.total()
        red = round(bar_width * failed / most) or int(failed > 0)
        bars.add_row(_bar(failed, failed, red, "red", out), _bar(ended - failed, most, bar_width - red, "green", out))
        table.add_row(_from(start, series.width), f"{ended:,}", _count(failed, "failed"), bars)
    return table, most


def _bar(value: int, most: int, width: int, colour: str, out: Console) -> RenderableType:
    if out.options.ascii_only:
        return Text("#" * round(width * value / (most or 1)))
    return Bar(most or 1, 0, value, width=width, color=colour)


def _from(start: int, width: int) -> str:
    text = clock(start_time(start))
    if width >= 86400:
        return text.removesuffix(" 00:00:00")  # not in another zone: the spans begin at midnight UTC
    return text.removesuffix(":00") if width >= 60 else text
