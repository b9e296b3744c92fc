"""Several observers at once: each gets every event, and shows its part.

uvicorn --app-dir examples several_observers:app
"""

from collections import Counter
from typing import Any

from fastapi import Depends, FastAPI
from fastapi_taskflow import LifecycleEvent, TaskObserver, TaskStatus

from taskflow_loguru import FileLogger, StdoutLogger, TaskAdmin, TaskManager, detailed_line, task_log


class FailureCounter(TaskObserver):
    """An observer of your own: fastapi-taskflow calls it like ours."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: Counter[str] = Counter()

    async def on_lifecycle(self, event: LifecycleEvent) -> None:
        if event.status is TaskStatus.FAILED:
            self.failures[event.func_name] += 1


failure_counter = FailureCounter()
task_manager = TaskManager(
    loggers=[
        FileLogger("demo/tasks.log", format=detailed_line, log_lifecycle=True),
        FileLogger("demo/errors.log", format=detailed_line, log_lifecycle=True, min_level="error"),
        StdoutLogger(format=detailed_line, min_level="warning"),
        failure_counter,
    ],
)
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def import_rows(count: int) -> None:
    task_log(f"Importing {count} rows")
    if not count:
        task_log("There are no rows", level="warning")
        raise ValueError("no rows")


@app.post("/imports/{count}")
def start_import(count: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(import_rows, count))


@app.get("/failures")
def failures() -> dict[str, int]:
    return failure_counter.failures
