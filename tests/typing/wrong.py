"""Wrong uses of the public surface: a type checker must find an error in each line marked so, and in no other."""

from functools import partial

import taskflow_loguru
from taskflow_loguru import (
    FileLogger,
    LoguruLogger,
    StdoutLogger,
    TaskManager,
    capture,
    ecs_line,
    json_line,
    reader,
    sinks,
    task_log,
)
from taskflow_loguru import Filelogger  # wrong
from taskflow_loguru import Taskmanager  # wrong
from taskflow_loguru import jsonline  # wrong
from taskflow_loguru.formats import tasks_line  # wrong
from taskflow_loguru.reader import tail  # wrong
from taskflow_loguru.sinks import RotatingSink  # wrong

taskflow_loguru.FileLoger("tasks.log")  # wrong
sinks.WatchedSink("tasks.log")  # wrong
reader.parses("a line")  # wrong

FileLogger()  # wrong
FileLogger(3)  # wrong
FileLogger("tasks.log", 1000)  # wrong
FileLogger("tasks.log", max_byte=1000)  # wrong
FileLogger("tasks.log", max_bytes="10 MB")  # wrong
FileLogger("tasks.log", backup_count=None)  # wrong
FileLogger("tasks.log", mode="w")  # wrong
FileLogger("tasks.log", min_level="verbose")  # wrong
FileLogger("tasks.log", min_level=30)  # wrong
FileLogger("tasks.log", log_lifecycle="yes")  # wrong
FileLogger("tasks.log", enqueue=None)  # wrong
FileLogger("tasks.log", format=3)  # wrong
FileLogger("tasks.log", format=lambda: "a line\n")  # wrong
FileLogger("tasks.log", format=partial(ecs_line, service=3))  # wrong
FileLogger("tasks.log", format=partial(json_line, max_byte=1000))  # wrong
FileLogger("tasks.log", filter="send_email")  # wrong
FileLogger("tasks.log", filter=lambda: True)  # wrong
FileLogger("tasks.log", reopen_signal="SIGHUP")  # wrong

StdoutLogger("info")  # wrong
StdoutLogger(min_level="loud")  # wrong
StdoutLogger(filter=json_line)  # wrong
LoguruLogger("INFO")  # wrong
LoguruLogger(min_level="TRACE")  # wrong
LoguruLogger(level="INFO")  # wrong

TaskManager("tasks.db")  # wrong
TaskManager(snapshot_dbb="tasks.db")  # wrong
TaskManager(snapshot_db=3)  # wrong
TaskManager(max_sync_threads="4")  # wrong
TaskManager(loggers=3)  # wrong
TaskManager(log_file=3)  # wrong
TaskManager(log_file="tasks.log", log_file_mode="append")  # wrong
TaskManager(log_file="tasks.log", log_file_max_byte=1000)  # wrong
TaskManager(log_file="tasks.log", log_file_backup_count="5")  # wrong
TaskManager(log_file="tasks.log", log_lifecycle="no")  # wrong

capture("INFO")  # wrong
capture(level=None)  # wrong
capture(level=1.5)  # wrong

task_log(3)  # wrong
task_log("a message", "warning")  # wrong

sinks.RotatingFileSink()  # wrong
sinks.RotatingFileSink("app.log", max_bytes=None, backup_count=5)  # wrong
sinks.RotatingFileSink("app.log", max_bytes=1000, backup_count=5, compression="zip")  # wrong
sinks.RotatingFileSink("app.log", max_bytes=1000, backup_count=5, when="month")  # wrong
sinks.WatchedFileSink(None)  # wrong
sinks.WatchedFileSink("app.log", max_bytes=1000)  # wrong
sinks.BackgroundSink("app.log")  # wrong
sinks.BackgroundSink(sinks.WatchedFileSink("app.log"), max_pending_bytes=1.5)  # wrong

reader.parse(3)  # wrong
reader.parse(b"a line")  # wrong
reader.read(3)  # wrong
reader.follow("tasks.log", stop=True)  # wrong
reader.follow("tasks.log", from_start="no")  # wrong
number: str = capture()  # wrong
