"""A request id on every line of the tasks that the request starts, and in the app's own records.

uvicorn --app-dir examples request_ids:app
curl -X POST -H 'X-Request-ID: 7f3c' http://127.0.0.1:8000/orders/42
taskflow-loguru lines demo/tasks.jsonl --tag request_id=7f3c
"""

import sys
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from fastapi import Depends, FastAPI, Request
from loguru import logger

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, detailed_line, json_line, task_context, task_log

request_id: ContextVar[str] = ContextVar("request_id")

logger.remove()
logger.configure(extra={"tags": {}}, patcher=task_context)
logger.add(sys.stdout, format="{level} | {message} | {extra[tags]}")

task_manager = TaskManager(
    loggers=[
        FileLogger("demo/tasks.log", format=detailed_line, log_lifecycle=True),
        FileLogger("demo/tasks.jsonl", format=json_line, log_lifecycle=True),
    ]
)
app = FastAPI()
TaskAdmin(app, task_manager)


@app.middleware("http")
async def identify(request: Request, call_next: Any) -> Any:
    """Take the id from the request, or make one; the client gets it back."""
    request_id.set(request.headers.get("x-request-id", "")[:64] or uuid4().hex)
    response = await call_next(request)
    response.headers["x-request-id"] = request_id.get()
    return response


@task_manager.task(retries=1)
def fulfil(order: int) -> None:
    task_log("Fulfilling", order=order)
    logger.info("Charging order {}", order)
    if order == 0:
        raise ValueError("no such order")


@app.post("/orders/{order}")
def place_order(order: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(fulfil, order, tags={"request_id": request_id.get()}))
