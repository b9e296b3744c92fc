"""The configurations: valid in the syntax of their tool, and right for every line of a FileLogger."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskflow_loguru import FileLogger, detailed_line, json_line, reader, shippers
from taskflow_loguru._escapes import unescape
from tests.conftest import formatted, lifecycle_event, log_event
from tests.packages import package

from . import engines
from .shipped import Format, Line, as_read, parse_time
from .writers import MESSAGES, write_task

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PATH = "/var/log/my app/größe's/tasks.log"
STATUSES = ("pending", "running", "success", "failed", "interrupted", "cancelled")
FORMATS: tuple[Format, ...] = ("text", "json")

parametrize_tools = pytest.mark.parametrize("name", shippers.NAMES)
parametrize_formats = pytest.mark.parametrize("format", FORMATS)


def only(values: Any) -> Any:
    """Return the only value of a list or a dictionary."""
    [value] = values.values() if isinstance(values, dict) else values
    return value


def parse_configuration(name: str, format: Format, path: str = PATH) -> Any:
    """Return the configuration as data, for tools with the syntax of YAML, TOML, JSON, Alloy or Fluentd."""
    text = shippers.render(name, path, format=format)
    if name == "alloy":
        return engines.parse_alloy(text)
    if name == "fluentd":
        return engines.parse_fluentd(text)
    if name == "cloudwatch":
        return json.loads(text)
    return tomllib.loads(text) if name == "vector" else yaml.safe_load(text)


PATHS: dict[str, Callable[[Any], Any]] = {
    "alloy": lambda it: only(it["loki.source.file"]["targets"])["__path__"],
    "cloudwatch": lambda it: only(it["logs"]["logs_collected"]["files"]["collect_list"])["file_path"],
    "datadog": lambda it: only(it["logs"])["path"],
    "filebeat": lambda it: only(only(it["filebeat.inputs"])["paths"]),
    "fluent-bit": lambda it: only(it["pipeline"]["inputs"])["path"],
    "fluentd": lambda it: it["source"]["path"],
    "ops-agent": lambda it: only(only(it["logging"]["receivers"])["include_paths"]),
    "otel-collector": lambda it: only(only(it["receivers"])["include"]),
    "promtail": lambda it: only(only(it["scrape_configs"])["static_configs"])["labels"]["__path__"],
    "vector": lambda it: only(only(it["sources"])["include"]),
}
"""The position of the path in the configuration of each tool."""


@parametrize_formats
@pytest.mark.parametrize("name", PATHS)
def test_it_is_valid_and_names_exactly_the_path(name: str, format: Format) -> None:
    assert PATHS[name](parse_configuration(name, format)) == PATH


@parametrize_formats
@parametrize_tools
def test_it_names_the_tested_version(name: str, format: Format) -> None:
    text = shippers.render(name, PATH, format=format)
    if name != "cloudwatch":  # JSON has no comments
        assert re.search(r"Tested with .*\d|[Nn]ot (been )?run", text.split("\n\n")[0])
    assert "@@" not in text


@parametrize_tools
def test_any_two_files_of_one_host_share_no_name(name: str) -> None:
    """Not if they differ in case or punctuation alone, nor if no letter of them is in ASCII, nor if they are long."""
    paths = ["/var/log/a/tasks.log", "/var/log/a.tasks.log", "/var/log/a_tasks.log", "/var/log/a/tasks/log"]
    paths += [
        "/var/log/A/tasks.log",
        "/größe.log",
        "/größte.log",
        "/日本",
        "/中国",
        f"/{'a' * 200}.log",
        f"/{'a' * 201}.log",
    ]
    names = [set(re.findall(r"(?ai)taskflow_\w+", shippers.render(name, path))) for path in paths]
    assert len(set().union(*names)) == sum(map(len, names))
    assert max(map(len, set().union(*names)), default=0) < 160  # some are names of files


def test_an_ordinary_path_keeps_its_name() -> None:
    """Filebeat and others store their positions under it."""
    assert 'ruleset="taskflow_var_log_myapp_tasks_log"' in shippers.render("rsyslog", "/var/log/myapp/tasks.log")


@parametrize_tools
@pytest.mark.parametrize("path", ["/var/log/*.log", "/var/log/tasks.log\n", "/var/log/\udcff.log", "/var/log/", ""])
def test_a_path_that_the_tool_would_misread_is_refused(name: str, path: str) -> None:
    if "*" in path and name in ("alloy", "syslog-ng"):  # two tools take it literally
        assert path in shippers.render(name, path)
        return
    with pytest.raises(ValueError, match="path must"):
        shippers.render(name, path)


def test_a_relative_path_counts_from_the_current_folder() -> None:
    assert f'"{Path.cwd()}/tasks.log"' in shippers.render("rsyslog", "tasks.log")


def test_an_unknown_name_or_format_is_refused_with_those_allowed() -> None:
    with pytest.raises(ValueError, match=r"name must be one of alloy, .*, vector, not 'logstash'"):
        shippers.render("logstash", PATH)
    with pytest.raises(ValueError, match="format must be 'text' or 'json', not 'xml'"):
        shippers.render("vector", PATH, format="xml")  # type: ignore[arg-type]


def test_nothing_of_the_host_is_loaded() -> None:
    """Without this, the command line would start slowly."""
    code = "import sys, taskflow_loguru.shippers; print({'fastapi', 'fastapi_taskflow', 'loguru'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


# -- the fields of a line -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text file with lines of every kind, some of them without a task."""
    path = tmp_path_factory.mktemp("lines") / "tasks.log"

    async def write() -> None:
        logger = FileLogger(path, log_lifecycle=True)
        for number in range(2 * len(MESSAGES)):
            time = datetime(2026, 1, 1, 12, tzinfo=timezone.utc) + timedelta(seconds=number)
            await write_task([logger], f"{number:08}-0123", number, time)
        for status in STATUSES:
            await logger.on_lifecycle(lifecycle_event(status))
        for message in ("-- SUCCESSFUL", "-- success", " -- FAILED", "", "-", "\u2028x", "a" * 5000):
            await logger.on_log(log_event(message))
        for func_name in ("f", "<lambda>", "a] [b", "Ä.ö", ""):
            await logger.on_log(log_event("hello", func_name=func_name))
        await logger.on_log(log_event("\n" * 8, task_id="\n\x85\u2028[1] 7"))
        await logger.close()

    asyncio.run(write())
    with path.open("a") as file:
        file.write("no task\n[x] [y] no time\n[x] [y] --- Retry x ---\n\n")
    return path


