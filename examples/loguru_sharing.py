"""One log for a loguru app and its tasks: each line of either is in both places, once.

uvicorn --app-dir examples loguru_sharing:app
"""

import sys
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from fastapi_taskflow import get_task_context
from loguru import logger

from taskflow_loguru import FileLogger, LoguruLogger, TaskAdmin, TaskManager, capture, detailed_line, task_log

if TYPE_CHECKING:
    from loguru import Record


def has_no_task(record: "Record") -> bool:
    """Reject the records of tasks: the FileLogger has already written them."""
    return "task_id" not in record["extra"] and get_task_context() is None


file_logger = FileLogger("demo/tasks.log", format=detailed_line, log_lifecycle=True)

# At the top of the module, so that worker processes call it too; after remove(), which would undo it.
logger.remove()
logger.add(sys.stdout, format="{level} | {function} | {message}")
logger.add(file_logger.sink, format=detailed_line, filter=has_no_task)
capture()

task_manager = TaskManager(loggers=[file_logger, LoguruLogger()])
app = FastAPI()
TaskAdmin(app, task_manager)


def charge(order: int) -> None:
    """Any code of the app; it does not know about tasks."""
    logger.bind(order=order).info("Charging order {}", order)


@task_manager.task()
def fulfil(order: int) -> None:
    task_log(f"Fulfilling order {order}")
    charge(order)
    try:
        raise ConnectionError("the printer is off")
    except ConnectionError:
        logger.exception("No label")


@app.post("/orders/{order}")
def place_order(order: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    logger.info("Order {} placed", order)
    return str(tasks.add_task(fulfil, order))
