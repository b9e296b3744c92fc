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
    "examples/deploy": "examples/deploy.md",
    **{f"examples/{path.name}": f"examples/{path.stem}.md" for path in sorted((ROOT / "examples").glob("*.py"))},
    **{f"examples/deploy/{path.name}": "examples/deploy.md" for path in sorted((ROOT / "examples/deploy").glob("*.*"))},
    "examples/deploy/Dockerfile": "examples/deploy.md",
}
"""The page of each path in the project."""
SHORT_CODE = re.compile(r"<code>([^<\n]{1,20})</code>")  # a code block has newlines
LANGUAGES = {"": "docker", ".conf": "text", ".py": "python", ".service": "ini", ".yaml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    pages: dict[str, str] = {}
    for source, page in PAGES.items():
        pages[page] = pages.get(page, "") + _content(ROOT / source)
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
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


def on_page_content(html: str, **_: Any) -> str:
    """Mark short code inside of a line, which site.css keeps on one line."""
    return SHORT_CODE.sub(r'<code class="short">\1</code>', html)


def _content(path: Path) -> str:
    name = path.relative_to(ROOT)
    if path.is_dir():
        return f"# `{name}`\n\n"
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return text
    heading = f"## `{path.name}`" if str(path.parent.relative_to(ROOT)) in PAGES else f"# `{name}`"
    return f"{heading}\n\n```{LANGUAGES[path.suffix]}\n{text}```\n\n"
