"""Configurations for log shippers, lnav and logrotate, filled in for one log file.

>>> print(shippers.render("rsyslog", "/var/log/myapp/tasks.log"))

``docs/shippers.md`` describes how each tool reads the file, and which lines it can lose.
"""

from __future__ import annotations

import os
import re
import string
from importlib import resources
from typing import Literal

from .._arguments import checked_path
from ._syntax import SYNTAXES

__all__ = ["NAMES", "lnav_format", "logrotate_rule", "render"]

NAMES: tuple[str, ...] = tuple(sorted(SYNTAXES.keys() - {"logrotate"}))
"""The tools that :func:`render` has a configuration for."""


class _Configuration(string.Template):
    # Most of these languages use "$" themselves; none of the configurations has "@@".
    delimiter = "@@"


def render(name: str, path: str | os.PathLike[str], *, format: Literal["text", "json"] = "text") -> str:
    """Return the configuration of a log shipper for the file of a :class:`~taskflow_loguru.FileLogger`.

    With it the shipper reads the file at exactly that path and none of its backups, continues after a rotation and
    after a restart, and parses each line into its fields. Replace the part after the line "Destination", which is
    an example. The configurations of two files can be used side by side: all names in them are made from the path.

    Args:
        name: The tool, one of :data:`NAMES`.
        path: The file. A relative path counts from the current directory; the file may be missing.
        format: "text" for lines of ``task_line``, "json" for lines of ``json_line``.

    Raises:
        TypeError, ValueError: An argument is invalid, or the tool would take the path for a pattern or cannot be given
            it at all.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, not {name!r}")
    if format not in ("text", "json"):
        raise ValueError(f"format must be 'text' or 'json', not {format!r}")
    return _fill(name, f"{name}.{format}{SYNTAXES[name].suffix}", path)


def logrotate_rule(path: str | os.PathLike[str]) -> str:
    """Return the logrotate rule for the file of a ``FileLogger(path, mode="watched")``.

    Raises:
        TypeError, ValueError: ``path`` is not a file's path, or logrotate would take it for a pattern.
    """
    return _fill("logrotate", "logrotate.conf", path)


def lnav_format() -> str:
    """Return the lnav format file for lines of ``task_line``, ``detailed_line`` and ``json_line``, from any path."""
    return _text("lnav.json")


def _fill(name: str, template: str, path: str | os.PathLike[str]) -> str:
    full_path = checked_path(path)
    # Letters, digits and underscores are allowed in a name by every tool.
    identifier = f"taskflow_{re.sub('[^A-Za-z0-9]+', '_', full_path).strip('_')}"
    return _Configuration(_text(template)).substitute(path=SYNTAXES[name].literal(name, full_path), name=identifier)


def _text(file_name: str) -> str:
    return resources.files(__name__).joinpath("configurations", file_name).read_text(encoding="utf-8")
