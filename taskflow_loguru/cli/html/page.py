"""The page: a template with everything inlined, and nothing of a log that a browser would run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import Any

MAX_STACKTRACE = 8_000
"""Characters of a traceback that a page holds; its end is what matters."""


def render_page(fields: dict[str, Any]) -> str:
    """Return the page of a report: *fields* is what ``report --json`` prints, and ``timeline``.

    A Content-Security-Policy lets the browser run the page's own scripts alone, and load nothing.
    """
    for failure in fields["failures"]:
        if failure["stacktrace"] and len(failure["stacktrace"]) > MAX_STACKTRACE:
            failure["stacktrace"] = f"[...]{failure['stacktrace'][-MAX_STACKTRACE:]}"
    chart, style = _file("chart.umd.min.js"), _file("page.css")
    script = "\n".join(map(_file, ("tables.js", "charts.js", "page.js")))
    policy = f"default-src 'none'; script-src {_hash(chart)} {_hash(script)}; style-src {_hash(style)}"
    parts = {
        "policy": policy,
        "licence": _file("chart.umd.LICENSE.md"),
        "style": style,
        "chart": chart,
        "data": _json(fields),
        "script": script,
    }
    return re.sub(r"@@(\w+)@@", lambda match: parts[match[1]], _file("page.html"))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no text ends the element, or begins a comment in it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
