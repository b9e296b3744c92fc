"""Pages of the site that are not files of ``docs/``: the examples, the changelog, the results of the benchmarks.

Other pages link to such a file by its path, so that the link works in the repository too. Here it becomes a link to the
file's page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PAGES = {
    "benchmarks/RESULTS.md": "results.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    **{f"examples/{path.name}": f"examples/{path.stem}.md" for path in sorted((ROOT / "examples").glob("*.py"))},
}
"""From a file's path in the project to its page."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out of the navigation the pages that do not exist (yet)."""
    config.nav = _existing(config.nav or [], Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=_content(ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Point the links to files of the project at their pages."""
    up = "../" * page.file.src_uri.count("/")

    def link(match: re.Match[str]) -> str:
        path = match[1]
        if path in PAGES:
            return f"]({up}{PAGES[path]}"
        return f"]({up}{path.removeprefix('docs/')}" if path.startswith("docs/") else match[0]

    return re.sub(r"\]\((?:\.\./)?([^)#:]+)", link, markdown)


def _existing(nav: list[Any], docs: Path) -> list[Any]:
    kept: list[Any] = []
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            kept.append({title: _existing(target, docs)})
        elif target in PAGES.values() or (docs / target).exists():
            kept.append(entry)
    return kept


def _content(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return text
    return f"# `{path.relative_to(ROOT)}`\n\n```python\n{text}```\n"
