"""Tasks that use the standard library's logging: what they and their libraries log is in the log of the task too.

uvicorn --app-dir examples stdlib_logging:app
"""

import logging
import sys
from typing import Any

from fastapi import Depends, FastAPI

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, capture_logging, detailed_line

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s | %(name)s | %(message)s")
log = logging.getLogger("shop.import")

# At the top of the module, so that worker processes call it too. In tasks, it also gets what the console leaves out.
capture_logging()
capture_logging("shop", level="DEBUG")

task_manager = TaskManager(
    loggers=[FileLogger("demo/tasks.log", min_level="debug", format=detailed_line, log_lifecycle=True)]
)
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def import_rows(count: int) -> None:
    log.info("Importing %d rows", count)
    log.debug("In steps of 100", extra={"step": 100})
    try:
        1 / count
    except ZeroDivisionError:
        log.exception("Nothing to import")


@app.post("/imports/{count}")
def start_import(count: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(import_rows, count))
