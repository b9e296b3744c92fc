"""File sinks for any loguru program: ``logger.add(RotatingFileSink(...))``."""

from .background import BackgroundSink
from .rotating import RotatingFileSink
from .stats import Stats
from .watched import WatchedFileSink

__all__ = ["BackgroundSink", "RotatingFileSink", "Stats", "WatchedFileSink"]
