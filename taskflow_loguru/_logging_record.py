"""A record of the standard library's ``logging`` as a message of the current task."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ._capturing import last_extra, log_in_task
from ._escapes import as_text, without_surrogates
from ._loguru import logger_in_use, logger_name
from ._signals import is_from_signal_handler
from ._task_log import Origin, SentMessage

_FIELDS = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})
"""The attributes that a record has without ``extra=``."""

_MESSAGE = logging.Formatter("%(message)s")
_ERRORS = logging.Handler()


class TaskMessage:
    """The message that a record becomes, as the record is before a handler changes it. No method raises.

    Attributes:
        source: The loguru logger from which the record comes, by :func:`~taskflow_loguru._loguru.logger_name`, or None.
    """

    def __init__(self, record: logging.LogRecord) -> None:
        self._record = record
        self._extra: Mapping[Any, Any] = {name: value for name, value in vars(record).items() if name not in _FIELDS}
        self.source: str | int | None = None
        self._text = _text_of(record)
        bound = self._extra.get("extra")
        if isinstance(bound, dict) and (logger := logger_in_use()):
            self._extra, self.source = bound, logger_name(logger)

    def is_captured(self) -> bool:
        """Return whether :func:`capture` has captured the loguru record from which a ``logging.Handler`` made this one.

        If not, this record is the one, and :func:`capture` will leave out loguru's.
        """
        if self.source is None:
            return False
        if self._extra is last_extra.get():
            return True
        last_extra.set(self._extra)
        return False

    def log(self, sent_to: str | int | None) -> None:
        """Log it in the current task. *sent_to* is the loguru logger to which a handler has sent the record."""
        record = self._record
        try:
            time = datetime.fromtimestamp(record.created, timezone.utc)
            origin = Origin(record.name, record.module, record.lineno)
            message = SentMessage(self._text, time, self.source or sent_to, origin)
            log_in_task(message, record.levelno, self._extra)
        except Exception as error:  # such as that of an event loop that has been closed
            if is_from_signal_handler(error):
                raise
            _ERRORS.handleError(record)


def _text_of(record: logging.LogRecord) -> str:
    """Return the message and the traceback. If the arguments do not fit the message, both are shown as they are."""
    shown = copy.copy(record)  # a formatter stores the traceback's text in the record, for all other formatters
    try:
        shown.msg = record.getMessage()
    except Exception as error:
        if is_from_signal_handler(error):
            raise
        shown.msg = f"{as_text(record.msg)} {as_text(record.args)}"
    shown.args = None
    text = _MESSAGE.format(shown)
    return without_surrogates(text.rstrip("\n") if record.exc_info else text)
