"""Fill in the address of the repository, for the pages of a release on PyPI.

``python -m tools.release_links https://github.com/OWNER/NAME v0.2.0`` rewrites two files of a checkout:

- README.md: PyPI has the README alone, so its links to files of the project must have the address of those files.
- pyproject.toml: the links of the project, beside its README on PyPI.

Only the workflow that publishes a release knows the address. In the repository itself the links are relative.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"""(\]\(|\b(?:src|srcset)=")(?![a-z]+:|#)([^)"]+)""")
"""The beginning of a link of Markdown or of a picture of HTML, and a path."""


def main(address: str, tag: str) -> None:
    """Rewrite the two files."""
    for name, rewrite in (("README.md", with_addresses), ("pyproject.toml", with_project_links)):
        file = ROOT / name
        file.write_text(rewrite(file.read_text("utf-8"), address, tag), "utf-8")


def with_addresses(text: str, address: str, tag: str) -> str:
    """Return the text of a Markdown file at the top of the repository, with an address in place of each path."""

    def link(match: re.Match[str]) -> str:
        beginning, path = match.groups()
        return f"{beginning}{address}/{'blob' if beginning == '](' else 'raw'}/{tag}/{path}"

    return LINK.sub(link, text)


def with_project_links(text: str, address: str, tag: str) -> str:
    """Return the text of pyproject.toml with links to the repository."""
    heading = "[project.urls]\n"
    if text.count(heading) != 1:
        raise ValueError(f"pyproject.toml must have one line {heading.strip()}")
    links = {
        "Source": address,
        "Issues": f"{address}/issues",
        "Documentation": f"{address}/blob/{tag}/docs/index.md",
        "Changelog": f"{address}/blob/{tag}/CHANGELOG.md",
    }
    return text.replace(heading, heading + "".join(f'{name} = "{link}"\n' for name, link in links.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
