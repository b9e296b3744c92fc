"""Log files that any loguru program can write to: ``logger.add(RotatingFileSink(...))``."""

from .background import BackgroundSink
from .rotating import RotatingFileSink
from .watched import WatchedFileSink

__all__ = ["BackgroundSink", "RotatingFileSink", "WatchedFileSink"]
