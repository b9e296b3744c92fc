"""A shop that does its work after the response: five tasks, one log file.

python examples/quickstart.py            place one order, print the log, end
python examples/quickstart.py --serve    place one order, keep serving with the dashboard until Ctrl-C
"""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI
from fastapi_taskflow import get_task_context

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, detailed_line, task_log

FOLDER = Path("demo")
LOG = FOLDER / "tasks.log"
FOLDER.mkdir(exist_ok=True)
LOG.unlink(missing_ok=True)  # each demo starts with an empty log; an app keeps its own

# -- the app: copy this ----------------------------------------------------------------------------

task_manager = TaskManager(
    snapshot_db=str(FOLDER / "tasks.db"),
    loggers=[FileLogger(LOG, format=detailed_line, log_lifecycle=True)],
)
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def reserve_stock(order: int) -> None:  # a plain def runs in a thread
    task_log(f"Order {order}: 2 items reserved")


@task_manager.task()
async def send_email(order: int) -> None:  # an async def runs in the event loop
    task_log("Connecting to the mail server")
    await asyncio.sleep(0.1)
    task_log(f"Order {order}: confirmation sent")


@task_manager.task(retries=2, delay=0.2)
async def charge_card(order: int) -> None:  # fails twice, then succeeds
    task_log(f"Order {order}: charging the card")
    await asyncio.sleep(0.05)
    context = get_task_context()
    if context and context.attempt < 2:
        task_log("The bank does not answer", level="warning")
        raise TimeoutError("no answer from the bank")


@task_manager.task(retries=1, delay=0.1)
def call_courier(order: int) -> None:  # fails for good
    task_log(f"Order {order}: no courier at this address", level="error")
    raise LookupError(f"no courier for order {order}")


@task_manager.task()
def update_report(order: int) -> None:
    for percent in (50, 100):
        task_log(f"Report {percent} % done")


WORK = (reserve_stock, send_email, charge_card, call_courier, update_report)


@app.post("/orders/{order}")
def place_order(order: int, tasks: Any = Depends(task_manager.get_tasks)) -> list[str]:
    return [tasks.add_task(task, order) for task in WORK]


# -- the demo: serve it, call it, show the file ----------------------------------------------------


async def main(keep_serving: bool) -> None:
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:  # port 0: any free port
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        visit = asyncio.create_task(visit_app(address, server, keep_serving))
        await server.serve(sockets=[listener])
        task_ids = await visit
    if not keep_serving:
        show_log(task_ids)


async def visit_app(address: str, server: uvicorn.Server, keep_serving: bool) -> list[str]:
    try:
        task_ids = await run_order(address)
    except Exception:
        server.should_exit = True
        raise
    if keep_serving:
        print(f"Dashboard: {address}/tasks/dashboard (Ctrl-C ends)")
        print(f"One more:  curl -X POST {address}/orders/43")
        print(f"Follow it: tail -F {LOG}", flush=True)
    else:
        server.should_exit = True
    return task_ids


async def run_order(address: str) -> list[str]:
    """Place an order; return the ids of its tasks when all have ended."""
    async with httpx.AsyncClient(base_url=address) as client:
        response = await client.post("/orders/42")
        response.raise_for_status()
        task_ids: list[str] = response.json()
        unfinished = task_ids
        while unfinished:
            await asyncio.sleep(0.05)
            tasks = (await client.get("/tasks")).json()
            status = {task["task_id"]: task["status"] for task in tasks}
            unfinished = [task_id for task_id in task_ids if status[task_id] in ("pending", "running")]
    return task_ids


def show_log(task_ids: list[str]) -> None:
    print(f"""{LOG.read_text("utf-8")}
The log:   {LOG.absolute()}
Follow it: tail -F {LOG}
One task:  grep -F '[{task_ids[2][:8]}]' {LOG}
One kind:  grep -F '[send_email]' {LOG}
Failures:  grep -e '-- FAILED' {LOG}""")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(keep_serving="--serve" in sys.argv[1:]))
