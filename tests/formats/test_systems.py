"""The formats for other systems: valid by each system's schema, one line, safe with any logged data."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import loguru
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData, SeverityNumber

from taskflow_loguru import datadog_line, ecs_line, google_line, json_line, otel_line, reader
from taskflow_loguru.formats import ECS_VERSION
from tests.formats.events import (
    EVENTS,
    SPAN_ID,
    TASK_ID,
    TEXT,
    TRACE_ID,
    TRACEBACK,
    active_span,
    failure,
    line_of,
    record_of,
)

SCHEMAS = Path(__file__).parent / "schemas"
ECS = json.loads((SCHEMAS / "ecs-9.4.0.json").read_text("utf-8"))
LEVELS = ["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"]

IS_ECS_TYPE: dict[str, Callable[[Any], bool]] = {
    "keyword": lambda value: type(value) is str,
    "constant_keyword": lambda value: type(value) is str,
    "wildcard": lambda value: type(value) is str,
    "match_only_text": lambda value: type(value) is str,
    "date": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value) is not None,
    "long": lambda value: type(value) is int and -(2**63) <= value < 2**63,
    "object": lambda value: type(value) is dict and all(type(item) is str for item in value.values()),
}
"""The published types of the fields in a log line; labels are an object of keywords."""


def flat(fields: dict[str, Any], *parents: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted names and the values of the fields of an ECS line; labels and the task are values."""
    for key, value in fields.items():
        assert "." not in key
        if isinstance(value, dict) and key != "labels" and parents != ("taskflow",):
            yield from flat(value, *parents, key)
        else:
            yield ".".join((*parents, key)), value


def check_ecs(nested: dict[str, Any]) -> None:
    fields = dict(flat(nested))
    for name, value in fields.items():
        if name.startswith("taskflow."):  # custom fields, which the schema allows for each program
            assert name not in ECS["fields"]
            continue
        published = ECS["fields"][name]
        for item in value if published.get("array") else [value]:
            assert IS_ECS_TYPE[published["type"]](item), (name, item)
            assert item in published.get("allowed", [item])
    assert {"@timestamp", "log.level", "message", "ecs.version"} <= fields.keys()
    assert fields["log.level"] in {"trace", "debug", "info", "notice", "warning", "error", "critical"}
    assert fields["ecs.version"] == ECS["version"] == ECS_VERSION
    assert all(not re.search(r"[.*\\]", key) for key in fields.get("labels", {}))


def check_otel(fields: dict[str, Any]) -> None:
    """Check with the published protobuf definition, after the moves in the configuration of docs/formats.md."""
    allowed = {"timestamp", "severity_text", "severity_number", "body", "attributes", "resource"}
    assert allowed <= fields.keys() <= allowed | {"trace_id", "span_id", "trace_flags"}
    record = {
        "severityNumber": fields["severity_number"],
        "severityText": fields["severity_text"],
        "body": otlp(fields["body"]),
        "attributes": otlp_map(fields["attributes"]),
        "flags": int(fields.get("trace_flags", "0"), 16),
    }
    resource = {"attributes": otlp_map(fields["resource"])}
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    parsed = json_format.ParseDict(logs, LogsData())
    assert fields["severity_number"] in SeverityNumber.values()
    # The filelog receiver knows these names of severities without a mapping.
    short = SeverityNumber.Name(fields["severity_number"]).removeprefix("SEVERITY_NUMBER_")
    assert fields["severity_text"] == short
    assert len(parsed.resource_logs[0].scope_logs[0].log_records) == 1
    for name, digits in (("trace_id", 32), ("span_id", 16), ("trace_flags", 2)):
        assert re.fullmatch(f"[0-9a-f]{{{digits}}}", fields.get(name, "0" * digits))


