"""What a sink has done, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """What one sink of one process has done since it was made.

    Attributes:
        lines_written: Lines that are in the file, those that report a loss included.
        bytes_written: Their size in bytes of UTF-8.
        rotations: How often this sink has rotated the file; 0 for a sink that never does.
        lines_kept: Lines that are kept in memory now because the file cannot be written.
        lines_lost: Lines that did not fit into memory while the file could not be written, or while too many waited.
        seconds_failing: How long the file could not be written, in seconds; 0.0 while it can.
        lines_waiting: Lines that wait for the background thread now; 0 without one.
    """

    lines_written: int
    bytes_written: int
    rotations: int
    lines_kept: int
    lines_lost: int
    seconds_failing: float
    lines_waiting: int = 0
