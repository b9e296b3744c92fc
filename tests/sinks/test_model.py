"""One ``RotatingFileSink`` through writes, rotations, deletions, moves, faults and restarts, against a simple model.

The model knows which line must be in which file. While the file cannot be written the sink keeps its lines and
chooses when to try again; a try writes all that it can, so that after each line there are two states that are
right: as before, or with as much written as now can be.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from taskflow_loguru.sinks import RotatingFileSink
from tests.sinks.model import RotatedFiles, found_at

LIMITS: Any = {"max_bytes": st.integers(0, 120), "backup_count": st.integers(0, 4)}


class SinkMachine(RuleBasedStateMachine):
    @initialize(**LIMITS)
    def start(self, max_bytes: int, backup_count: int) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "logs" / "app.log"
        self.files = RotatedFiles()
        self.kept: list[str] = []
        self.file_size_limit: int | None = None
        self.folder_is_a_file = False
        self.number = 0
        self.limits = (max_bytes, backup_count)
        self.sink = self.open_sink()

    @property
    def current_limits(self) -> tuple[int, int]:
        """``max_bytes`` and ``backup_count``; a file that the system allows no larger is rotated too."""
        max_bytes, backup_count = self.limits
        sizes = [size for size in (max_bytes, self.file_size_limit) if size]
        return min(sizes, default=0), backup_count

    def open_sink(self) -> RotatingFileSink:
        self.files.texts.setdefault(0, "")
        return RotatingFileSink(self.path, max_bytes=self.limits[0], backup_count=self.limits[1])

    def next_line(self, length: int) -> str:
        self.number += 1
        return f"{self.number:05}".ljust(length, ".") + "\n"

    def can_be_written(self, text: str) -> bool:
        if self.folder_is_a_file:
            return False
        if self.file_size_limit is None:
            return True
        size = 0 if self.files.must_rotate(text, *self.current_limits) else len(self.files.texts.get(0, ""))
        return size + len(text) <= self.file_size_limit

    def try_to_write(self) -> None:
        """Do with the kept lines as the sink does at an attempt."""
        while self.kept and self.can_be_written(self.kept[0]):
            self.files.append(self.kept.pop(0), *self.current_limits)
        if self.kept and not self.folder_is_a_file:
            if self.files.must_rotate(self.kept[0], *self.current_limits):
                self.files.rotate(self.limits[1])  # the line did not go into the new file either
            self.files.texts.setdefault(0, "")

    # -- lines ------------------------------------------------------------------------------------

    @rule(lengths=st.lists(st.integers(5, 50), min_size=1, max_size=8), at_once=st.booleans())
    def write(self, lengths: list[int], at_once: bool) -> None:
        texts = [self.next_line(length) for length in lengths]
        for group in [texts] if at_once else [[text] for text in texts]:
            may_wait = bool(self.kept)
            self.kept += group
            with self.file_size_limited():
                self.sink.writelines(group)
            if may_wait and self.found() == self.files:
                continue
            self.try_to_write()

    @rule(length=st.integers(130, 300))
    def write_a_line_that_no_file_holds(self, length: int) -> None:
        self.write([length], at_once=False)

    @rule(length=st.integers(5, 50))
    def another_sink_writes(self, length: int) -> None:
        text = self.next_line(length)
        if not self.kept and self.can_be_written(text):
            other = pickle.loads(pickle.dumps(self.sink))
            with self.file_size_limited():
                other.write(text)
            self.files.append(text, *self.current_limits)

    @rule()
    def stop(self) -> None:
        with self.file_size_limited():
            self.sink.stop()
        self.try_to_write()

    @precondition(lambda self: not self.folder_is_a_file)
    @rule(**LIMITS)
    def restart_with_other_limits(self, max_bytes: int, backup_count: int) -> None:
        self.faults_end()
        self.limits = (max_bytes, backup_count)
        self.sink = self.open_sink()

    # -- changes by others --------------------------------------------------------------------------

    @precondition(lambda self: not self.folder_is_a_file)
    @rule()
    def the_file_is_deleted(self) -> None:
        self.path.unlink(missing_ok=True)
        self.files.texts.pop(0, None)

    @precondition(lambda self: not self.folder_is_a_file)
    @rule()
    def the_file_is_moved(self) -> None:
        if self.path.exists():
            self.path.rename(self.root / "moved")
            assert (self.root / "moved").read_text() == self.files.texts.pop(0)

    @precondition(lambda self: not self.folder_is_a_file)
    @rule()
    def the_file_is_truncated(self) -> None:
        if self.path.exists():
            self.path.write_bytes(b"")
            self.files.texts[0] = ""

    @precondition(lambda self: not self.folder_is_a_file)
    @rule()
    def the_folder_is_deleted(self) -> None:
        shutil.rmtree(self.path.parent, ignore_errors=True)
        self.files.texts.clear()

    @precondition(lambda self: not self.folder_is_a_file)
    @rule(number=st.integers(1, 4))
    def a_killed_rotation_or_a_person_leaves_a_gap(self, number: int) -> None:
        self.path.with_name(f"app.log.{number}").unlink(missing_ok=True)
        self.files.texts.pop(number, None)

    # -- faults -------------------------------------------------------------------------------------

    @precondition(lambda self: self.file_size_limit is None)
    @rule(limit=st.integers(1, 200))
    def files_may_not_grow_beyond(self, limit: int) -> None:
        self.file_size_limit = limit

    @contextlib.contextmanager
    def file_size_limited(self) -> Iterator[None]:
        """Limit the size of files while the sink works: the limit holds for the whole process, so for pytest too."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        with contextlib.redirect_stderr(io.StringIO()):
            if self.file_size_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_size_limit, hard))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    @precondition(lambda self: not self.folder_is_a_file)
    @rule()
    def the_folder_is_replaced_by_a_file(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.parent.rename(self.root / "aside")
        self.path.parent.touch()
        self.folder_is_a_file = True

    @rule()
    def faults_end(self) -> None:
        self.end_faults()
        self.sink.stop()
        self.try_to_write()
        assert not self.kept

    def end_faults(self) -> None:
        self.file_size_limit = None
        if self.folder_is_a_file:
            self.path.parent.unlink()
            (self.root / "aside").rename(self.path.parent)
            self.folder_is_a_file = False

    # -- invariants -----------------------------------------------------------------------------------

    def found(self) -> RotatedFiles:
        return found_at(self.root / "aside" / "app.log" if self.folder_is_a_file else self.path)

    @invariant()
    def each_line_is_where_it_must_be(self) -> None:
        if hasattr(self, "files"):
            assert self.found() == self.files

    def teardown(self) -> None:
        if hasattr(self, "files"):
            self.end_faults()
            self.sink.stop()
            shutil.rmtree(self.root)


TestSink = SinkMachine.TestCase
TestSink.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
