"""One file per worker, named by an environment variable.

WORKER=1 uvicorn --app-dir examples file_per_worker:app --port 8001
WORKER=2 uvicorn --app-dir examples file_per_worker:app --port 8002

This is a matter of taste, or of your log shipper: workers can also share one file, and rotate it,
without losing or mixing a line. The variable is set by the program that starts the workers:
``Environment=WORKER=%i`` in a systemd template unit, a pod's own name in Kubernetes.
"""

import os
from typing import Any

from fastapi import Depends, FastAPI

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, detailed_line, task_log

WORKER = os.environ["WORKER"]

task_manager = TaskManager(loggers=[FileLogger(f"demo/tasks-{WORKER}.log", format=detailed_line, log_lifecycle=True)])
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def greet(name: str) -> None:
    task_log(f"Hello {name}, this is worker {WORKER}")


@app.post("/greetings/{name}")
def start_greeting(name: str, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(greet, name))
