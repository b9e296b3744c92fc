"""Every command with logs that nobody wrote in good faith: it may find nothing, but it never ends in a traceback."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.core import TyperGroup

from taskflow_loguru.cli import moments
from taskflow_loguru.cli.app import app

TEXTS = [
    "",
    "a",
    "abc12345",
    "\x1b[2J",
    "\x9b1m\x07",
    "\ud800",
    "é" * 9,
    "x" * 3_000,
    "] [",
    "-- FAILED",
    "__proto__",
    "</script>",
]
TEXTS += ["\u2028", "\0", "9" * 500, "3 lines lost: x", "[bold]", "{}", "%s", "\ufeff"]
NUMBERS = [0, -1, 1, 2**31, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, -1e308, 5e-324]
TIMES = [
    f"{day}T{clock}"
    for day in ("0001-01-01", "1969-12-31", "2026-01-01", "2026-02-30", "9999-12-31")
    for clock in ("00:00:00", "23:59:59")
]
STATUSES = ["pending", "running", "success", "failed", "interrupted", "cancelled", "rejected", "unheard"]
NAMES = [
    "level",
    "event",
    "task_id",
    "func_name",
    "message",
    "status",
    "error",
    "error_type",
    "stacktrace",
    "trace_id",
    "host",
]

values = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.none(), st.booleans())
texts = st.sampled_from(TEXTS)
ids = st.sampled_from(["abc12345", "abc12345-6789", "abc99999", "", "\x1b[2J"])
moments_of = st.builds(
    "{}{}".format, st.sampled_from(TIMES), st.sampled_from([".000000Z", ".999999Z", "Z", "+14:00", "-23:59"])
)
events = st.sampled_from(["log", "lifecycle", "retry", "loss", "other"])
known = st.fixed_dictionaries(
    {"v": st.sampled_from([1, 1, 1, 2, "1"]), "time": moments_of, "event": events, "task_id": ids, "message": texts},
    optional={
        "func_name": texts,
        "level": texts,
        "status": st.sampled_from(STATUSES),
        "attempt": st.sampled_from(NUMBERS[:7]),
        "retries_used": st.sampled_from(NUMBERS[:7]),
        "duration": st.sampled_from(NUMBERS),
        "error": texts,
        "stacktrace": texts,
        "tags": st.dictionaries(texts, values, max_size=2),
        "data": st.dictionaries(texts, st.recursive(values, lambda one: st.lists(one, max_size=2)), max_size=2),
    },
)
any_object = st.dictionaries(st.sampled_from([*NAMES, "ecs.version", "severity", "logger.name", "v", "time"]), values)
text_lines = st.one_of(
    st.builds("[{}] [{}] {} {}".format, ids, texts, st.sampled_from(TIMES), texts),
    st.builds(
        "[{}] [{}] {} -- {}".format, ids, texts, st.sampled_from(TIMES), st.sampled_from(STATUSES).map(str.upper)
    ),
    st.builds("[{}] [{}] --- Retry {} ---".format, ids, texts, st.sampled_from(NUMBERS[:7])),
    st.builds(
        "[{}] [f] {}.000Z {} attempt={} -- FAILED after {} s: {}".format,
        ids,
        st.sampled_from(TIMES),
        texts,
        st.sampled_from(NUMBERS[:7]),
        st.sampled_from(["0.1", "9" * 400 + ".0", "-1.0"]),
        texts,
    ),
    st.sampled_from(["{" * 2_000, "[" * 2_000, '{"a":' * 2_000, "{}", '{"v":1e999}', "\r", "", "\x00" * 9]),
)
lines = st.one_of(
    st.one_of(known, any_object).map(json.dumps).map(str.encode),
    text_lines.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=40),
)
COMMANDS = [
    "lines {}",
    "lines --json --failed --func a* --level info {}",
    "lines --grep a --attempt 0 --tag a=1 --since 2d {}",
    "lines -n 2 --tz America/New_York {}",
    "show abc {}",
    "show --tz Pacific/Kiritimati --last-failed {}",
    "show --json abc {}",
    "report --tz Asia/Kolkata {}",
    "report --since 2d --func a {}",
    "report --json {}",
    "report --html - {}",
    "doctor {}",
    "doctor --json {}",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("hostile")
    moments.set_zone("UTC")


def run(arguments: list[str]) -> str:
    """Run the command in this process; return what it printed."""
    out = BytesIO()
    with TextIOWrapper(out, "utf-8", "backslashreplace") as stream, redirect_stdout(stream), redirect_stderr(stream):
        try:
            group = typer.main.get_command(app)
            assert isinstance(group, TyperGroup)
            group.main(arguments, "taskflow-loguru")
        except SystemExit as ended:
            code = ended.code
        except OSError:  # main() prints it
            code = 1
        stream.flush()
        assert code in (0, 1), out.getvalue()
        return out.getvalue().decode("utf-8", "replace")


@pytest.mark.parametrize("command", COMMANDS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    content=st.lists(lines, max_size=30), ends=st.sampled_from([b"\n", b"\r\n", b"\0\n"]), torn=st.binary(max_size=9)
)
def test_no_log_ends_a_command_in_a_traceback(
    command: str, folder: Path, content: list[bytes], ends: bytes, torn: bytes
) -> None:
    path = folder / "tasks.log"
    whole = b"".join(line + ends for line in content)
    path.write_bytes(whole + torn)
    (folder / "tasks.log.1").write_bytes(b"\xef\xbb\xbf" + whole)
    (folder / "tasks.log.2.gz").write_bytes(gzip.compress(whole)[: -9 * len(torn) or None])
    printed = run(command.replace("{}", str(path)).split())
    if not command.startswith("lines") and not re.search("--json|--html", command):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", printed)
