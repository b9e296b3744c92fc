"""The numbers of a sink."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """The numbers of one sink in one process, since it was made.

    Attributes:
        lines_written: Lines that were written to the file, including those that report a loss.
        bytes_written: Their size in bytes of UTF-8.
        rotations: How often this sink has rotated the file.
        lines_kept: Lines that are in memory now because the file cannot be written.
        lines_lost: Lines that did not fit into memory: the file could not be written, or too many lines waited.
        seconds_failing: For how many seconds the file could not be written by now; 0.0 while it can be.
        lines_waiting: Lines that wait for the background thread now; 0 if there is none.
    """

    lines_written: int
    bytes_written: int
    rotations: int
    lines_kept: int
    lines_lost: int
    seconds_failing: float
    lines_waiting: int = 0
