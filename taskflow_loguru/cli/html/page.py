"""The page: a template with everything inlined. No text of a log can become a script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import Any

MAX_STACKTRACE = 8_000
"""The maximum length of a traceback in a page, in characters; the end is kept."""


def render_page(fields: dict[str, Any]) -> str:
    """Return the page of a report: *fields* has the keys of ``report --json``, and ``timeline``.

    A Content-Security-Policy allows only the page's own scripts, and forbids to load anything.
    """
    for failure in fields["failures"]:
        if failure["stacktrace"] and len(failure["stacktrace"]) > MAX_STACKTRACE:
            failure["stacktrace"] = f"[...]{failure['stacktrace'][-MAX_STACKTRACE:]}"
    chart, style = _file("chart.umd.min.js"), _file("page.css")
    script = "\n".join(map(_file, ("tables.js", "charts.js", "page.js")))
    policy = (
        f"default-src 'none'; script-src {_hash(chart)} {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "licence": _file("chart.umd.LICENSE.md"),
        "style": style,
        "chart": chart,
        "data": _json(fields),
        "script": script,
    }
    return re.sub(r"@@(\w+)@@", lambda match: parts[match[1]], _file("page.html"))


def is_page(head: bytes) -> bool:
    """Return whether a file that begins with *head* is a page of this command."""
    return head.startswith(b"<!doctype html>") and b"<title>Task report</title>" in head


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """Return JSON for a script element: no text can end the element or start a comment."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
