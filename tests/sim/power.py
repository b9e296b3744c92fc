"""The outcomes of a power cut: ext4 with ``data=ordered``, its default.

- A system call changes names and attributes at once, and the changes reach the disk in their order: a cut leaves the
  state after some call (``Documentation/filesystems/ext4/journal.rst``).
- That state is at most :data:`COMMIT_SECONDS` old, and not older than the last change of a file or folder that was
  synced (``fsync(2)``: for the entry of a file, the folder has to be synced too).
- A size never comes before its call, but data may be missing that were not synced, in whole or in part. If the file
  had a block already, zeros may be in their place.

Data that the kernel writes by itself after 30 seconds count as missing, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .inodes import Inode

COMMIT_SECONDS = 5.0
"""The longest time until a change of names is on the disk: the mount option ``commit``."""


class Part(NamedTuple):
    """An inode at some time."""

    mode: int
    uid: int
    gid: int
    links: int
    parent: Inode | None
    data: bytes
    entries: tuple[tuple[str, Inode], ...]
    attributes: tuple[tuple[str, bytes], ...]


class State(NamedTuple):
    """All files and folders after a call."""

    time: float
    parts: dict[Inode, Part]


class Cut(NamedTuple):
    """One of the outcomes of a power cut."""

    state: int
    """The number of the state whose names are left."""
    loss: str
    """"nothing", "half", "all" or "zeros" of the data that were not synced."""
    only: int = -1
    """The number of the file that loses them; -1: all files."""

    def __str__(self) -> str:
        where = "" if self.only < 0 else f" of #{self.only}"
        return f"names of state {self.state}, {self.loss}{where} is lost"


class Disk:
    """The states that a power cut may leave, and the data that it cannot take."""

    def __init__(self, root: Inode) -> None:
        self._root = root
        self._states = [State(0.0, _parts_of(root))]
        self._synced = {inode: inode.data for inode in self._states[0].parts}

    def note(self, time: float) -> None:
        """Note the state after a call."""
        parts = _parts_of(self._root)
        if parts != self._states[-1].parts:
            self._states.append(State(time, parts))

    def sync(self, inode: Inode, *, with_names: bool) -> None:
        """Make the data of a file durable; *with_names*, all of its own changes, and what came before them."""
        self._synced[inode] = inode.data
        present = self._states[-1].parts.get(inode)
        if present is None:  # it has no name
            return
        first = len(self._states) - 1
        while first and (before := self._states[first - 1].parts.get(inode)) is not None:
            if before != present if with_names else before.data != present.data:
                break
            first -= 1
        del self._states[:first]

    def key(self) -> tuple[object, ...]:
        """Return what decides the outcomes of later power cuts, besides the present state."""
        return len(self._states), tuple((inode.number, data) for inode, data in self._synced.items())

    def cuts(self, now: float) -> Iterator[tuple[Cut, int]]:
        """Yield the outcomes of a power cut, each with a hash of the files that it leaves."""
        for number, state in enumerate(self._states):
            later = self._states[number + 1 :]
            if later and later[0].time <= now - COMMIT_SECONDS:
                continue
            dirty = [inode for inode, part in state.parts.items() if part.data != self._synced.get(inode, b"")]
            choices = [Cut(number, loss) for loss in (("nothing", "half", "all", "zeros") if dirty else ("nothing",))]
            if len(dirty) > 1:
                choices += [Cut(number, "all", inode.number) for inode in dirty]
            for cut in choices:
                left = [(inode.number, part[:4], self._data(cut, inode, part)) for inode, part in state.parts.items()]
                names = [(name, entry.number) for part in state.parts.values() for name, entry in part.entries]
                yield cut, hash((tuple(left), tuple(names)))

    def cut(self, cut: Cut) -> Sequence[Inode]:
        """Restore one of these outcomes; return the files and folders that exist."""
        for inode, part in self._states[cut.state].parts.items():
            inode.mode, inode.uid, inode.gid, inode.links, inode.parent = part[:5]
            inode.data = self._data(cut, inode, part)
            inode.entries, inode.attributes = dict(part.entries), dict(part.attributes)
            inode.openings = 0
            inode.locks.clear()
        return list(self._states[cut.state].parts)

    def _data(self, cut: Cut, inode: Inode, part: Part) -> bytes:
        data, synced = part.data, self._synced.get(inode, b"")
        if cut.loss == "nothing" or data == synced or cut.only not in (-1, inode.number):
            return data
        if not data.startswith(synced) or cut.loss == "all":  # truncated or overwritten since
            return data[: len(synced)] if data.startswith(synced) else synced
        if cut.loss == "half":
            return data[: (len(synced) + len(data)) // 2]
        return synced.ljust(len(data), b"\0") if synced else b""


def _parts_of(root: Inode) -> dict[Inode, Part]:
    parts: dict[Inode, Part] = {}
    found = [root]
    while found:
        inode = found.pop()
        if inode not in parts:
            entries, attributes = tuple(inode.entries.items()), tuple(inode.attributes.items())
            parts[inode] = Part(
                inode.mode, inode.uid, inode.gid, inode.links, inode.parent, inode.data, entries, attributes
            )
            found += inode.entries.values()
    return parts