def otlp(value: Any) -> dict[str, Any]:
    """Return *value* as an AnyValue of OTLP."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": otlp_map(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": list(map(otlp, value))}}
    if isinstance(value, (int, float)):  # of any size
        return {"doubleValue": float(value)}
    return {} if value is None else {"stringValue": value}


def otlp_map(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": otlp(value)} for key, value in values.items()]


def check_by(name: str) -> Callable[[dict[str, Any]], None]:
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / name).read_text("utf-8")))
    return validator.validate


FORMATS = [
    pytest.param(ecs_line, check_ecs, id="ecs_line"),
    pytest.param(otel_line, check_otel, id="otel_line"),
    pytest.param(datadog_line, check_by("datadog.json"), id="datadog_line"),
    pytest.param(google_line, check_by("google.json"), id="google_line"),
]
every_format = pytest.mark.parametrize(("format", "check"), FORMATS)
each_format = pytest.mark.parametrize("format", [ecs_line, otel_line, datadog_line, google_line])


def fields_of(format: Callable[..., str], record: Any, **options: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(line_of(format, record, **options))
    return dict(flat(fields)) if format is ecs_line else fields


@every_format
@given(message=TEXT, event=EVENTS, level=st.sampled_from(LEVELS), is_traced=st.booleans())
def test_every_event_is_one_line_that_the_published_schema_allows(
    format: Any, check: Any, message: str, event: dict[str, Any], level: str, is_traced: bool
) -> None:
    record = record_of(message, level=level, **event)
    if is_traced:
        with active_span():
            line = line_of(format, record, service="shop", environment="production", host="web-1")
    else:
        line = line_of(format, record)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line.removesuffix("\n"))
    check(json.loads(line))


@every_format
def test_a_record_without_a_task_is_valid_too(format: Any, check: Any) -> None:
    record = record_of("welcome", level="SUCCESS")
    record.update(extra={"user": "bob"}, time=record["extra"]["timestamp"])
    check(json.loads(line_of(format, record)))
    parsed = reader.parse(line_of(format, record))
    assert parsed is not None
    assert (parsed.event, parsed.task_id, parsed.level, parsed.func_name) == (None, None, "success", "main")


@each_format
def test_a_failure_comes_back_with_everything(format: Any) -> None:
    with active_span():
        line = line_of(format, failure(), service="shop")
    parsed = reader.parse(line)
    assert parsed is not None
    assert (parsed.level, parsed.event, parsed.task_id, parsed.func_name) == (
        "error",
        "lifecycle",
        TASK_ID,
        "send_email",
    )
    assert (parsed.status, parsed.attempt, parsed.duration, parsed.retries_used) == ("failed", 2, 1.2, 2)
    assert (parsed.message, parsed.error, parsed.stacktrace) == ("-- FAILED", "refused", TRACEBACK)
    assert (parsed.tags, parsed.data) == ({"tenant": "a"}, {"order": 42, "items": ["tea"]})
    assert (parsed.trace_id, parsed.span_id) == (f"{TRACE_ID:032x}", f"{SPAN_ID:016x}")


@each_format
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_of_loguru_comes_back(format: Any, level: str) -> None:
    parsed = reader.parse(line_of(format, record_of(level=level)))
    assert parsed is not None
    assert parsed.level == ("debug" if (format, level) == (google_line, "TRACE") else level.lower())


@every_format
@pytest.mark.parametrize(("number", "level"), [(1, "trace"), (22, "info"), (35, "warning"), (99, "critical")])
def test_an_apps_own_level_counts_as_the_next_lower_one(format: Any, check: Any, number: int, level: str) -> None:
    record = record_of()
    record["level"] = type("Level", (), {"name": "AUDIT", "no": number})
    line = line_of(format, record)
    check(json.loads(line))
    parsed = reader.parse(line)
    assert parsed is not None
    assert parsed.level == ("debug" if (format, level) == (google_line, "trace") else level)


@each_format
def test_no_name_in_the_data_of_a_task_overwrites_a_field(format: Any) -> None:
    plain = fields_of(format, failure(data={}))
    forged = dict.fromkeys(plain, "forged")
    forged.update(dict.fromkeys(["v", "status", "severity", "level", "dd.trace_id", "trace.id", "host", "x\n{}"], "x"))
    fields = fields_of(format, failure(data=forged))
    parsed = reader.parse(line_of(format, failure(data=forged)))
    assert parsed is not None
    assert parsed.data == forged
    assert {name: value for name, value in fields.items() if "taskflow" not in name and name != "attributes"} == {
        name: value for name, value in plain.items() if "taskflow" not in name and name != "attributes"
    }


@pytest.mark.parametrize(
    ("format", "names"),
    [
        (datadog_line, ("service", "dd.env", "host", "process.pid")),
        (google_line, ("serviceContext", "environment", "host", "pid")),
    ],
)
def test_host_and_process_are_there_by_themselves_and_names_by_argument(format: Any, names: tuple[str, ...]) -> None:
    by_itself = fields_of(format, record_of())
    assert [by_itself.get(name) for name in names] == [None, None, socket.gethostname(), os.getpid()]
    named = fields_of(partial(format, service="shop", environment="production", host="web-1"), record_of())
    service = {"service": "shop"} if format is google_line else "shop"
    assert [named.get(name) for name in names] == [service, "production", "web-1", os.getpid()]


def test_json_line_takes_another_host_name() -> None:
    assert fields_of(json_line, record_of())["host"] == socket.gethostname()
    assert fields_of(partial(json_line, host="web-1"), record_of())["host"] == "web-1"


@pytest.mark.parametrize("is_sampled", [True, False])
def test_a_trace_is_marked_as_sampled_if_it_is(is_sampled: bool) -> None:
    with active_span(is_sampled=is_sampled):
        otel, google = fields_of(otel_line, record_of()), fields_of(google_line, record_of())
    assert otel["trace_flags"] == f"0{int(is_sampled)}"
    assert google["logging.googleapis.com/trace_sampled"] is is_sampled


def test_otel_has_them_in_the_resource() -> None:
    assert fields_of(otel_line, record_of())["resource"] == {
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    named = partial(otel_line, service="shop", environment="production", host="web-1")
    assert fields_of(named, record_of())["resource"] == {
        "service.name": "shop",
        "deployment.environment.name": "production",
        "host.name": "web-1",
        "process.pid": os.getpid(),
    }


def test_the_process_id_is_the_childs_after_a_fork() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, line_of(ecs_line, record_of()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert json.loads(os.read(read, 65536))["process"]["pid"] == child
    os.close(read)
    os.close(write)


@each_format
@pytest.mark.parametrize("name", ["service", "environment", "host"])
def test_a_name_that_is_not_a_str_is_rejected(format: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a str or None, not 3"):
        format(record_of(), **{name: 3})
    with pytest.raises(ValueError, match=f"{name} must be a text of at least one character"):
        format(record_of(), **{name: ""})


def test_ecs_names_the_outcome_and_the_duration_of_a_task() -> None:
    failed = fields_of(ecs_line, failure())
    assert (failed["event.outcome"], failed["event.duration"]) == ("failure", 1_200_000_000)
    assert (failed["error.type"], failed["error.message"]) == ("ConnectionError", "refused")
    assert fields_of(ecs_line, record_of(event="lifecycle", status="success"))["event.outcome"] == "success"
    assert fields_of(ecs_line, record_of(event="lifecycle", status="cancelled"))["event.outcome"] == "unknown"
    assert "event.outcome" not in fields_of(ecs_line, record_of(event="lifecycle", status="running"))
    assert fields_of(ecs_line, record_of(), service="shop")["event.dataset"] == "shop.taskflow"


def test_datadog_takes_the_severity_for_its_status_never_the_tasks() -> None:
    fields = fields_of(datadog_line, failure())
    assert (fields["status"], fields["taskflow"]["status"]) == ("error", "failed")
    assert fields_of(datadog_line, record_of(level="SUCCESS"))["status"] == "ok"


@pytest.mark.parametrize(
    ("trace_id", "written"),
    [(TRACE_ID, f"{TRACE_ID:032x}"), (12345, "12345"), (2**64 - 1, str(2**64 - 1)), (2**64, f"{2**64:032x}")],
)
def test_datadog_ids_are_decimal_up_to_64_bits(trace_id: int, written: str) -> None:
    with active_span(trace_id, 67890):
        line = line_of(datadog_line, record_of())
    fields = json.loads(line)
    assert (fields["dd.trace_id"], fields["dd.span_id"]) == (written, "67890")
    parsed = reader.parse(line)
    assert parsed is not None
    assert (parsed.trace_id, parsed.span_id) == (f"{trace_id:032x}", f"{67890:016x}")


def test_google_traces_are_those_of_the_project() -> None:
    with active_span():
        fields = fields_of(google_line, record_of(), project="my-shop")
        bare = fields_of(google_line, record_of())
    assert fields["logging.googleapis.com/trace"] == f"projects/my-shop/traces/{TRACE_ID:032x}"
    assert fields["logging.googleapis.com/spanId"] == f"{SPAN_ID:016x}"
    assert fields["logging.googleapis.com/trace_sampled"] is True
    assert bare["logging.googleapis.com/trace"] == f"{TRACE_ID:032x}"


@pytest.mark.parametrize("project", ["a/b", "a b", "a\n"])
def test_google_rejects_an_invalid_project(project: str) -> None:
    with pytest.raises(ValueError, match="project must be the id of a Google Cloud project, not"):
        google_line(record_of(), project=project)


@each_format
def test_an_exception_of_the_app_has_its_class_text_and_traceback(format: Any) -> None:
    lines: list[str] = []
    handler = loguru.logger.add(lines.append, format=format, catch=False)
    try:
        raise KeyError("no such order")
    except KeyError:
        loguru.logger.exception("went wrong")
    finally:
        loguru.logger.remove(handler)
    parsed = reader.parse(lines[0])
    assert parsed is not None
    assert parsed.stacktrace is not None
    assert parsed.stacktrace.endswith("KeyError: 'no such order'")
    assert parsed.error_type == "KeyError"


@each_format
@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "{",
        '{"ecs.version":1}',
        '{"severity":"INFO"}',
        '{"severity_number":9}',
        '{"logger.name":"django"}',
        '{"v":2}',
    ],
)
def test_a_line_of_another_program_is_no_tasks_line(format: Any, line: str) -> None:
    assert reader.parse(line) is None


@each_format
def test_a_field_of_another_type_makes_it_another_programs_line(format: Any) -> None:
    fields = fields_of(format, failure())
    key = "body" if format is otel_line else "message"
    assert reader.parse(json.dumps(fields)) is not None
    assert reader.parse(json.dumps({**fields, key: 5})) is None
    assert reader.parse(json.dumps(fields).replace("1.2", "NaN")) is None or format is not otel_line
