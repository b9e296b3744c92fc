"""Configurations for log shippers, lnav and logrotate, filled in for one log file.

>>> print(shippers.render("rsyslog", "/var/log/myapp/tasks.log"))

``docs/shippers.md`` describes how each tool reads the file, and which lines it can lose.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import stat
import string
from contextlib import suppress
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
    an example. The configurations of any two files can be used side by side: all names in them are made from the path,
    and those of two paths differ.

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

    It has a line ``su`` if others than root may write to the file's folder: without one, logrotate refuses to rotate
    there, or works as root in a folder that another user can change at any moment.

    Raises:
        TypeError, ValueError: ``path`` is not a file's path, or logrotate would take it for a pattern.
    """
    return _fill("logrotate", "logrotate.conf", path, su=_su_line(checked_path(path)))


def lnav_format() -> str:
    """Return the lnav format file for lines of ``task_line``, ``detailed_line`` and ``json_line``, from any path."""
    return _text("lnav.json")


def _fill(name: str, template: str, path: str | os.PathLike[str], **more: str) -> str:
    full_path = checked_path(path)
    literal = SYNTAXES[name].literal(name, full_path)
    return _Configuration(_text(template)).substitute(path=literal, name=_identifier(full_path), **more)


def _identifier(path: str) -> str:
    """Return a name for *path*, which no other path has, of the characters that every tool allows in a name.

    Only one path has the readable name alone, such as ``taskflow_var_log_myapp_tasks_log`` for
    ``/var/log/myapp/tasks.log``. The names of all others have a hash, too.
    """
    readable = re.sub("[^A-Za-z0-9]+", "_", path).strip("_")
    if len(readable) <= 100 and re.fullmatch(r"(/[a-z0-9]+)+\.[a-z0-9]+", path):
        return f"taskflow_{readable}"
    return f"taskflow_{readable[-100:]}__{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def _su_line(path: str) -> str:
    """Return the directive by which logrotate works as the user of the folder of *path*, if it is not root's alone."""
    try:
        folder = os.stat(os.path.dirname(path))
    except OSError:
        return ""
    if not (folder.st_uid or folder.st_mode & stat.S_IWOTH or (folder.st_gid and folder.st_mode & stat.S_IWGRP)):
        return ""
    file = os.stat(path) if os.path.exists(path) else folder
    # The user of the folder cannot keep the owner of a file that belongs to somebody else.
    user, group = (file.st_uid, file.st_gid) if file.st_uid == folder.st_uid else (0, folder.st_gid)
    names = ("root", "root")
    with suppress(KeyError):  # logrotate knows users by their names alone
        names = (pwd.getpwuid(user).pw_name, grp.getgrgid(group).gr_name)
    return f"    su {' '.join(names)}\n"


def _text(file_name: str) -> str:
    return resources.files(__name__).joinpath("configurations", file_name).read_text(encoding="utf-8")
