"""Run all, print the tables, and write them to ``RESULTS.md``; with ``--quick`` only print a few rounds."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from . import bursts, cases, compressing, fairness, processes, reading, slow_disk
from ._targets import Measured, targets
from .bursts import Times
from .contenders import CONCURRENT, CONTENDERS, HOST_ROTATE, ROTATE
from .processes import Tally
from .slow_disk import Stall

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = (
    "taskflow-loguru",
    "fastapi-taskflow",
    "loguru",
    "concurrent-log-handler",
    "structlog",
    "msgspec",
    "orjson",
)

HOW = f"""\
Each case has a process of its own: {bursts.ROUNDS} rounds of bursts of {", ".join(map(str, bursts.SIZES))} lines, one
process after the other, in a new order each round. The event loop has a turn between bursts, and only the burst is
timed, with the garbage collector off; the first line after a pause finds cold caches. Times are medians; a ratio is the
median of the rounds' ratios. All write the same events, which have two fields of data, to real files; loguru and
concurrent-log-handler stand behind an observer that formats the guide's line and hands it over. The host's own
FileLogger writes no time into its lines: it has less to do than all others.
"""

JSON_HOW = """\
The same events; those without data have no keyword arguments. structlog and loguru get the facts of an event from an
observer. structlog's file is a plain one, which never rotates.
"""

TOGETHER = f"""\
Started together, {processes.LINES:,} lines in all, `max_bytes` {processes.MAX_BYTES:,} and more backups than are
needed; {processes.ROUNDS} rounds, each with new processes. Microseconds per line: the processor time, user and system,
of all processes, and the time until the last one has finished. The ratio is that of the processor time.
"""

COMPRESSING = f"""\
The longest `on_log` of {compressing.LINES:,} lines of {compressing.LINE_BYTES} bytes at full speed, `max_bytes`
{compressing.MAX_BYTES:,}; {compressing.ROUNDS} rounds, each in a process of its own.
"""

FAIRNESS = f"""\
How long `on_log` takes in a process that logs {fairness.LINES_PER_SECOND} lines a second, alone and beside a process
that logs to the same file at full speed, `max_bytes` {fairness.MAX_BYTES:,}; {fairness.ROUNDS} rounds.
"""

CAPTURE = "loguru's logger has a sink that does nothing, and logging's a NullHandler; the differences are the costs."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How long a line takes, beside others.")
    parser.add_argument("--quick", action="store_true", help="a few rounds; RESULTS.md stays as it is")
    is_quick = parser.parse_args().quick
    started = time.monotonic()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file_system = _file_system(folder)
        skipped = slow_disk.missing()
        measured = Measured(
            times=bursts.time_all(folder, 20 if is_quick else bursts.ROUNDS),
            together=processes.write_together(folder, 1 if is_quick else processes.ROUNDS),
            longest=compressing.longest_calls(folder, 1 if is_quick else compressing.ROUNDS),
            waits=fairness.measure(folder),
            stalls=None if skipped else slow_disk.stall(folder, 1 if is_quick else slow_disk.ROUNDS),
        )
        read = reading.rows(folder, 1 if is_quick else reading.ROUNDS)
    times, stalls = measured.times, measured.stalls
    parts = [
        "# Results of `make bench`",
        _machine(file_system, load, time.monotonic() - started),
        "## Targets\n\nPer line, in bursts of 100, in microseconds; stalls and longest calls in milliseconds.",
        _table(["case", "", "against", "", "ratio", "at most", "target"], targets(measured, skipped)),
        "## Microseconds per line, by size of burst",
        HOW,
        _by_size(times, list(CONTENDERS), HOST_ROTATE),
        "## JSON lines",
        JSON_HOW,
        _by_size(times, [cases.JSON_DATA, ROTATE, cases.STRUCTLOG, cases.SERIALIZE], ROTATE),
        _by_size(times, [cases.JSON_NO_DATA, cases.TEXT_NO_DATA], cases.TEXT_NO_DATA),
        "## Several processes, one file",
        TOGETHER,
        _together(measured.together),
        "## Rotation and compression",
        COMPRESSING,
        _table(
            ["", "longest call of each round, ms"], [[name, _each(calls)] for name, calls in measured.longest.items()]
        ),
        "## A process beside one in full flow",
        FAIRNESS,
        fairness.table(measured.waits),
        f"## A disk that blocks for {slow_disk.BLOCKED} s",
        f"skipped: {skipped}" if stalls is None else _stalls(stalls),
        "## Events that are not shown",
        _by_size(
            times,
            [cases.UNDER_MIN_LEVEL, cases.HOST_UNDER_MIN_LEVEL, cases.LIFECYCLE_OFF, cases.HOST_LIFECYCLE_OFF],
        ),
        "## A large file with many backups",
        _by_size(times, [cases.LARGE_FILE, cases.EMPTY_FOLDER]),
        "## The app's own records",
        CAPTURE,
        _by_size(
            times,
            [
                cases.LOGURU_OUTSIDE,
                cases.CAPTURE_OUTSIDE,
                cases.CONTEXT_OUTSIDE,
                cases.LOGURU_INSIDE,
                cases.CAPTURE_INSIDE,
                cases.CONTEXT_INSIDE,
                cases.LOGGING_OUTSIDE,
                cases.LOGGING_CAPTURED_OUTSIDE,
                cases.LOGGING_INSIDE,
                cases.LOGGING_CAPTURED,
                cases.TASK_LOG,
            ],
        ),
        "## Reading back, on one core",
        reading.HOW,
        _table(reading.HEADERS, read),
    ]
    report = "\n\n".join(part.strip() for part in parts) + "\n"
    print(report)
    if not is_quick:
        RESULTS.write_text(report)


def _by_size(times: Times, names: list[str], against: str | None = None) -> str:
    headers = ["", *(f"bursts of {size}" for size in bursts.SIZES)]
    rows = [[name, *(f"{times.median(name, size):.2f}" for size in bursts.SIZES)] for name in names]
    if against is not None:
        headers.append(f"ratio to {against}, 100")
        for row, name in zip(rows, names, strict=True):
            row.append(f"{times.ratio(name, against, 100):.3f}")
    return _table(headers, rows)


def _together(together: dict[tuple[str, int], Tally]) -> str:
    headers = ["processes", "", "processor", f"ratio to {CONCURRENT}", "until the end", "lines", "lines lost"]
    rows: list[list[object]] = []
    for (name, count), tally in together.items():
        ratio = bursts.median_ratio(tally.cpu, together[CONCURRENT, count].cpu)
        cpu, wall = statistics.median(tally.cpu), statistics.median(tally.wall)
        rows.append([count, name, f"{cpu:.1f}", f"{ratio:.3f}", f"{wall:.1f}", tally.written, tally.lost])
    return _table(headers, rows)


def _stalls(stalls: dict[str, Stall]) -> str:
    headers = ["", "longest stall of each round, ms", "lines", "lines lost"]
    return _table(headers, [[name, _each(stall.gaps), stall.written, stall.lost] for name, stall in stalls.items()])


def _each(milliseconds: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in milliseconds)


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
    """Return the type of the file system that *folder* is on."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    parents = {str(folder), *map(str, folder.parents)}
    return max((len(point), kind) for _, point, kind, *_ in mounts if point in parents)[1]


if __name__ == "__main__":  # not in the processes that it starts
    main()
