"""Structured lines: one JSON object per event, and a route that reads them back.

uvicorn --app-dir examples json_lines:app
"""

from typing import Any

from fastapi import Depends, FastAPI

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, json_line, reader, task_log

LOG = "demo/tasks.jsonl"

task_manager = TaskManager(loggers=[FileLogger(LOG, format=json_line, log_lifecycle=True)])
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def resize(image: str, width: int) -> None:
    if width < 1:
        raise ValueError(f"no width: {width}")
    task_log("Resized", image=image, size=(width, width * 3 // 4))


@app.post("/images/{image}/{width}")
def start_resize(image: str, width: int, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(resize, image, width, tags={"image": image}))


@app.get("/failures")
def failures() -> list[dict[str, object]]:
    """Return the failed tasks from the file and its backups, like ``jq 'select(.status == "failed")'``."""
    return [
        {"task_id": line.task_id, "tags": line.tags, "error": line.error, "seconds": line.duration}
        for line in reader.read(LOG)
        if line.status == "failed"
    ]
