"""The type checkers' results for users of the package: no error for right uses, one in each line of wrong ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packages import missing, package

HERE = Path(__file__).parent / "typing"
RIGHT, WRONG = HERE / "right.py", HERE / "wrong.py"

# In another folder: the settings of this project would make mypy read the host's sources.
Check = Callable[[Path, Path], set[int]]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def mypy(file: Path, folder: Path) -> set[int]:
    package("mypy")
    done = run(folder, "mypy", "--strict", "--config-file=", "--python-executable", sys.executable, file.name)
    assert done.returncode in (0, 1), done
    return {int(line) for line in re.findall(rf"^{file.name}:(\d+): error", done.stdout, re.MULTILINE)}


def pyright(file: Path, folder: Path) -> set[int]:
    package("pyright")
    if shutil.which("node") is None:
        missing("the program node")
    done = run(folder, "pyright", "--outputjson", "--pythonpath", sys.executable, file.name)
    if done.returncode not in (0, 1):
        missing(f"pyright as npm installs it ({done.stderr.strip()[-200:]})")
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {entry["range"]["start"]["line"] + 1 for entry in found if entry["severity"] == "error"}


@pytest.fixture(params=[mypy, pyright], ids=["mypy", "pyright"])
def check(request: pytest.FixtureRequest) -> Check:
    """Return ``check(file, folder)``: the numbers of the lines with an error, in a copy of the file."""
    checker: Check = request.param
    return lambda file, folder: checker(Path(shutil.copy(file, folder)), folder)


def test_right_uses_have_no_error(check: Check, tmp_path: Path) -> None:
    assert check(RIGHT, tmp_path) == set()


def test_each_wrong_use_is_an_error(check: Check, tmp_path: Path) -> None:
    lines = WRONG.read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    found = check(WRONG, tmp_path)
    assert [lines[number - 1] for number in sorted(found ^ wrong)] == []


def test_there_is_a_marker_for_type_checkers() -> None:
    assert (Path(__file__).parent.parent / "taskflow_loguru" / "py.typed").is_file()
