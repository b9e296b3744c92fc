"""One file for tasks that send e-mail, one for all other tasks, and one for the failures of all tasks.

uvicorn --app-dir examples file_per_function:app
"""

from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, detailed_line, task_log

if TYPE_CHECKING:
    from loguru import Record


def is_email(record: "Record") -> bool:
    return record["function"] == "send_email"


def is_not_email(record: "Record") -> bool:
    return not is_email(record)


def is_failure(record: "Record") -> bool:
    """Accept the status of a failed task, and error messages of the task itself."""
    return record["extra"]["status"] == "failed" or record["level"].name == "ERROR"


task_manager = TaskManager(
    loggers=[
        FileLogger("demo/email.log", format=detailed_line, log_lifecycle=True, filter=is_email),
        FileLogger("demo/tasks.log", format=detailed_line, log_lifecycle=True, filter=is_not_email),
        FileLogger("demo/failures.log", format=detailed_line, log_lifecycle=True, filter=is_failure),
    ]
)
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task(retries=1)
def send_email(address: str) -> None:
    task_log(f"Sending to {address}")
    if "@" not in address:
        task_log("This is no address", level="error")
        raise ValueError(address)


@task_manager.task()
def greet(address: str) -> None:
    task_log(f"Hello {address}")


@app.post("/signup/{address}")
def signup(address: str, tasks: Any = Depends(task_manager.get_tasks)) -> list[str]:
    return [tasks.add_task(send_email, address), tasks.add_task(greet, address)]
