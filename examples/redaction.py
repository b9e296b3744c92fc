"""No secret in the log: a format that masks the record, and then renders it as JSON.

uvicorn --app-dir examples redaction:app
"""

import re
from typing import Any

from fastapi import Depends, FastAPI

from taskflow_loguru import FileLogger, TaskAdmin, TaskManager, task_log
from taskflow_loguru.formats import json_text, line_format

SECRET_NAMES = {"password", "token", "card"}
CARD_NUMBER = re.compile(r"\b\d{12,15}(\d{4})\b")


def masked(value: Any) -> Any:
    """Return *value* with card numbers masked in its text, however deep, and secrets by their name."""
    if isinstance(value, dict):
        return {masked(name): "****" if name in SECRET_NAMES else masked(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    text = str(value)  # a number, or the text of an exception, may be one too
    return CARD_NUMBER.sub(r"****\1", text) if CARD_NUMBER.search(text) else value


@line_format
def masked_json_line(record: Any) -> str:
    """Render a copy of the record: other observers see the original, and the task still uses it."""
    safe: Any = {**record, "message": masked(record["message"]), "extra": masked(record["extra"])}
    return json_text(safe)


task_manager = TaskManager(loggers=[FileLogger("demo/tasks.jsonl", format=masked_json_line, log_lifecycle=True)])
app = FastAPI()
TaskAdmin(app, task_manager)


@task_manager.task()
def charge(card: str) -> None:
    refused = ValueError(f"the bank refuses {card}")
    task_log(f"Charging {card}", card=card, request={"token": "s3cret", "note": f"paid with {card}"})
    task_log("Refused", reason=refused, number=int(card), by_card={card: 1})
    raise refused


@app.post("/charges/{card}")
def start_charge(card: str, tasks: Any = Depends(task_manager.get_tasks)) -> str:
    return str(tasks.add_task(charge, card))
