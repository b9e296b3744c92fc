"""``tools/prose.py``, the part of ``make check`` that checks the English."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.packages import package

PROSE = Path(__file__).parent.parent / "tools" / "prose.py"

WRONG = {
    "page.md": "The sink tells the app.",
    "title.md": "# What is lost",
    "lines.md": "The thread goes\non after that.",
    "comment.py": "x = 1  # a lock that was not to be had",
    "comments.py": "# The thread goes\n# on after that.",
    "docstring.py": '"""What the sink does."""',
    "message.py": 'report(f"{path}: it need not exist")',
    "messages.py": 'report("the file "\n    "need not exist")',
    "name.py": f"def test_{'x' * 65}(): ...",
}

RIGHT = {
    "page.md": "The method `tell()` returns the position.\n\n```sh\ntell me\n```\n\n[Page](to-be-had.md)",
    "code.py": "x.tell()  # noqa: tell\ny = say",
    "name.py": f"def test_{'x' * 64}(): ...",
}


def lint(folder: Path, files: dict[str, str]) -> tuple[int, set[str]]:
    """Return the exit code for these files, and the names of those with a problem."""
    package("proselint")
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    ended = subprocess.run([sys.executable, PROSE, *(folder / name for name in files)], capture_output=True, text=True)
    assert ended.stderr == ""
    return ended.returncode, {Path(line.split(":")[0]).name for line in ended.stdout.splitlines()}


def test_an_unwanted_expression_is_found_in_all_kinds_of_prose(tmp_path: Path) -> None:
    assert lint(tmp_path, WRONG) == (1, {*WRONG})


def test_code_is_not_prose(tmp_path: Path) -> None:
    assert lint(tmp_path, RIGHT) == (0, set())
