"""The state of a run, by which a search knows that two runs have the same future."""

from __future__ import annotations

from .inodes import Inode
from .scheduler import Run
from .tasks import Task


def fingerprint(run: Run, without: Task | None = None) -> int:
    """Return a hash of everything that decides the future of a run, except the clock; as if *without* was killed."""
    kernel = run.kernel
    inodes: dict[tuple[int, int], tuple[object, ...]] = {}
    order: dict[object, int] = {}
    parts: list[object] = [run.faulty, run.lasting]
    _collect(kernel.root, inodes)
    for task in run.tasks:
        if without is not None and task.process is without.process:
            parts.append((task.number, task.progress))
            continue
        descriptors = []
        for fd, description in task.process.descriptors.items():
            inode = description.inode
            if (inode.number, inode.copy) not in inodes:
                _collect(inode, inodes)
            number = order.setdefault(description, len(order))
            which = inode.number, inode.copy, inode.seen_size
            descriptors.append((fd, number, which, description.offset, inode.locks.get(description)))
        parts.append((task.history, task.is_done, task.is_killed, run.is_enabled(task), tuple(descriptors)))
    if without is None:
        parts.append(run.current.number if run.current is not None else -1)
    if kernel.disk is not None:
        parts.append(kernel.disk.key())
    parts.append(tuple(inodes.items()))
    parts.append(tuple(inode.data for inode in kernel.deleted))
    return hash(tuple(parts))


def _collect(inode: Inode, inodes: dict[tuple[int, int], tuple[object, ...]]) -> None:
    names = tuple(sorted((name, entry.number, entry.copy) for name, entry in inode.entries.items()))
    inodes[inode.number, inode.copy] = (inode.mode, inode.uid, inode.gid, inode.links, inode.data, names)
    for entry in inode.entries.values():
        if (entry.number, entry.copy) not in inodes:
            _collect(entry, inodes)
