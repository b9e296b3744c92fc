"""The simulated kernel has the results and the errors of the real one."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..packages import missing
from .inodes import Description, Process
from .kernel import Kernel
from .paths import At
from .real import Handle, Operation, perform, serve, simulated_call

BLOCK = 4096
EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB

Ask = Callable[[list[Operation]], list[Any]]

USERS = [Process(0), Process(1, 1000, 100), Process(2, 1001, 100, frozenset({200}))]
"""root, and two users who share a group."""

absolute = st.sampled_from(["/a", "/a", "/b", "/d", "/d/a", "/d/a", "/d/b", "/d/e", "/d/e/a", "/l"])
targets = st.sampled_from(["a", "/a", "d", "l", "/l", "b", "../a", "d/b", "/d/e", "nothing"])
handles = st.integers(0, 9).map(Handle)
relative = st.builds(
    At, st.sampled_from(["a", "a", "b", "e", "e/a", "l", "../a", "/a"]), st.integers(6, 9) | st.integers(0, 9)
)
names = absolute | relative
data = st.sampled_from([b"x", b"line\n", b"a longer line\n"])
modes = st.sampled_from([0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o444, 0o000, 0o755, 0o777, 0o700, 0o311])
users = st.sampled_from([-1, 0, 1000, 1001])
groups = st.sampled_from([-1, 0, 100, 200])
access = st.sampled_from([os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
flags = st.builds(
    lambda first, rest: first | sum(rest),
    access,
    st.sets(st.sampled_from([os.O_APPEND, os.O_CREAT, os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_NOFOLLOW, os.O_CLOEXEC])),
)
locks = st.sampled_from([fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_SH | fcntl.LOCK_NB, fcntl.LOCK_UN])
who = st.sampled_from([0, 1, 1, 2])


def operation(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Operation]:
    return st.tuples(st.just(name), who, st.tuples(*arguments))


on_names = [
    operation("open", names, flags, modes),
    operation("open", names, st.just(os.O_CREAT | os.O_RDWR | os.O_APPEND), st.just(0o666)),
    operation("open", names, st.just(os.O_RDONLY | os.O_DIRECTORY), modes),
    operation(
        "open", names, st.sampled_from([os.O_PATH, os.O_PATH | os.O_DIRECTORY, os.O_PATH | os.O_NOFOLLOW]), modes
    ),
    operation("mkdir", names, modes),
    operation("rmdir", names),
    operation("symlink", targets, names),
    operation("link", names, names, st.booleans()),
    operation("readlink", names),
    operation("unlink", names),
    operation("rename", names, names),
    operation("exchange", names, names),
    operation("stat", names),
    operation("lstat", names),
    operation("chmod", names, modes),
    operation("chown", names, users, groups),
    operation("listdir", absolute | handles),
    operation("scandir", absolute | handles),
    operation("utime", names, st.just(5.0)),
]
on_descriptors = [
    operation("close", handles),
    operation("dup", handles),
    operation("write", handles, data),
    operation("read", handles, st.integers(1, 20)),
    operation("pread", handles, st.integers(1, 20), st.integers(0, 30)),
    operation("lseek", handles, st.integers(-3, 30), st.integers(0, 1)),
    operation("ftruncate", handles, st.integers(0, 30)),
    operation("fstat", handles),
    operation("fchmod", handles, modes),
    operation("fchown", handles, users, groups),
    operation("fsync", handles),
    operation("fdatasync", handles),
    operation("flock", handles, locks),
]


@pytest.fixture(scope="module", params=["the disk", "tmpfs"])
def ask(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Have the real kernel make calls, on the file system of the temporary folder and on tmpfs."""
    folder = tmp_path_factory.mktemp("root")
    if os.geteuid():
        missing("root")
    with mounted(folder) if request.param == "tmpfs" else contextlib.nullcontext():
        yield from served(folder)