@pytest.fixture
def texts(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1]


def expected(texts: list[str]) -> list[Line | None]:
    lines = map(reader.parse, texts)
    return [Line(x.time, x.task_id, x.func_name, x.status, x.attempt, x.message) if x else None for x in lines]


def line_of_groups(groups: engines.Fields) -> Line | None:
    """Return the line from the named groups. Some engines report a group without a match as an empty one."""
    groups = {name: text for name, text in groups.items() if text or name in ("func_name", "message", "task_id")}
    if "task_id" not in groups:
        return None
    return Line(
        parse_time(groups["time"]) if "time" in groups else None,
        unescape(groups["task_id"]),
        unescape(groups["func_name"]),
        groups["status"].lower() if "status" in groups else None,
        int(groups["retry"]) if "retry" in groups else None,
        unescape(groups.get("separator") or groups["message"]),
    )


@pytest.fixture
def pattern(name: str) -> str:
    """Return the regular expression of a configuration."""
    parsed = parse_configuration(name, "text")
    if name == "alloy":
        return str(parsed["loki.process"]["stage.regex"]["expression"])
    if name == "promtail":
        return str(only(parsed["scrape_configs"])["pipeline_stages"][0]["regex"]["expression"])
    return str(only(parsed["receivers"])["operators"][0]["regex"]).replace("$$", "$")


@pytest.mark.parametrize("name", ["alloy", "promtail", "otel-collector"])
def test_re2_finds_in_every_line_what_the_reader_finds(pattern: str, texts: list[str]) -> None:
    assert [line_of_groups(groups) for groups in engines.match_re2(pattern, texts)] == expected(texts)


@pytest.mark.parametrize("name", ["alloy", "promtail", "otel-collector"])
@pytest.mark.parametrize("message", ["hello", "-- SUCCESS", "--- Retry 1 ---"])
def test_a_line_of_another_format_gets_no_field_that_is_wrong(pattern: str, message: str) -> None:
    """It arrives complete and without fields, as documented in docs/shippers.md for ``detailed_line``."""
    assert engines.match_re2(pattern, [formatted(detailed_line, message)]) == [{}]


