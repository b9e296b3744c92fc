"""Agreement of the pages with the package and the results. ``make docs`` checks their links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import taskflow_loguru
from taskflow_loguru import reader, shippers, sinks

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
OF_THE_HOST = {"RedisBackend", "TaskAdmin"}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
MODULES = {"reader", "shippers", "sinks"}


def section(path: Path, heading: str) -> str:
    """Return the text below a heading of the second level, up to the next one."""
    return path.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def messages() -> Iterator[str]:
    """Yield the messages that the package prints to stderr, in the form of the page."""
    for path in Path(taskflow_loguru.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and is_report(node.func) and not isinstance(node.args[0], ast.Name):
                yield re.sub(r"\s+", " ", shown(node.args[0]))


def is_report(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "report"
    if not isinstance(function, ast.Attribute) or function.attr != "add":
        return False
    return "_notices" in ast.unparse(function.value)


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


@pytest.mark.parametrize("page", ["loguru-files.md", "performance.md"])
def test_each_figure_about_speed_and_loss_is_in_the_results_of_make_bench(page: str) -> None:
    """The results are rounded to the digits in the page, which is rewritten with them."""
    results = [
        float(text.replace(",", "")) for text in NUMBER.findall((ROOT / "benchmarks/RESULTS.md").read_text("utf-8"))
    ]
    rounded = {round(result, digits) for result in results for digits in range(3)}
    text = (DOCS / page).read_text("utf-8")
    figures = re.findall(rf"({NUMBER.pattern})(?: \||,? microseconds| ms\b| of 1|\.$| instead)", text, re.MULTILINE)
    assert figures
    assert [figure for figure in figures if float(figure.replace(",", "")) not in rounded] == []
