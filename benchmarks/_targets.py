"""The targets: limits of a case's time, relative to another case."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from . import cases, compressing, fairness, processes
from .bursts import Times, median_ratio
from .contenders import CONCURRENT, HOST_ROTATE, HOST_WATCHED, ROTATE, ROTATE_ENQUEUE, WATCHED, WATCHED_ENQUEUE
from .fairness import Waits
from .processes import Tally
from .slow_disk import Stall

LARGEST_RATIOS = (
    (ROTATE, HOST_ROTATE, 0.45),
    (WATCHED, HOST_WATCHED, 0.62),
    (ROTATE_ENQUEUE, HOST_ROTATE, 0.18),
    (WATCHED_ENQUEUE, HOST_WATCHED, 0.27),
    (cases.JSON_NO_DATA, HOST_ROTATE, 0.60),
    (cases.JSON_DATA, HOST_ROTATE, 0.70),
    (cases.STDLIB_JSON_NO_DATA, HOST_ROTATE, 0.85),
    (cases.STDLIB_JSON_DATA, HOST_ROTATE, 1.05),
    (cases.DETAILED, HOST_ROTATE, 0.60),
    (cases.RAISING, cases.USERS_FORMAT, 2.0),
    (cases.UNDER_MIN_LEVEL, cases.HOST_UNDER_MIN_LEVEL, 1.0),
    (cases.LARGE_FILE, cases.EMPTY_FOLDER, 1.1),
)
LARGEST_CPU_RATIO = 0.33
LARGEST_COMPRESSION_RATIO = 2.0
LARGEST_STALL_RATIO = 0.02


@dataclass(frozen=True)
class Measured:
    """The measurements of all parts of the benchmark; *stalls* is None if no disk could be frozen."""

    times: Times
    together: dict[tuple[str, int], Tally]
    longest: dict[str, list[float]]
    waits: dict[str, Waits]
    stalls: dict[str, Stall] | None


def targets(measured: Measured, skipped: str | None) -> list[list[str]]:
    """Return the rows of the table: a case, its time, the other case, that time, ratio, target, verdict."""
    times, together = measured.times, measured.together
    rows = [
        _row(case, times.median(case, 100), against, times.median(against, 100), times.ratio(case, against, 100), most)
        for case, against, most in LARGEST_RATIOS
    ]
    for count in processes.COUNTS:
        ours, theirs = together[ROTATE, count], together[CONCURRENT, count]
        case = f"rotate, processor time, processes on one file: {count}; lines lost: {ours.lost}"
        rows.append(_row_of_rounds(case, ours.cpu, CONCURRENT, theirs.cpu, LARGEST_CPU_RATIO, is_sound=not ours.lost))
    calls, plain_calls = measured.longest[compressing.COMPRESSED], measured.longest[compressing.PLAIN]
    case = f"longest call, {compressing.COMPRESSED}"
    rows.append(_row_of_rounds(case, calls, compressing.PLAIN, plain_calls, LARGEST_COMPRESSION_RATIO))
    wait, most = measured.waits[fairness.BESIDE_ENQUEUE], fairness.TARGET_P99
    case = f"99 of 100 calls of a slow process {fairness.BESIDE_ENQUEUE}"
    rows.append([case, f"{wait.p99:.2f}", "", "", "", f"{most:.0f} ms", _verdict(wait.p99 < most)])
    case = "longest stall of the event loop, enqueue=True"
    if measured.stalls is None:
        rows.append([case, "", HOST_ROTATE, "", "", f"{LARGEST_STALL_RATIO:.2f}", f"skipped: {skipped}"])
    else:
        gaps, host_gaps = measured.stalls[ROTATE_ENQUEUE].gaps, measured.stalls[HOST_ROTATE].gaps
        rows.append(_row_of_rounds(case, gaps, HOST_ROTATE, host_gaps, LARGEST_STALL_RATIO))
    return rows


def _row_of_rounds(
    case: str, values: list[float], against: str, others: list[float], most: float, *, is_sound: bool = True
) -> list[str]:
    value, other = statistics.median(values), statistics.median(others)
    return _row(case, value, against, other, median_ratio(values, others), most, is_sound=is_sound)


def _row(
    case: str, value: float, against: str, other: float, ratio: float, most: float, *, is_sound: bool = True
) -> list[str]:
    verdict = _verdict(is_sound and ratio <= most)
    return [case, f"{value:.2f}", against, f"{other:.2f}", f"{ratio:.3f}", f"{most:.2f}", verdict]


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "NOT MET"
