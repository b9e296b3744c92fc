"""docs/deploy.md, several hosts: one Redis, a file per host, and a centre with every line of all hosts."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi_taskflow import TaskManager

from tests.deploy.fleet import Host, Process, network, redis
from tests.deploy.serving import (
    AN_IMPORT,
    Load,
    client,
    lines_so_far,
    messages_by_task,
    records,
    stop,
)
from tests.hosting import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"


class Fleet:
    """Two hosts, whose apps start and stop, and the centre, to which their rsyslogs send every line."""

    def __init__(self, centre: Host, hosts: dict[str, Host], rsyslogd: str) -> None:
        self._centre = centre
        self._hosts = hosts
        self._rsyslogd = rsyslogd
        self._stack = contextlib.ExitStack()

    def start_collecting(self) -> None:
        places = {"/var/log/hosts": str(self._centre.folder / "hosts")}
        rsyslog = self._centre.rsyslog(self._rsyslogd, "rsyslog-centre.conf", **places)
        self.collecting = self._stack.enter_context(rsyslog)

    def start(self, name: str) -> Process:
        number = list(self._hosts).index(name) + 1
        return self._stack.enter_context(self._hosts[name].app(f"redis://10.231.{number}.1:6379/0"))

    def close(self) -> None:
        self._stack.close()

    def host(self, name: str) -> Host:
        return self._hosts[name]

    def post(self, name: str, route: str, **parameters: str) -> str:
        with client(self._hosts[name].socket) as app:
            answer = app.post(route, params=parameters)
            answer.raise_for_status()
            return str(answer.json())

    def lines_of_host(self, name: str) -> list[str]:
        """Return the lines of the host's own file, which is too small to rotate."""
        return lines_so_far(self._hosts[name].log)

    def messages(self, name: str) -> list[list[str]]:
        """Return the messages of each task that the host has run."""
        return list(messages_by_task([json.loads(line) for line in self.lines_of_host(name)]).values())

    def has_ended(self, name: str, task_id: str) -> bool:
        return any(task_id in line and "-- SUCCESS" in line for line in self.lines_of_host(name))

    def lines_at_centre(self, name: str) -> list[str]:
        return lines_so_far(self.at_centre(name))

    def at_centre(self, name: str) -> Path:
        return self._centre.folder / "hosts" / name / "tasks.jsonl"

    def wait_for_the_centre(self) -> None:
        """Wait until no line is missing at the centre; all tasks must have ended."""
        for name in self._hosts:
            written = set(self.lines_of_host(name))
            wait_until(functools.partial(self._all_arrived, name, written), f"the centre lacks lines of {name}")

    def _all_arrived(self, name: str, written: set[str]) -> bool:
        return written <= set(self.lines_at_centre(name))

    def assert_the_centre_has_every_line_once(self) -> None:
        self.wait_for_the_centre()
        for name in self._hosts:
            assert Counter(self.lines_at_centre(name)) == Counter(self.lines_of_host(name))

    def story(self, task_id: str) -> list[tuple[str, str]]:
        """Return host and message of each line of a task at the centre, by time."""
        found = [record for name in self._hosts for record in records(self.at_centre(name))]
        mine = sorted((record for record in found if record["task_id"] == task_id), key=lambda record: record["time"])
        return [(record["host"], record["message"]) for record in mine]


@pytest.fixture
def fleet(tmp_path: Path, program: Callable[[str], str], as_root: None) -> Iterator[Fleet]:
    ip, rsyslogd = program("ip"), program("rsyslogd")
    centre, *hosts = (Host(ip, name, tmp_path) for name in ("logs", "shop-a", "shop-b"))
    with contextlib.ExitStack() as stack:
        stack.enter_context(network(ip, centre, *hosts))
        stack.enter_context(redis(centre, program))
        fleet = Fleet(centre, {host.name: host for host in hosts}, rsyslogd)
        stack.callback(fleet.close)
        fleet.start_collecting()
        for number, host in enumerate(hosts, 1):
            places = {"/var/log/shop/tasks.jsonl": str(host.log), "logs.example": f"10.231.{number}.1"}
            stack.enter_context(host.rsyslog(rsyslogd, "rsyslog-host.conf", **places))
        yield fleet


