"""Python packages that ``make test`` does not install: a test that needs a missing one is skipped, by name.

Python asks ``Packages`` last for a module. So any import is enough: in a test, in a helper, or at the top of a module.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from typing import NoReturn

import pytest

GROUPS = {
    "duckdb": "deploy",
    "gunicorn": "deploy",
    "kubernetes_validate": "deploy",
    "prometheus_client": "deploy",
    "uvicorn_worker": "deploy",
    "lark": "shippers",
    "lupa": "shippers",
    "re2": "shippers",
    "vrl_python": "shippers",
    "yaml": "shippers",
    "selenium": "docs",
    "mypy": "check",
    "proselint": "check",
    "pyright": "check",
}
"""The dependency group of each package, by the name with which it is imported."""


def missing(what: str) -> NoReturn:
    """Skip the test if ``what`` is missing, with its name; fail it under CI, which has everything installed."""
    reason = f"needs {what}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


class Packages(MetaPathFinder):
    """Skip the test that imports a package of ``GROUPS`` that is not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        if name in GROUPS:
            missing(f"the Python package {name} (dependency group {GROUPS[name]})")


def package(name: str) -> str:
    """Return the name of a package that a program needs which the test runs."""
    assert name in GROUPS
    importlib.util.find_spec(name)
    return name
