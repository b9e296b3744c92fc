"""Agreement of the pages with the package and the results.

``make docs`` checks the links of the site. Pages that are also shown elsewhere have theirs checked here.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import taskflow_loguru
from taskflow_loguru import reader, shippers, sinks
from tools import release_links

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
OF_THE_HOST = {"RedisBackend", "TaskAdmin"}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
MODULES = {"reader", "shippers", "sinks"}
TEXT = (ast.Constant, ast.JoinedStr)


def section(path: Path, heading: str) -> str:
    """Return the text below a heading of the second level, up to the next one."""
    return path.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def messages() -> Iterator[str]:
    """Yield the messages that the package prints to stderr, in the form of the page."""
    for path in Path(taskflow_loguru.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and is_report(node.func) and isinstance(node.args[0], TEXT):
                yield re.sub(r"\s+", " ", shown(node.args[0]))


def is_report(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "report"
    return ast.unparse(function).endswith(("._report", ".messages.append"))


def shown(node: ast.expr) -> str:
    """Return a text of the source with "..." for its values."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(shown, values))
        case ast.FormattedValue(value=ast.Call(func=ast.Name(id="loss_message"), args=[_, reason])):
            return f"N lines lost: {shown(reason)}"
        case ast.FormattedValue(value=value, conversion=conversion):
            return "'...'" if conversion == ord("r") and ast.unparse(value).endswith("path") else "..."
        case _:
            return "..."


def test_each_message_on_stderr_has_its_entry_in_troubleshooting() -> None:
    entries = re.findall(r"^### `(.+)`$", section(DOCS / "troubleshooting.md", "By message"), re.MULTILINE)
    assert sorted(entries) == sorted(set(messages()))


def test_the_api_page_has_each_public_name() -> None:
    shown_there = set(re.findall(r"^::: (.+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE))
    names = {f"taskflow_loguru.{name}" for name in {*taskflow_loguru.__all__} - OF_THE_HOST - MODULES}
    for module in (reader, shippers, sinks):
        names |= {f"{module.__name__}.{name}" for name in module.__all__}
    assert shown_there == names


def test_each_command_that_contributing_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([\w-]+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    assert named <= targets


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_each_link_leads_to_a_file_and_its_heading(page: str) -> None:
    for _, link in release_links.LINK.findall((ROOT / page).read_text("utf-8")):
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        assert not anchor or anchor in anchors(ROOT / path), link


@pytest.mark.parametrize("name", ["light.png", "dark.png"])
def test_the_picture_is_small_and_readme_and_site_show_it(name: str) -> None:
    """`make picture` makes it anew."""
    picture = (DOCS / "pictures" / name).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
    assert f'="docs/pictures/{name}"' in (ROOT / "README.md").read_text("utf-8")
    assert f"(pictures/{name}#only-{name.removesuffix('.png')})" in (DOCS / "index.md").read_text("utf-8")


class TestRelease:
    """The text that the release workflow fills in: PyPI shows README.md without the files beside it."""

    ADDRESS = "https://github.com/owner/name"

    def test_readme_has_only_addresses(self) -> None:
        text = release_links.with_addresses((ROOT / "README.md").read_text("utf-8"), self.ADDRESS, "v1.2.3")
        assert not re.search(r"""["(](?:docs|benchmarks|examples)/|\]\([A-Z]""", text)
        assert f"]({self.ADDRESS}/blob/v1.2.3/docs/start.md)" in text
        assert f'<img src="{self.ADDRESS}/raw/v1.2.3/docs/pictures/light.png"' in text

    def test_the_project_has_links_to_its_repository(self) -> None:
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        before, after = (
            tomllib.loads(toml)["project"]["urls"]
            for toml in (text, release_links.with_project_links(text, self.ADDRESS, "v1.2.3"))
        )
        assert {name: after[name] for name in before} == before
        assert after["Source"] == self.ADDRESS
        assert after["Changelog"] == f"{self.ADDRESS}/blob/v1.2.3/CHANGELOG.md"


@pytest.mark.parametrize("page", ["README.md", "docs/loguru-files.md", "docs/moving.md", "docs/performance.md"])
def test_each_figure_about_speed_and_loss_is_in_the_results_of_make_bench(page: str) -> None:
    """The results are rounded to the digits in the page, which is rewritten with them."""
    results = [
        float(text.replace(",", "")) for text in NUMBER.findall((ROOT / "benchmarks/RESULTS.md").read_text("utf-8"))
    ]
    rounded = {round(result, digits) for result in results for digits in range(3)}
    text = (ROOT / page).read_text("utf-8")
    units = r" \||,? microseconds| ms\b| of 1| lines in \[one run|\.$| instead| in \w+ mode| and 0\.| with `enqueue"
    figures = re.findall(rf"({NUMBER.pattern})(?={units})", text, re.MULTILINE)
    assert figures
    assert [figure for figure in figures if float(figure.replace(",", "")) not in rounded] == []
