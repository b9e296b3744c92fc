"""Tasks that use the standard library's logging: their records go to loguru, and so to the task.

uvicorn --app-dir examples stdlib_logging:app

The handler is the InterceptHandler of loguru's documentation ("Entirely compatible with standard logging").
"""

import logging
import sys
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from loguru import logger

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, capture

if TYPE_CHECKING:
    from loguru import Record


class InterceptHandler(logging.Handler):
    """Turn each record of the standard library into a loguru record."""

    def emit(self, record: logging.LogRecord) -> None:
        def name_origin(made: "Record") -> None:
            made.update({"name": record.name, "function": record.funcName, "line": record.lineno})

        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        logger.patch(name_origin).opt(exception=record.exc_info).log(level, record.getMessage())


logging.basicConfig(handlers=[InterceptHandler()], level=logging.INFO)
logger.remove()
logger.add(sys.stdout, format="{level} | {name} | {message}")
capture()

task_manager = TaskManager(loggers=[FileLogger("demo/tasks.log", log_lifecycle=True)])
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def import_rows(count: int) -> None:
    log = logging.getLogger("shop.import")
    log.info("Importing %d rows", count)
    try:
        1 / count
    except ZeroDivisionError:
        log.exception("Nothing to import")


@app.post("/imports/{count}")
def start_import(count: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(import_rows, count))
