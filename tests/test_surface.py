"""The surface of the package: its exports, the repr of its objects, and its requirements."""

from __future__ import annotations

import ast
import inspect
import pydoc
import signal
import subprocess
import sys
from functools import partial
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

import fastapi_taskflow
import loguru
import pytest
from cryptography.fernet import Fernet

import taskflow_loguru
from taskflow_loguru import FileLogger, LoguruLogger, StdoutLogger, TaskManager, _host, ecs_line, json_line
from taskflow_loguru.sinks import BackgroundSink, RotatingFileSink, WatchedFileSink

PACKAGE = Path(taskflow_loguru.__file__).parent
OUR_PARAMETERS = {
    "loggers",
    "log_file",
    "log_file_max_bytes",
    "log_file_backup_count",
    "log_file_mode",
    "log_lifecycle",
}


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


# -- TaskManager has the host's signature ---------------------------------------------------------


def test_task_manager_has_the_whole_signature_of_the_installed_host() -> None:
    ours = inspect.signature(TaskManager).parameters
    host = inspect.signature(fastapi_taskflow.TaskManager).parameters
    assert list(ours) == list(host)
    assert {name: parameter.default for name, parameter in ours.items()} == {
        name: parameter.default for name, parameter in host.items()
    }
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in ours.values())


def test_type_checkers_know_every_option_of_the_installed_host() -> None:
    """If a new version of the host has more options, add them to HostOptions in _host.py."""
    host = set(inspect.signature(fastapi_taskflow.TaskManager).parameters)
    assert set(_host.HostOptions.__annotations__) == host - OUR_PARAMETERS


def test_help_shows_every_option_with_its_default() -> None:
    text = pydoc.plain(pydoc.render_doc(TaskManager))
    assert "snapshot_db: 'Optional[str]' = None" in text
    assert "log_file: 'str | os.PathLike[str] | None' = None" in text
    assert "registry_ttl: 'int' = 90" in text
    assert "**options" not in text


def test_every_exported_name_is_there_and_in_dir() -> None:
    for name in taskflow_loguru.__all__:
        assert getattr(taskflow_loguru, name) is not None
    assert set(taskflow_loguru.__all__) <= set(dir(taskflow_loguru))
    with pytest.raises(AttributeError, match="module 'taskflow_loguru' has no attribute 'Filelogger'"):
        taskflow_loguru.Filelogger  # type: ignore[attr-defined]  # noqa: B018


# -- repr -----------------------------------------------------------------------------------------


def is_email(record: Any) -> bool:
    return bool(record["function"] == "send_email")


def test_the_repr_of_each_object_is_the_call_that_makes_it(tmp_path: Path) -> None:
    path = str(tmp_path / "tasks.log")
    made = f"FileLogger({path!r})"
    rotating = RotatingFileSink(path, max_bytes=1000, backup_count=4)
    logger = loguru.logger.bind(zone="eu")
    for shown, expected in [
        (rotating, f"RotatingFileSink({path!r}, max_bytes=1000, backup_count=4)"),
        (WatchedFileSink(path, backlog_bytes=9), f"WatchedFileSink({path!r}, backlog_bytes=9)"),
        (BackgroundSink(rotating, max_pending_bytes=9), f"BackgroundSink({rotating!r}, max_pending_bytes=9)"),
        (FileLogger(path), made),
        (
            FileLogger(path, max_bytes=9, log_lifecycle=True, format=json_line, filter=is_email, enqueue=True),
            f"FileLogger({path!r}, max_bytes=9, log_lifecycle=True, format=json_line, filter=is_email, enqueue=True)",
        ),
        (
            FileLogger(path, mode="watched", min_level="WARNING", reopen_signal=signal.SIGUSR1),
            f"FileLogger({path!r}, mode='watched', min_level='warning', reopen_signal={signal.SIGUSR1!r})",
        ),
        (
            FileLogger(path, format=partial(ecs_line, service="shop")),
            f"FileLogger({path!r}, format=partial(ecs_line, service='shop'))",
        ),
        (StdoutLogger(log_lifecycle=False, filter=is_email), "StdoutLogger(log_lifecycle=False, filter=is_email)"),
        (LoguruLogger(), "LoguruLogger()"),
        (LoguruLogger(logger, min_level="info"), f"LoguruLogger({logger!r}, min_level='info')"),
        (TaskManager(log_file=path, max_size=5), f"TaskManager(loggers=[{made}], max_size=5)"),
        (TaskManager(), "TaskManager(loggers=[])"),
    ]:
        assert repr(shown) == expected


