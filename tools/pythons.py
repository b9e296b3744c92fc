"""Run the tests on every Python that the project names: ``python tools/pythons.py``, or ``make test-pythons``.

Versions are those of the classifiers in ``pyproject.toml``. An interpreter is found on the ``PATH``, or where pyenv or
uv installed it. Those that the machine lacks are named.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTALLED = (".pyenv/versions/{}.*/bin/python", ".local/share/uv/python/cpython-{}.*/bin/python")


def main() -> int:
    """Run ``make test`` for each version, print the outcomes, and return the exit code."""
    outcomes = {version: outcome_of(version) for version in supported()}
    print(*(f"Python {version}: {outcome}" for version, outcome in outcomes.items()), sep="\n")
    return int("failed" in outcomes.values())


def supported() -> list[str]:
    """Return the versions in the classifiers."""
    classifiers = (ROOT / "pyproject.toml").read_text("utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', classifiers)


def outcome_of(version: str) -> str:
    """Run the tests on that version; return "passed", "failed" or another outcome."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return "not run again (make test has run it)"
    python = next(filter(lambda path: runs(path, version), candidates(version)), None)
    if python is None:
        return "NOT RUN: this machine does not have it"
    print(f"Python {version}: {python}", flush=True)
    return "failed" if subprocess.run(["make", "test", f"PYTHON={python}"], cwd=ROOT).returncode else "passed"


def candidates(version: str) -> Iterator[str]:
    """Yield the paths at which an interpreter may be."""
    if found := shutil.which(f"python{version}"):
        yield found
    for pattern in INSTALLED:
        yield from map(str, sorted(Path.home().glob(pattern.format(version))))


def runs(python: str, version: str) -> bool:
    """Return whether it is that version: a shim of pyenv, for example, may lead nowhere."""
    program = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", program], capture_output=True, text=True).stdout.strip() == version


if __name__ == "__main__":
    sys.exit(main())
