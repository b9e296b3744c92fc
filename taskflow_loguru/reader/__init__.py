"""Reading logs: parse a line, read a file with its backups, follow a file as it grows."""

from ..formats import TaskLine
from ._follow import follow
from ._parse import parse
from ._read import read

__all__ = ["TaskLine", "follow", "parse", "read"]