@pytest.fixture(scope="module")
def ask_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Have the real kernel make calls on a tmpfs with space for four blocks and eleven inodes."""
    folder = tmp_path_factory.mktemp("small")
    if os.geteuid():
        missing("root")
    with mounted(folder, f"size={4 * BLOCK},nr_inodes=12"):
        yield from served(folder)


@contextlib.contextmanager
def mounted(folder: Path, options: str = "size=1M") -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def served(folder: Path) -> Iterator[Ask]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=serve, args=(theirs, str(folder)))
    child.start()
    theirs.close()

    def ask(operations: list[Operation]) -> list[Any]:
        ours.send((USERS, operations))
        results: list[Any] = ours.recv()
        return results

    try:
        yield ask
    finally:
        ours.send(None)
        child.join()
        ours.close()


def simulated(operations: list[Operation], kernel: Kernel) -> list[Any]:
    kernel.root.mode |= 0o777
    # One process that changes its user, like the real one, and so has one set of descriptors.
    descriptors: dict[int, Description] = {}
    users = [Process(p.number, p.uid, p.gid, p.groups, descriptors=descriptors) for p in USERS]
    return perform(simulated_call(kernel), users, operations)


def root(name: str, *arguments: st.SearchStrategy[Any] | Any) -> st.SearchStrategy[Operation]:
    given = [a if isinstance(a, st.SearchStrategy) else st.just(a) for a in arguments]
    return st.tuples(st.just(name), st.just(0), st.tuples(*given))


CREATE = os.O_CREAT | os.O_RDWR | os.O_APPEND
tree = st.tuples(
    root("mkdir", "/d", 0o777),
    root("mkdir", "/d/e", modes),
    root("open", "/a", CREATE, modes),
    root("open", "/a", CREATE, modes),
    root("open", "/d/a", CREATE & ~os.O_APPEND, 0o666),
    root("symlink", targets, "/l"),
    root("symlink", targets, "/d/l"),
    root("open", "/d", os.O_RDONLY | os.O_DIRECTORY, 0),
    root("open", "/d/e", os.O_RDONLY | os.O_DIRECTORY, 0),
    root("open", "/d", os.O_PATH | os.O_DIRECTORY, 0),
    root("open", "/", os.O_PATH | os.O_DIRECTORY, 0),
    root("chown", "/a", users, groups),
    root("chown", "/d/a", users, groups),
    root("chown", "/d", users, groups),
    root("chmod", "/d", modes | st.just(0o2777)),
)
"""Files, folders and links that exist from the beginning, so that most calls find something."""


def calls(*operations: st.SearchStrategy[Operation]) -> st.SearchStrategy[list[Operation]]:
    more = st.lists(st.one_of(*operations), min_size=5, max_size=40)
    return st.builds(lambda first, rest: [*first, *rest], tree, more)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(calls(*on_names, *on_descriptors))
def test_any_calls_have_the_results_of_the_real_kernel(ask: Ask, operations: list[Operation]) -> None:
    assert simulated(operations, Kernel()) == ask(operations)


OPEN = os.O_CREAT | os.O_WRONLY | os.O_APPEND
on_a_small_disk = [
    root("open", names, OPEN, 0o666),
    root("mkdir", names, 0o777),
    root("symlink", targets, names),
    root("unlink", names),
    root("rmdir", names),
    root("rename", names, names),
    root("exchange", names, names),
    root("write", handles, st.sampled_from([b"x" * 100, b"x" * (BLOCK - 1), b"x" * 9000, b"x" * 5 * BLOCK])),
    root("ftruncate", handles, 0),
    root("fstat", handles),
    root("close", handles),
]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.one_of(*on_a_small_disk), min_size=10, max_size=60))
def test_a_full_disk_has_the_results_of_a_real_one(ask_small: Ask, operations: list[Operation]) -> None:
    kernel = Kernel(BLOCK)
    kernel.free_blocks, kernel.free_inodes = 4, 11
    assert simulated(operations, kernel) == ask_small(operations)


def test_a_lock_outlives_its_process_in_a_forked_child(tmp_path: Path) -> None:
    """``flock`` belongs to the open file description, which a child shares."""
    kernel = Kernel()
    parent = Process(1)
    fd = kernel.open(parent, "/a", OPEN)
    kernel.flock(parent, fd, EXCLUSIVE)
    child = kernel.fork(parent, 2)
    kernel.exit(parent)
    other = Process(3)
    second = kernel.open(other, "/a", OPEN)
    with pytest.raises(BlockingIOError):
        kernel.flock(other, second, EXCLUSIVE)
    kernel.exit(child)
    kernel.flock(other, second, EXCLUSIVE)

    path = tmp_path / "a"
    ours, theirs = os.pipe()
    if (parent_id := os.fork()) == 0:  # the parent of the three
        fcntl.flock(os.open(path, OPEN), EXCLUSIVE)
        if os.fork() == 0:
            os.close(theirs)
            os.read(ours, 1)  # until the test ends it
        os._exit(0)
    os.close(ours)
    os.waitpid(parent_id, 0)
    with path.open("wb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, EXCLUSIVE)
        os.close(theirs)
        fcntl.flock(file, fcntl.LOCK_EX)
