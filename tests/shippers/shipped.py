"""Real shippers, started with the configurations of :mod:`taskflow_loguru.shippers` and read by the tests.

The destination in each configuration, which is marked as an example, is replaced with a file.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple

from taskflow_loguru import reader, shippers
from taskflow_loguru._escapes import unescape

Format = Literal["text", "json"]


class Line(NamedTuple):
    """A line in the form of a shipper; None for a missing field."""

    time: datetime | None
    task_id: str | None
    func_name: str | None
    status: str | None
    attempt: int | None
    message: str


def as_read(path: Path) -> list[Line]:
    """Return the lines of a file and its backups, read by our reader."""
    return [Line(x.time, x.task_id, x.func_name, x.status, x.attempt, x.message) for x in reader.read(path)]


def line_of(fields: dict[str, Any], kind: Format) -> Line:
    """Return a line from the fields that a shipper parsed; an unparsed line has few."""
    attempt = fields.get("retry") if kind == "text" else fields.get("attempt")
    message = fields.get("message", "")
    return Line(
        parse_time(fields["time"]) if "time" in fields else None,
        fields.get("task_id"),
        fields.get("func_name"),
        fields.get("status"),
        None if attempt is None else int(attempt),
        unescape(message) if kind == "text" else message,
    )


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)


class Shipper:
    """A shipper that reads a text and a JSON file in one process, and keeps its state in ``folder``."""

    name: str
    keeps_position = True
    """Whether it continues after a restart where it stopped."""
    times_separators = True
    """Whether a separator gets the time of the previous line."""
    finishes_moved_files = False
    """Whether it reads lines that are written to a moved file after it has found the new one."""

    def __init__(self, program: str, folder: Path, text: Path, json: Path) -> None:
        self.program, self.folder = program, folder
        self.paths: dict[Format, Path] = {"text": text, "json": json}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self.prepare()

    def prepare(self) -> None:
        """Write the configuration file."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def lines(self, kind: Format) -> list[Line]:
        """Return the lines that have arrived."""
        raise NotImplementedError

    def values(self) -> dict[str, Any]:
        """Return the message and the data of the first JSON line, as they have arrived."""
        fields = self.first_fields()
        return {"message": fields["message"], **fields["data"]}

    def first_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.documents(self.output("json"))[0]
        return fields

    def start(self) -> None:
        with (self.folder / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(self.command(), stdout=stderr, stderr=stderr, cwd=self.folder)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            finally:
                self._process.kill()
                self._process.wait()
                self._process = None

    def close(self) -> None:
        self.stop()

    def source(self, kind: Format) -> str:
        """Return the configuration up to the destination."""
        return shippers.render(self.name, self.paths[kind], format=kind).partition("Destination:")[0] + "\n"

    def identifier(self, kind: Format) -> str:
        """Return the name that the configuration uses for all its parts."""
        return next(word for word in self.source(kind).replace('"', " ").split() if word.startswith("taskflow_"))

    def output(self, kind: Format) -> Path:
        return self.folder / f"out.{kind}"

    def documents(self, path: Path) -> list[Any]:
        """Return the complete lines of an output, as JSON."""
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


class Rsyslog(Shipper):
    name = "rsyslog"

    def prepare(self) -> None:
        parts = [f'global(workDirectory="{self.folder}")\n']
        for kind in self.paths:
            name = self.identifier(kind)
            parts += [self.source(kind), f'template(name="{name}_json" type="list") {{\n']
            parts += ['property(name="$!all-json-plain") constant(value="\\n") }\n']
            parts += [f'ruleset(name="{name}_destination") {{\n']
            parts += [f'action(type="omfile" file="{self.output(kind)}" template="{name}_json") }}\n']
        (self.folder / "rsyslog.conf").write_text("".join(parts))

    def command(self) -> list[str]:
        return [self.program, "-n", "-f", f"{self.folder}/rsyslog.conf", "-i", f"{self.folder}/pid"]

    def lines(self, kind: Format) -> list[Line]:
        return [line_of(fields, kind) for fields in self.documents(self.output(kind))]


class SyslogNg(Shipper):
    name = "syslog-ng"

    def prepare(self) -> None:
        parts = ["@version: 3.38\n"]
        for kind in self.paths:
            template = "$(format-json task.* --shift-levels 1 --pair date=$ISODATE)\\n"
            parts += [self.source(kind), f"destination {self.identifier(kind)}_destination {{\n"]
            parts += [f'file("{self.output(kind)}" template("{template}") frac-digits(6)); }};\n']
        (self.folder / "syslog-ng.conf").write_text("".join(parts))

    def command(self) -> list[str]:
        files = [f"--{name}={self.folder}/{name}" for name in ("control", "pidfile", "persist-file")]
        return [self.program, "-F", "--no-caps", "--stderr", "-f", f"{self.folder}/syslog-ng.conf", *files]

    def lines(self, kind: Format) -> list[Line]:
        found = []
        for fields in self.documents(self.output(kind)):
            line = line_of(fields, kind)
            assert line.time in (None, datetime.fromisoformat(fields["date"]))
            found.append(line)
        return found


class Filebeat(Shipper):
    name = "filebeat"
    finishes_moved_files = True

    def prepare(self) -> None:
        (self.folder / "data").mkdir()
        inputs = [self.source(kind).partition("filebeat.inputs:")[2] for kind in self.paths]
        end = f"output.file: {{path: {self.folder}, filename: out, permissions: 0644}}\n"
        end += "queue.mem: {flush.min_events: 1, flush.timeout: 0s}\n"
        configuration = self.folder / "filebeat.yml"
        configuration.write_text(f"filebeat.inputs:\n{''.join(inputs)}\n{end}")
        configuration.chmod(0o600)

    def command(self) -> list[str]:
        folders = ["--path.home", str(self.folder), "--path.data", f"{self.folder}/data"]
        return [self.program, "-e", "-c", f"{self.folder}/filebeat.yml", *folders]

    def first_fields(self) -> dict[str, Any]:
        (path,) = self.folder.glob("out*.ndjson")
        return next(it["task"] for it in self.documents(path) if it["log"]["file"]["path"] == str(self.paths["json"]))

    def lines(self, kind: Format) -> list[Line]:
        found = []
        # A new file for each start.
        for path in self.folder.glob("out*.ndjson"):
            for document in self.documents(path):
                if document["log"]["file"]["path"] == str(self.paths[kind]):
                    line = line_of(document["task"], kind)
                    if line.time is not None:
                        shown = line.time.isoformat(timespec="milliseconds")[:23]
                        assert document["@timestamp"] == f"{shown}Z"
                    found.append(line)
        return found


_SEVERITIES: dict[Format, dict[str | None, int]] = {
    "text": {None: 0, "running": 9, "success": 9, "failed": 17},
    "json": {"info": 9, "success": 10, "warning": 13, "error": 17},
}
"""OpenTelemetry's numbers: by the status of a text line, and by the level of a JSON line."""


class Collector(Shipper):
    name = "otel-collector"
    keeps_position = False  # this build has no file_storage
    times_separators = False

    def prepare(self) -> None:
        self._received: list[dict[str, Any]] = []
        self._server = OtlpServer(self._received.append)
        parts = []
        for kind in self.paths:
            text = self.source(kind)
            receiver = text[text.index("receivers:") + len("receivers:") : text.index("extensions:")]
            parts.append("".join(line for line in receiver.splitlines(True) if "file_storage" not in line))
        names = ", ".join(f"filelog/{self.identifier(kind).rstrip(':')}" for kind in self.paths)
        (self.folder / "collector.yaml").write_text(
            f"receivers:\n{''.join(parts)}\n"
            f"exporters:\n  otlphttp: {{endpoint: '{self._server.url}', encoding: json, compression: none}}\n"
            "service:\n  telemetry: {metrics: {level: none}}\n"
            f"  pipelines:\n    logs: {{receivers: [{names}], exporters: [otlphttp]}}\n"
        )

    def identifier(self, kind: Format) -> str:
        text = self.source(kind)
        return text[text.index("filelog/taskflow_") + len("filelog/") :].split(":")[0]

    def command(self) -> list[str]:
        return [self.program, "--config", f"{self.folder}/collector.yaml"]

    def close(self) -> None:
        self.stop()
        self._server.close()

    def first_fields(self) -> dict[str, Any]:
        records = [values_of(record["attributes"]) for record in self._received]
        return next(fields for fields in records if fields["log.file.name"] == self.paths["json"].name)

    def lines(self, kind: Format) -> list[Line]:
        found = []
        for record in list(self._received):
            fields = {item["key"]: next(iter(item["value"].values())) for item in record["attributes"]}
            if fields["log.file.name"] != self.paths[kind].name:
                continue
            line = line_of(fields, kind)
            severity = _SEVERITIES[kind][line.status if kind == "text" else fields["level"]]
            assert record.get("severityNumber", 0) == severity
            if "timeUnixNano" in record:
                seconds, nanoseconds = divmod(int(record["timeUnixNano"]), 1_000_000_000)
                time = datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=nanoseconds // 1000)
                line = line._replace(time=time)
            found.append(line)
        return found


class TailF(Shipper):
    """``tail -F``, which forwards lines unchanged; our reader parses them."""

    name = "tail -F"
    keeps_position = False
    times_separators = False

    def start(self) -> None:
        self._processes = []
        for kind, path in self.paths.items():
            with self.output(kind).open("ab") as output, (self.folder / "stderr").open("ab") as stderr:
                command = [self.program, "-n", "+1", "-F", str(path)]
                self._processes.append(subprocess.Popen(command, stdout=output, stderr=stderr))

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(30)
        self._processes = []

    def lines(self, kind: Format) -> list[Line]:
        texts = self.output(kind).read_text().splitlines(keepends=True) if self.output(kind).exists() else []
        parsed = [reader.parse(text) for text in texts if text.endswith("\n")]
        assert None not in parsed
        return [Line(x.time, x.task_id, x.func_name, x.status, x.attempt, x.message) for x in parsed if x]


SHIPPERS: dict[str, type[Shipper]] = {
    "rsyslogd": Rsyslog,
    "syslog-ng": SyslogNg,
    "filebeat": Filebeat,
    "otelcol": Collector,
    "tail": TailF,
}
"""The shippers that the tests run, by the name of the program."""


def value_of(value: dict[str, Any]) -> Any:
    """Return the value of an OTLP AnyValue: in JSON its integers are text, and some doubles look like integers."""
    if not value:
        return None
    [(kind, content)] = value.items()
    if kind == "kvlistValue":
        return values_of(content["values"])
    if kind == "arrayValue":
        return list(map(value_of, content["values"]))
    return {"intValue": int, "doubleValue": float}.get(kind, lambda it: it)(content)


def values_of(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: value_of(pair["value"]) for pair in pairs}


class OtlpServer:
    """A receiver for an OTLP exporter that sends JSON over HTTP: log records, each with its resource."""

    def __init__(self, receive: Callable[[dict[str, Any]], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in request["resourceLogs"]:
                    for scope in resource["scopeLogs"]:
                        for record in scope["logRecords"]:
                            receive({**record, "resource": resource["resource"]})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