def test_a_task_of_a_host_that_stops_goes_on_at_the_next_that_starts(fleet: Fleet, tmp_path: Path) -> None:
    """A SIGTERM leaves unfinished tasks in Redis. The task keeps its id, so grep finds all its lines."""
    first = fleet.start("shop-a")
    task_id = fleet.post("shop-a", "/waits", path=str(tmp_path / "came"))
    wait_until(lambda: "Waiting on shop-a" in "".join(fleet.lines_of_host("shop-a")), "the task did not start")
    stop(first)
    fleet.start("shop-b")
    wait_until(lambda: "Waiting on shop-b" in "".join(fleet.lines_of_host("shop-b")), "the task was not taken over")
    (tmp_path / "came").touch()
    wait_until(lambda: "SUCCESS" in "".join(fleet.lines_of_host("shop-b")), "the task did not end")

    fleet.assert_the_centre_has_every_line_once()
    assert fleet.story(task_id) == [
        ("shop-a", "-- RUNNING"),
        ("shop-a", "Waiting on shop-a"),
        ("shop-b", "-- RUNNING"),
        ("shop-b", "Waiting on shop-b"),
        ("shop-b", "It has come"),
        ("shop-b", "-- SUCCESS"),
    ]
    assert grep_and_sort(fleet.at_centre("shop-a").parents[1], task_id) == fleet.story(task_id)


def grep_and_sort(folder: Path, task_id: str) -> list[tuple[str, str]]:
    """Run the page's command that follows a task, on the files of the centre."""
    found = re.search(r"^grep .+ \| sort$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    command = found[0].replace("3f2a9c1e", task_id[:8]).replace("/var/log/hosts", str(folder))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return [(line["host"], line["message"]) for line in map(json.loads, done.stdout.splitlines())]


def test_a_killed_host_loses_no_line_and_its_tasks_start_nowhere(fleet: Fleet, tmp_path: Path) -> None:
    """After SIGKILL the tasks that ran have no end, even when this or another instance starts."""
    killed, other = fleet.start("shop-a"), fleet.start("shop-b")
    lost = fleet.post("shop-a", "/waits", path=str(tmp_path / "came"))
    with Load(fleet.host("shop-a").socket, threads=2) as load_a, Load(fleet.host("shop-b").socket, threads=2) as load_b:
        load_a.wait_for(50)
        load_b.wait_for(50)
        killed.kill()
        killed.wait()
    (tmp_path / "came").touch()
    stop(other)
    for name in ("shop-b", "shop-a"):
        fleet.start(name)
        task_id = fleet.post(
            name, "/waits", path=str(tmp_path / "came")
        )  # starts later than any task that was requeued
        wait_until(functools.partial(fleet.has_ended, name, task_id), "the task did not end")

    fleet.assert_the_centre_has_every_line_once()
    assert fleet.story(lost) == [("shop-a", "-- RUNNING"), ("shop-a", "Waiting on shop-a")]
    of_a, of_b = (messages_by_task(records(fleet.at_centre(name))) for name in ("shop-a", "shop-b"))
    assert [of_b[task_id] for task_id in load_b.answered] == [AN_IMPORT] * len(load_b.answered)
    for task_id in load_a.answered:  # complete, or cut off by the kill
        assert of_a.get(task_id, []) == AN_IMPORT[: len(of_a.get(task_id, []))]


@pytest.mark.skipif(not hasattr(TaskManager, "schedule_once"), reason="this fastapi-taskflow has no schedule_once()")
def test_scheduled_tasks_of_a_killed_host_run_once_on_another(fleet: Fleet) -> None:
    killed = fleet.start("shop-a")
    fleet.post("shop-a", "/later/2", seconds="3", key="nightly")
    killed.kill()
    killed.wait()
    fleet.start("shop-b")
    scheduled = ["-- RUNNING", "Row 0", "Row 1", "-- SUCCESS"]
    wait_until(lambda: scheduled in fleet.messages("shop-b"), "the import did not run")
    fleet.assert_the_centre_has_every_line_once()
    assert fleet.messages("shop-a") + fleet.messages("shop-b") == [scheduled]


def test_a_centre_that_was_away_gets_the_lines_logged_meanwhile(fleet: Fleet) -> None:
    """RELP delivers at least once: lines in transit can arrive twice if the connection breaks."""
    fleet.start("shop-a")
    fleet.collecting.terminate()
    fleet.collecting.wait()
    with Load(fleet.host("shop-a").socket) as load:
        load.wait_for(100)
    fleet.start_collecting()
    fleet.wait_for_the_centre()
    assert set(fleet.lines_at_centre("shop-a")) == set(fleet.lines_of_host("shop-a"))
    assert set(load.answered) <= messages_by_task(records(fleet.at_centre("shop-a"))).keys()
