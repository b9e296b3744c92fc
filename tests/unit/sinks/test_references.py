"""Comments that guard a race name the test that fails without the guard."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import taskflow_loguru.sinks

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
SINKS = Path(taskflow_loguru.sinks.__file__).parent
REFERENCE = re.compile(r"(test_\w+\.py)::(test_\w+)")


def test_every_test_that_a_comment_names_exists() -> None:
    references = {match for file in SINKS.glob("*.py") for match in REFERENCE.findall(file.read_text())}
    assert len(references) > 10
    for file, name in references:
        [path] = TESTS.rglob(file) if not (HERE / file).exists() else [HERE / file]
        tree = ast.parse(path.read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}, (
            f"{file}::{name}"
        )


def test_every_module_of_the_sinks_has_tests_of_its_own() -> None:
    for module in SINKS.glob("*.py"):
        if module.stem != "__init__":
            assert (HERE / f"test_{module.stem.removeprefix('_')}.py").exists(), module.name