def test_the_repr_of_a_subclass_has_its_name_and_all_arguments(tmp_path: Path) -> None:
    class EmailLogger(FileLogger):
        def __init__(self, **options: Any) -> None:
            super().__init__(tmp_path / "email.log", **options)

    assert repr(EmailLogger(max_bytes=9)).startswith(f"EmailLogger(path={str(tmp_path / 'email.log')!r}, max_bytes=9, ")


def test_the_repr_of_a_task_manager_keeps_the_key_to_itself() -> None:
    key = Fernet.generate_key()
    text = repr(TaskManager(encrypt_args_key=key))
    assert "encrypt_args_key='...'" in text
    assert key.decode() not in text


# -- where it does not run ------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["taskflow_loguru", "taskflow_loguru.sinks"])
def test_without_posix_locks_the_import_fails_with_the_reason(module: str) -> None:
    """This is the case on Windows, which has no module fcntl."""
    done = python(f"import sys; sys.modules['fcntl'] = None; sys.platform = 'win32'; import {module}")
    assert done.returncode == 1
    assert "ImportError: taskflow_loguru needs a POSIX system, such as Linux or macOS" in done.stderr
    assert "win32" in done.stderr


@pytest.mark.parametrize(
    ("package", "breakage"),
    [
        ("fastapi-taskflow", "import fastapi_taskflow.task_logging as host; del host._log_sink"),
        ("fastapi-taskflow", "import fastapi_taskflow.executors.process_executor as host; del host._worker_entrypoint"),
        ("fastapi-taskflow", "import fastapi_taskflow; fastapi_taskflow.FileLogger.__init__ = lambda self, path: None"),
        ("loguru", "import loguru._logger; del loguru._logger.Core"),
        ("loguru", "import loguru._logger; loguru._logger.Logger.__init__ = lambda self, core, exception: None"),
        ("loguru", "import loguru._handler; loguru._handler.Handler.emit = lambda self, record: None"),
        ("loguru", "import loguru._handler; del loguru._handler.Handler._protected_lock"),
    ],
)
def test_an_incompatible_version_fails_the_import_with_a_remedy(package: str, breakage: str) -> None:
    done = python(f"{breakage}\nfrom taskflow_loguru import FileLogger")
    assert done.returncode == 1
    version = distribution_version(package)
    error = [line for line in done.stderr.splitlines() if line.startswith("ImportError: ")][-1]
    assert error.startswith(f"ImportError: taskflow-loguru does not work with {package} {version}: ")
    assert f"pip install '{package}<=" in error


def test_only_two_modules_touch_private_names_of_loguru_and_of_the_host() -> None:
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    ours = {name for tree in trees.values() for name in names_that_it_defines(tree)}
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in trees.items()
        for name in private_names(tree) - ours
        if path.name not in ("_host.py", "_loguru.py")
    }
    assert found == set()
    for package in ("fastapi_taskflow", "loguru"):
        users = {path.name for path, tree in trees.items() if private_modules(tree, package)}
        assert users <= {"_host.py", "_loguru.py"}


def private_modules(tree: ast.AST, package: str) -> set[str]:
    """Yield the private modules and names that are imported from the package."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    names = {f"{node.module}.{alias.name}" for node in imports for alias in node.names}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return {name for name in names if name.split(".")[0] == package and "._" in name}


def private_names(tree: ast.AST) -> set[str]:
    """Yield the private attributes that are read or written, of any object; also with getattr() and the like."""
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    by_name = [node.args[1] for node in calls if getattr(node.func, "id", "").endswith("attr") and len(node.args) > 1]
    attributes |= {str(node.value) for node in by_name if isinstance(node, ast.Constant)}
    return {name for name in attributes if name.startswith("_") and not name.startswith("__")}


def names_that_it_defines(tree: ast.AST) -> set[str]:
    """Return the names that a module of ours defines: functions, classes, modules, attributes of its objects."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {node.attr} if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") else set()
        elif isinstance(node, ast.ImportFrom) and node.level:
            names |= {alias.name for alias in node.names}
    return names
