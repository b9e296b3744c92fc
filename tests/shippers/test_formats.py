"""The formats for other systems, read by the real program with the configuration in docs/formats.md."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskflow_loguru import ecs_line, otel_line, shippers
from tests.formats.events import active_span, failure, line_of, record_of
from tests.hosting import WAIT_SECONDS

from .shipped import OtlpServer, value_of, values_of

PAGE = Path(__file__).parents[2] / "docs/formats.md"
LEVELS = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")


def configuration(first_line: str) -> Any:
    """Return the block of YAML on the page that begins with that line."""
    block = PAGE.read_text("utf-8").partition(f"```yaml\n{first_line}")[2].partition("```")[0]
    return yaml.safe_load(first_line + block)


def write(path: Path, format: Callable[..., str]) -> list[dict[str, Any]]:
    """Write a line of each level, one with a span, and one with all fields of an event; return their fields."""
    options = {"service": "shop", "environment": "production", "host": "web-1"}
    lines = [line_of(format, record_of(f"größe\n{level}", level=level), **options) for level in LEVELS]
    with active_span():
        lines += [line_of(format, record_of(), **options), line_of(format, failure(), **options)]
    path.write_text("".join(lines), "utf-8")
    return list(map(json.loads, lines))


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(command, stdout=stderr, stderr=stderr, cwd=folder)
    yield
    process.terminate()
    process.wait(WAIT_SECONDS)


def wait_for(count: int, arrived: Callable[[], list[Any]]) -> list[Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found := arrived()) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_the_collector_makes_log_records_of_otel_line(tmp_path: Path, program: Callable[[str], str]) -> None:
    """Time, severity, body, trace, attributes and resource, each in its place and with its type."""
    lines = write(tmp_path / "tasks.jsonl", otel_line)
    received: list[dict[str, Any]] = []
    server = OtlpServer(received.append)
    settings = configuration("receivers:\n")
    settings["receivers"]["filelog"].update(include=[str(tmp_path / "tasks.jsonl")], start_at="beginning")
    settings["exporters"] = {"otlphttp": {"endpoint": server.url, "encoding": "json", "compression": "none"}}
    pipelines = {"logs": {"receivers": ["filelog"], "exporters": ["otlphttp"]}}
    settings["service"] = {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines}
    (tmp_path / "collector.yaml").write_text(yaml.safe_dump(settings))
    with running([program("otelcol"), "--config", str(tmp_path / "collector.yaml")], tmp_path):
        wait_for(len(lines), lambda: received)
    server.close()
    # As text: to Python, 2 and 2.0 are equal.
    as_text = partial(json.dumps, sort_keys=True)
    assert [as_text(fields_of_record(record)) for record in received] == list(map(as_text, lines))
    assert "\terror\t" not in (tmp_path / "stderr").read_text()


def fields_of_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a line from the collector's log record."""
    seconds, nanoseconds = divmod(int(record["timeUnixNano"]), 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=nanoseconds // 1000, tzinfo=None)
    attributes = values_of(record["attributes"])
    assert attributes.pop("log.file.name") == "tasks.jsonl"
    fields = {
        "timestamp": f"{moment.isoformat(timespec='microseconds')}Z",
        "severity_text": record["severityText"],
        "severity_number": record["severityNumber"],
        "body": value_of(record["body"]),
        "attributes": attributes,
        "resource": values_of(record["resource"]["attributes"]),
    }
    if "traceId" in record:
        fields |= {"trace_id": record["traceId"], "span_id": record["spanId"], "trace_flags": f"{record['flags']:02x}"}
    return fields


def test_filebeat_makes_events_of_ecs_line(tmp_path: Path, program: Callable[[str], str]) -> None:
    """Each field of the schema in its object, and its host, time and version in place of Filebeat's own."""
    lines = write(tmp_path / "tasks.jsonl", ecs_line)
    settings = configuration("filebeat.inputs:\n")
    settings["filebeat.inputs"][0]["paths"] = [str(tmp_path / "tasks.jsonl")]
    check_events(read_by_filebeat(settings, len(lines), tmp_path, program("filebeat")), lines)


@pytest.mark.parametrize("is_nested", [False, True])
def test_our_configuration_of_filebeat_knows_ecs_line(
    tmp_path: Path, program: Callable[[str], str], is_nested: bool
) -> None:
    """With objects, and with dots in the names of fields; keys of a task's data never cost the event."""
    path = tmp_path / "tasks.jsonl"
    lines = [expanded(line) for line in write(path, ecs_line)]
    data = {"a": 1, "a.b": 2, "c": {"d.e": [1, {"f.g": "x"}], "d": True}}
    lines[-1]["taskflow"]["data"] = data
    path.write_text("".join(json.dumps(line if is_nested else dotted(line)) + "\n" for line in lines))
    settings = yaml.safe_load(shippers.render("filebeat", path, format="json").partition("# Destination")[0])
    events = read_by_filebeat(settings, len(lines), tmp_path, program("filebeat"))
    check_events(events, lines)
    assert events[-1]["taskflow"]["data"] == data
    assert not any("task" in event or "error.message" in event for event in events)


HOSTILE: list[dict[Any, Any]] = [
    {"a": 1, "a.b": 2},
    {"a.b": 2, "a": 1},
    {"user": "bob", "user.id": 5},
    {"": 1, ".": 2, "..": 3, "a.": 4, ".a": 5, " ": 6, "\0": 7},
    {"deep": {"a": 1, "a.b": [{"c": 1, "c.d": {"": 2}}]}},
    {1: "int", "1": "str"},
    {"@timestamp": 1, "message": 2, "host.name": 3, "error.message": 4, "type": 5, "@metadata": {"x": 1}},
    {"large": 2**70, "larger": 10**400},
]
"""Data each of which once lost its whole event."""


def test_filebeat_loses_no_event_whatever_its_data(tmp_path: Path, program: Callable[[str], str]) -> None:
    lines = [line_of(ecs_line, record_of(str(number), data=data)) for number, data in enumerate(HOSTILE)]
    (tmp_path / "tasks.jsonl").write_text("".join(lines), "utf-8")
    settings = configuration("filebeat.inputs:\n")
    settings["filebeat.inputs"][0]["paths"] = [str(tmp_path / "tasks.jsonl")]
    found = read_by_filebeat(settings, len(lines), tmp_path, program("filebeat"))
    for event, line in zip(found, map(json.loads, lines), strict=True):
        assert event["message"] == line["message"]
        assert "error" not in event
        assert event["taskflow"]["data"].keys() == line["taskflow"]["data"].keys()


def test_elasticsearch_gets_data_of_any_type_from_our_filebeat(tmp_path: Path, program: Callable[[str], str]) -> None:
    """The index template has the task's data as ``flattened``: ``order=42`` and ``order="A-1"`` are both taken."""
    configuration = tmp_path / "filebeat.yml"
    configuration.write_text(shippers.render("filebeat", tmp_path / "tasks.jsonl", format="json"))
    configuration.chmod(0o600)
    command = [program("filebeat"), "export", "template", "-c", str(configuration), "--path.home", str(tmp_path)]
    exported = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    fields = json.loads(exported)["template"]["mappings"]["properties"]
    assert {**fields["task"]["properties"], **fields["taskflow"]["properties"]} == {
        name: {"type": "flattened"} for name in ("data", "tags")
    }


def read_by_filebeat(settings: Any, count: int, folder: Path, program: str) -> list[Any]:
    """Return the events that Filebeat makes of *count* lines."""
    settings["output.file"] = {"path": str(folder), "filename": "out", "permissions": 0o644}
    settings["queue.mem"] = {"flush.min_events": 1, "flush.timeout": "0s"}
    (folder / "filebeat.yml").write_text(yaml.safe_dump(settings))
    (folder / "filebeat.yml").chmod(0o600)

    def events() -> list[Any]:
        texts = [text for path in folder.glob("out*.ndjson") for text in path.read_text("utf-8").splitlines(True)]
        return [json.loads(text) for text in texts if text.endswith("\n")]

    with running([program, "-e", "-c", str(folder / "filebeat.yml"), "--path.home", str(folder)], folder):
        return wait_for(count, events)


def check_events(events: list[Any], lines: list[dict[str, Any]]) -> None:
    assert len(events) == len(lines)
    for event, line in zip(events, lines, strict=True):
        expected = expanded(line)
        expected["@timestamp"] = f"{line['@timestamp'][:23]}Z"  # Filebeat keeps milliseconds
        # Filebeat adds fields of its own, among others to "log".
        assert {name: common(event[name], value) for name, value in expected.items()} == expected
        assert not [name for name in event if "." in name]


def dotted(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the fields with dots in their names in place of objects."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        is_group = isinstance(value, dict) and prefix + name not in ("labels", "taskflow.data")
        made |= dotted(value, f"{prefix}{name}.") if is_group else {prefix + name: value}
    return made


def expanded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with objects in place of dots in their names."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return made


def common(found: Any, expected: Any) -> Any:
    """Return an object with only the keys of *expected*; any other value unchanged."""
    if not isinstance(found, dict) or not isinstance(expected, dict):
        return found
    return {name: common(found[name], expected[name]) for name in expected if name in found}
