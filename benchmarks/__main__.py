"""Run all, print the tables, and write them to ``RESULTS.md``."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from . import bursts, processes, reading, slow_disk
from .bursts import Times
from .contenders import (
    CONCURRENT,
    CONTENDERS,
    HOST_ROTATE,
    HOST_WATCHED,
    JSON_LINE,
    ROTATE,
    ROTATE_ENQUEUE,
    WATCHED,
    WATCHED_ENQUEUE,
)
from .processes import Tally
from .slow_disk import Stall

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("taskflow-loguru", "fastapi-taskflow", "loguru", "concurrent-log-handler", "msgspec", "orjson")

HOW = f"""\
One process: {bursts.ROUNDS} rounds of bursts of {", ".join(map(str, bursts.SIZES))} lines, each case's burst in turn
and in a new order each round. The event loop has a turn between bursts, and only the burst is timed, with the garbage
collector off. Times are medians; a ratio is the median of the rounds' ratios. All write the same events to real files;
loguru and concurrent-log-handler stand behind an observer that formats the guide's line and hands it over. The host's
own FileLogger writes no time into its lines: it has less to do than all others.
"""

TOGETHER = f"""\
Started together, {processes.LINES} lines each in bursts of 100, `max_bytes` {processes.MAX_BYTES:,} and more backups
than are needed; {processes.ROUNDS} rounds. The ratio, and the time, is that of the bursts, as above.
"""


def main() -> None:
    started = time.monotonic()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file_system = _file_system(folder)
        times = bursts.time_all(folder)
        together = processes.write_together(folder)
        skipped = slow_disk.missing()
        stalls = None if skipped else slow_disk.stall(folder)
        read = reading.rows(folder)
    parts = [
        "# Results of `make bench`",
        _machine(file_system, load, time.monotonic() - started),
        "## Targets\n\nPer line, in bursts of 100. Times in microseconds, stalls in milliseconds.",
        _targets(times, together, stalls, skipped),
        "## Microseconds per line, by size of burst",
        HOW,
        _by_size(times, list(CONTENDERS), HOST_ROTATE),
        f"## {processes.PROCESSES} processes, one file",
        TOGETHER,
        _together(together),
        f"## A disk that blocks for {slow_disk.BLOCKED} s",
        f"skipped: {skipped}" if stalls is None else _stalls(stalls),
        "## Events that are not shown",
        _by_size(
            times,
            [
                bursts.UNDER_MIN_LEVEL,
                bursts.HOST_UNDER_MIN_LEVEL,
                bursts.LIFECYCLE_OFF,
                bursts.HOST_LIFECYCLE_OFF,
            ],
        ),
        "## A large file with many backups",
        _by_size(times, [bursts.LARGE_FILE, bursts.EMPTY_FOLDER]),
        "## JSON lines",
        _by_size(times, [JSON_LINE, ROTATE], ROTATE),
        "## `capture`",
        "loguru's logger has a sink that does nothing; the difference is what a captured record costs.",
        _by_size(
            times,
            [
                bursts.LOGURU_OUTSIDE,
                bursts.CAPTURE_OUTSIDE,
                bursts.LOGURU_INSIDE,
                bursts.CAPTURE_INSIDE,
                bursts.TASK_LOG,
            ],
        ),
        "## Reading back, on one core",
        reading.HOW,
        _table(reading.HEADERS, read),
    ]
    report = "\n\n".join(part.strip() for part in parts) + "\n"
    print(report)
    RESULTS.write_text(report)


def _targets(times: Times, together: dict[str, Tally], stalls: dict[str, Stall] | None, skipped: str | None) -> str:
    rows = []

    def row(case: str, time: float, against: str, other: float, ratio: float, at_most: float, lost: int = 0) -> None:
        met = "met" if ratio <= at_most and not lost else "NOT MET"
        rows.append([case, f"{time:.2f}", against, f"{other:.2f}", f"{ratio:.3f}", f"{at_most:.2f}", met])

    for case, against, at_most in (
        (ROTATE, HOST_ROTATE, 0.90),
        (WATCHED, HOST_WATCHED, 1.15),
        (ROTATE_ENQUEUE, HOST_ROTATE, 0.75),
        (WATCHED_ENQUEUE, HOST_WATCHED, 1.0),
        (bursts.UNDER_MIN_LEVEL, bursts.HOST_UNDER_MIN_LEVEL, 1.0),
        (bursts.LARGE_FILE, bursts.EMPTY_FOLDER, 1.1),
    ):
        ratio = times.ratio(case, against, 100)
        row(case, times.median(case, 100), against, times.median(against, 100), ratio, at_most)
    ours, theirs = together[ROTATE], together[CONCURRENT]
    ratio = bursts.median_ratio(ours.times, theirs.times)
    case = f"rotate, 4 processes, one file: {ours.lost} lines lost"
    row(case, ours.median, CONCURRENT, theirs.median, ratio, 0.50, ours.lost)
    case = "longest stall of the event loop, enqueue=True"
    if stalls is None:
        rows.append([case, "", HOST_ROTATE, "", "", "0.02", f"skipped: {skipped}"])
    else:
        gaps, host_gaps = stalls[ROTATE_ENQUEUE].gaps, stalls[HOST_ROTATE].gaps
        ratio = bursts.median_ratio(gaps, host_gaps)
        row(case, statistics.median(gaps), HOST_ROTATE, statistics.median(host_gaps), ratio, 0.02)
    return _table(["case", "", "against", "", "ratio", "at most", "target"], rows)


def _by_size(times: Times, names: list[str], against: str | None = None) -> str:
    headers = ["", *(f"bursts of {size}" for size in bursts.SIZES)]
    rows = [[name, *(f"{times.median(name, size):.2f}" for size in bursts.SIZES)] for name in names]
    if against is not None:
        headers.append(f"ratio to {against}, 100")
        for row, name in zip(rows, names, strict=True):
            row.append(f"{times.ratio(name, against, 100):.3f}")
    return _table(headers, rows)


def _together(together: dict[str, Tally]) -> str:
    headers = ["", "microseconds per line", f"ratio to {CONCURRENT}", "lines", "lines lost"]
    reference = together[CONCURRENT].times
    rows = [
        [name, f"{tally.median:.1f}", f"{bursts.median_ratio(tally.times, reference):.3f}", tally.written, tally.lost]
        for name, tally in together.items()
    ]
    return _table(headers, rows)


def _stalls(stalls: dict[str, Stall]) -> str:
    headers = ["", "longest stall of each round, ms", "lines", "lines lost"]
    rows = [
        [name, ", ".join(f"{gap:.1f}" for gap in stall.gaps), stall.written, stall.lost]
        for name, stall in stalls.items()
    ]
    return _table(headers, rows)


def _table(headers: list[str], rows: list[list[str]] | list[list[object]]) -> str:
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _machine(file_system: str, load: float, seconds: float) -> str:
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"On {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {file_system}; "
        f"Python {platform.python_version()}, {packages}. "
        f"It took {seconds:.0f} s; the load average before it was {load:.2f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """The type of the file system that ``folder`` is on."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    parents = {str(folder), *map(str, folder.parents)}
    return max((len(point), kind) for _, point, kind, *_ in mounts if point in parents)[1]


if __name__ == "__main__":  # not in the processes that it starts
    main()
