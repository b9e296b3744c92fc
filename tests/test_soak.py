"""Minutes of kills, stops, rotations, moves and deletions at random: ``make soak``.

``SOAK_SECONDS`` sets the time (180), ``SOAK_SEED`` the seed of the random choices, which is printed.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sinks.writers import Writer, assert_each_once

pytestmark = pytest.mark.soak

WRITERS = 4
STEPS = 40


class Round:
    """Some writers on one file in its own folder, and random events for both.

    A deleted file is only moved away from the writers' folder, so that its lines can be counted.
    """

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.chance = chance
        self.folder = root / "logs"
        self.path = self.folder / "app.log"
        self.aside = root / "aside"
        self.aside.mkdir(parents=True)
        self.max_bytes = chance.choice([150, 1000, 5000])
        self.running: list[Writer] = []
        self.stopped: list[Writer] = []
        self.ended: list[Writer] = []
        self.happened: Counter[str] = Counter()

    def play(self) -> None:
        for _ in range(WRITERS):
            self.start()
        happenings = [self.kill, self.stop, self.resume, self.end, self.delete_file, self.delete_folder, self.nothing]
        weights = [4, 4, 4, 1, 4, 1, 4]
        for _ in range(STEPS):
            for writer in self.running:
                writer.write(self.chance.randrange(60))
            self.wait_for_some()
            happens = self.chance.choices(happenings, weights)[0]
            happens()
            self.happened[happens.__name__] += 1
        for writer in self.stopped:
            writer.resume()
        for writer in (*self.stopped, *self.running):
            writer.finish()
            self.ended.append(writer)
        self.stopped, self.running = [], []

    def check(self) -> int:
        """Compare the lines in the files with the acknowledged ones; return their number."""
        files = [file for file in self.folder.parent.rglob("*") if file.is_file()]
        found = [text for file in files for text in file.read_text().splitlines(keepends=True)]
        present = set(found)
        for writer in self.ended:
            writer.acknowledge_if_written(present)
        assert_each_once(found, (text for writer in self.ended for text in writer.lines()))
        return len(found)

    def show_stderr(self) -> None:
        for writer in self.ended:
            print(f"{writer.name} ({writer.acknowledged} lines): {writer.stderr()}")

    def dispose(self) -> None:
        for writer in (*self.running, *self.stopped, *self.ended):
            writer.dispose()

    # -- the random events ------------------------------------------------------------------------

    def start(self) -> None:
        name = f"w{len(self.running) + len(self.stopped) + len(self.ended)}"
        max_bytes = self.max_bytes if self.chance.random() < 0.8 else self.chance.randrange(3000)
        self.running.append(Writer(name, self.path, max_bytes=max_bytes, backup_count=100_000))

    def kill(self) -> None:
        writer = self.chance.choice([*self.running, *self.stopped])
        writer.kill()
        (self.running if writer in self.running else self.stopped).remove(writer)
        self.ended.append(writer)
        self.start()

    def stop(self) -> None:
        if len(self.running) > 1:
            writer = self.running.pop(self.chance.randrange(len(self.running)))
            writer.pause()
            self.stopped.append(writer)

    def resume(self) -> None:
        if self.stopped:
            writer = self.stopped.pop(self.chance.randrange(len(self.stopped)))
            writer.resume()
            self.running.append(writer)

    def end(self) -> None:
        writer = self.running.pop(self.chance.randrange(len(self.running)))
        writer.finish()
        self.ended.append(writer)
        self.start()

    def delete_file(self) -> None:
        self.move_aside(self.path)

    def delete_folder(self) -> None:
        self.move_aside(self.folder)

    def nothing(self) -> None:
        pass

    def move_aside(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):  # in the middle of a rotation the file may be missing
            path.rename(self.aside / str(sum(self.happened.values())))

    def wait_for_some(self) -> None:
        """Let one writer reach a random point, at which the next event happens."""
        writer = self.chance.choice(self.running)
        writer.wait_for(self.chance.randint(writer.acknowledged, writer.ordered))


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(2**32))


def rounds(root: Path, chance: random.Random) -> Iterator[Round]:
    end = time.monotonic() + float(os.environ.get("SOAK_SECONDS") or 180)
    while time.monotonic() < end:
        yield Round(root / str(chance.getrandbits(64)), chance)


@pytest.mark.timeout(0)
def test_no_line_is_lost_doubled_or_torn_whatever_happens_for_minutes(tmp_path: Path, seed: int) -> None:
    print(f"\nSOAK_SEED={seed}")
    lines = 0
    happened: Counter[str] = Counter()
    for number, current in enumerate(rounds(tmp_path, random.Random(seed))):
        try:
            current.play()
            lines += current.check()
        except BaseException:
            print(f"in round {number}: {dict(current.happened)}")
            current.show_stderr()
            raise
        finally:
            current.dispose()
        happened += current.happened
    print(f"{lines} lines, none lost; {dict(happened)}")