def test_vector_makes_events_of_what_the_reader_finds(texts: list[str]) -> None:
    package("vrl_python")
    transforms = list(parse_configuration("vector", "text")["transforms"].values())
    events = engines.run_vrl(transforms[0]["source"].replace("$$", "$"), texts)
    assert [line_of_event(event, text) for event, text in zip(events, texts, strict=True)] == expected(texts)

    order, seen = engines.lua_54(transforms[1]["source"], "order"), []
    for event in events:
        order({"log": event}, lambda it: seen.append(it["log"]["timestamp"]))
    assert_times_follow(seen, events, "timestamp")


def line_of_event(event: engines.Fields, text: str) -> Line | None:
    if "task_id" not in event:
        assert event == {"message": text}
        return None
    time = event.get("timestamp")
    return Line(
        None if time is None else vrl_time(time),
        unescape(event["task_id"]),
        unescape(event["func_name"]),
        event.get("status"),
        event.get("retry"),
        unescape(event["message"]),
    )


def vrl_time(timestamp: object) -> datetime:
    return parse_time(str(timestamp).removesuffix(" UTC"))


def assert_times_follow(seen: list[Any], records: list[engines.Fields], field: str) -> None:
    """Check that each separator has the time of the previous line, and each other line its own time."""
    previous = None
    for time, record in zip(seen, records, strict=True):
        if "retry" in record:
            assert time == previous
        else:
            previous = record.get(field, time)
            assert time == previous


def test_vector_makes_events_of_json_lines(tmp_path: Path) -> None:
    package("vrl_python")
    logger = FileLogger(tmp_path / "tasks.jsonl", format=json_line, log_lifecycle=True)
    asyncio.run(write_task([logger], "abc12345-6789", 1))
    texts = (tmp_path / "tasks.jsonl").read_text().splitlines()
    program = only(parse_configuration("vector", "json")["transforms"])["source"].replace("$$", "$")
    *events, other = engines.run_vrl(program, [*texts, "no JSON"])
    assert other == {"message": "no JSON"}
    for event, line in zip(events, as_read(tmp_path / "tasks.jsonl"), strict=True):
        assert vrl_time(event["timestamp"]) == line.time
        fields = (event["task_id"], event["func_name"], event.get("status"), event["attempt"], event["message"])
        assert fields == line[1:]


def test_fluent_bit_makes_records_of_what_the_reader_finds(texts: list[str], program: Callable[[str], str]) -> None:
    parsed = parse_configuration("fluent-bit", "text")
    pattern = only(parsed["parsers"])["regex"]
    ops_agent = parse_configuration("ops-agent", "text")["logging"]["processors"].values()
    assert [processor["regex"] for processor in ops_agent if "regex" in processor] == [pattern]  # it is a Fluent Bit
    groups = engines.match_onigmo(program("ruby"), pattern, texts)
    assert [line_of_groups(found) for found in groups] == expected(texts)

    order = engines.lua_jit(only(parsed["pipeline"]["filters"])["code"], "order")
    seen, records = [], []
    for number, found in enumerate(groups):
        code, time, record = order("tag", number, found)
        # 2: the time stays as it was.
        seen.append(number if code == 2 else time)
        records.append({**record, "time": number})
    assert_times_follow(seen, records, "time")
    assert [record.get("status") for record in records] == [line and line.status for line in expected(texts)]
    assert [unescape(record["message"]) for record in records if "task_id" in record] == [
        line.message for line in expected(texts) if line
    ]


def test_fluentd_makes_records_of_what_the_reader_finds(texts: list[str], program: Callable[[str], str]) -> None:
    text = shippers.render("fluentd", PATH, format="text")
    assert "path '/var/log/my app/größe\\'s/tasks.log'\n" in text
    [pattern] = re.findall(r"expression /(.*)/\n", text)
    groups = engines.match_onigmo(program("ruby"), pattern, texts)
    assert [line_of_groups(found) for found in groups] == expected(texts)

    # Like the filter: each expression has the record, and the time of the event.
    expressions = dict(re.findall(r"^    (previous|message) \$\{(.*)\}$", text, re.MULTILINE))
    script = f"""given.each_with_index.map {{ |record, number|
        time = Time.at(number)
        previous = ({expressions["previous"]})
        message = ({expressions["message"]})
        record.merge('previous' => previous, 'message' => message) }}"""
    matched = [found for found in groups if found]
    records = engines.run_ruby(program("ruby"), script, matched)
    for number, record in enumerate(records):
        record["time"] = number
    assert_times_follow([record["previous"] for record in records], records, "time")
    found = [(record.get("status"), unescape(record["message"])) for record in records]
    assert found == [(line.status, line.message) for line in expected(texts) if line]
