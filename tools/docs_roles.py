"""Links for the Sphinx roles in docstrings, such as ``:class:`~package.Name```, which editors show."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(attr|class|data|func|meth|mod):`(~?)([\w.]+)`")

LITERAL = re.compile(r"^::$\n", re.MULTILINE)
"""The line that announces a block of code to Sphinx; Markdown needs its indentation alone."""


class SphinxRoles(griffe.Extension):
    """Turn each role into a link, but :mod: and :data: into code, because their objects have no section."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite a docstring."""
        if obj.docstring:
            obj.docstring.value = ROLE.sub(_link, LITERAL.sub("", obj.docstring.value))


def _link(match: re.Match[str]) -> str:
    role, tilde, target = match.groups()
    name = target.rpartition(".")[2] if tilde else target
    return f"`{name}`" if role in ("data", "mod") or "." not in target else f"[`{name}`][{target}]"
