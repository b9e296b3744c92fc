"""The app of docs/deploy.md, configured by environment variables.

INSTANCE    the name of this instance, the ``host`` of its lines; by default the host name
TASK_LOG    the log; by default demo/hosts/INSTANCE/tasks.jsonl; "-" for standard output
LOG_MODE    "rotate" (the default), or "watched" if logrotate moves the file
REDIS_URL   keeps the tasks' history in Redis, which several instances share

uvicorn --app-dir examples/deploy app:app --workers 4
"""

import asyncio
import os
import socket
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from fastapi_taskflow.backends import RedisBackend

from taskflow_loguru import FileLogger, StdoutLogger, TaskAdmin, TaskManager, json_line, task_log

INSTANCE = os.environ.get("INSTANCE") or socket.gethostname()
TASK_LOG = os.environ.get("TASK_LOG", f"demo/hosts/{INSTANCE}/tasks.jsonl")
REDIS_URL = os.environ.get("REDIS_URL")

task_logger: "FileLogger | StdoutLogger"
if TASK_LOG == "-":
    # Container runtimes cut a line of more than 16 KiB into pieces.
    task_logger = StdoutLogger(format=partial(json_line, host=INSTANCE, max_bytes=16_000))
else:
    task_logger = FileLogger(  # type: ignore[call-overload]  # it checks the mode itself
        TASK_LOG,
        mode=os.environ.get("LOG_MODE", "rotate"),
        format=partial(json_line, host=INSTANCE),
        log_lifecycle=True,
    )
task_manager = TaskManager(
    snapshot_backend=RedisBackend(REDIS_URL) if REDIS_URL else None,
    requeue_pending=True,
    loggers=[task_logger],
)
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
async def import_rows(rows: int) -> None:
    for row in range(rows):
        task_log(f"Row {row}")
        await asyncio.sleep(0)  # other tasks run in between


@task_manager.task(requeue_on_interrupt=True)  # it can be run again from its start
async def await_file(path: str) -> None:
    task_log(f"Waiting on {INSTANCE}")
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.05)
    task_log("It has come")


@task_manager.schedule(every=3600)  # on one of the instances; schedule_once() needs at least one schedule
async def check_stock() -> None:
    task_log("All is in stock")


@app.post("/imports/{rows}")
async def start_import(rows: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(import_rows, rows))


@app.post("/waits")
async def start_wait(path: str, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(await_file, path))


@app.post("/later/{rows}")
async def import_later(rows: int, seconds: float, key: str) -> None:
    """Schedule an import in so many seconds, on any instance that is running then."""
    when = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    await task_manager.schedule_once(import_rows, rows, run_at=when, run_key=key)
