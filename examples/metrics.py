"""The state of the log, for Prometheus and for a health check.

``uvicorn examples.metrics:app`` serves ``/metrics`` and ``/health``; ``/health`` answers 503 while the file cannot be
written, or once lines were lost. Needs ``pip install prometheus-client``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from fastapi import Depends, FastAPI, Response
from prometheus_client import CollectorRegistry, make_asgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, detailed_line, task_log

file_logger = FileLogger(
    os.environ.get("TASK_LOG", "tasks.log"), format=detailed_line, log_lifecycle=True, enqueue=True
)
task_manager = TaskManager(loggers=[file_logger])


class TaskLogCollector(Collector):
    """Read the logger's counters at each scrape, so that no line takes longer."""

    def collect(self) -> Iterator[Metric]:
        stats = file_logger.stats()
        yield CounterMetricFamily("task_log_lines", "Lines written.", stats.lines_written)
        yield CounterMetricFamily("task_log_bytes", "Bytes written.", stats.bytes_written)
        yield CounterMetricFamily("task_log_rotations", "Rotations of the file.", stats.rotations)
        yield CounterMetricFamily("task_log_lines_lost", "Lines that fitted neither file nor memory.", stats.lines_lost)
        yield GaugeMetricFamily("task_log_lines_kept", "Lines kept in memory.", stats.lines_kept)
        yield GaugeMetricFamily("task_log_lines_waiting", "Lines that wait for the thread.", stats.lines_waiting)
        yield GaugeMetricFamily("task_log_seconds_failing", "How long writing has failed.", stats.seconds_failing)


registry = CollectorRegistry()
registry.register(TaskLogCollector())

app = FastAPI()
app.mount("/metrics", make_asgi_app(registry))
TaskAdmin(app, task_manager)


@task_manager.task()
def greet(name: str) -> None:
    task_log(f"Hello, {name}")


@app.post("/greet")
def start(name: str, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(greet, name))


@app.get("/health")
def health(response: Response) -> dict[str, Any]:
    stats = file_logger.stats()
    is_well = not stats.seconds_failing and not stats.lines_lost
    response.status_code = 200 if is_well else 503
    return {"log": "written" if is_well else "failing", "lines_kept": stats.lines_kept, "lines_lost": stats.lines_lost}
