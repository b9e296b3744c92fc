"""One log for the app and its tasks, for who uses loguru: what either of them logs is in both places, once.

uvicorn --app-dir examples loguru_sharing:app
"""

import sys
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from fastapi_taskflow import get_task_context
from loguru import logger

from taskflow_loguru import FileLogger, LoguruLogger, TaskAdmin, TaskManager, capture, task_line, task_log

if TYPE_CHECKING:
    from loguru import Record


def is_of_no_task(record: "Record") -> bool:
    """What belongs to a task is in the file already: the FileLogger writes it."""
    return "task_id" not in record["extra"] and get_task_context() is None


file_logger = FileLogger("demo/tasks.log", log_lifecycle=True)

# At the top of the module, so that worker processes do it too; after the sinks, since remove() would take it away.
logger.remove()
logger.add(sys.stdout, format="{level} | {function} | {message}")
logger.add(file_logger.sink, format=task_line, filter=is_of_no_task)
capture()

task_manager = TaskManager(loggers=[file_logger, LoguruLogger()])
app = FastAPI()
TaskAdmin(app, task_manager)


def charge(order: int) -> None:
    """Knows nothing of tasks: this could be any code of the app's."""
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
