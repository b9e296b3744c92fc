"""Hosts as network namespaces, each with its address, host name, rsyslog and app."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.deploy.serving import EXAMPLES, running, wait_until_up
from tests.hosting import wait_until

Process = subprocess.Popen[bytes]


class Host:
    """A network namespace; its name is the host name of its programs."""

    def __init__(self, ip: str, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.namespace = f"{name}-{os.getpid()}"
        self.log = self.folder / "log" / "tasks.jsonl"
        self.socket = self.folder / "app.sock"
        self._ip = ip

    def command(self, *command: str) -> list[str]:
        named = ["sh", "-c", 'hostname "$0" && exec "$@"', self.name, *command]
        return [self._ip, "netns", "exec", self.namespace, "unshare", "--uts", *named]

    @contextlib.contextmanager
    def app(self, redis_url: str) -> Iterator[Process]:
        """Run the app; it is ready when the block begins."""
        self.socket.unlink(missing_ok=True)
        server = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "app:app", "--uds", str(self.socket)]
        command = self.command(*server, "--timeout-graceful-shutdown", "1")
        with running(command, self.folder, TASK_LOG=str(self.log), REDIS_URL=redis_url) as process:
            wait_until_up(self.socket)
            yield process

    @contextlib.contextmanager
    def rsyslog(self, program: str, example: str, **places: str) -> Iterator[Process]:
        """Run rsyslogd with a configuration of ``examples/deploy``, with the paths of this host."""
        text = (EXAMPLES / example).read_text("utf-8")
        for old, new in {"/var/spool/rsyslog": str(self.folder / "spool"), **places}.items():
            assert old in text
            text = text.replace(old, new)
        (self.folder / "spool").mkdir(exist_ok=True)
        configuration = self.folder / "rsyslog.conf"
        configuration.write_text(text, "utf-8")
        checked = subprocess.run(
            [program, "-N1", "-f", str(configuration)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        pid = self.folder / "rsyslog.pid"
        pid.unlink(missing_ok=True)
        with running(self.command(program, "-n", "-f", str(configuration), "-i", str(pid)), self.folder) as process:
            wait_until(pid.exists, "rsyslog did not start")
            yield process


@contextlib.contextmanager
def network(ip: str, centre: Host, *hosts: Host) -> Iterator[None]:
    """Connect each host with the centre by its own cable; host N has 10.231.N.2, the centre 10.231.N.1."""

    def run(*arguments: str) -> None:
        subprocess.run([ip, *arguments], check=True)

    with contextlib.ExitStack() as stack:
        for host in (centre, *hosts):
            run("netns", "add", host.namespace)
            stack.callback(run, "netns", "delete", host.namespace)
            run("-n", host.namespace, "link", "set", "lo", "up")
        for number, host in enumerate(hosts, 1):
            cable = f"to-{number}"
            run(
                *["-n", centre.namespace, "link", "add", cable, "type", "veth"],
                *["peer", "name", "eth0", "netns", host.namespace],
            )
            for place, device, end in ((centre, cable, 1), (host, "eth0", 2)):
                run("-n", place.namespace, "address", "add", f"10.231.{number}.{end}/24", "dev", device)
                run("-n", place.namespace, "link", "set", device, "up")
        yield


@contextlib.contextmanager
def redis(host: Host, program: Callable[[str], str]) -> Iterator[None]:
    """Run a Redis on that host, in memory, for all hosts."""
    server = host.command(
        *[program("redis-server"), "--save", "", "--appendonly", "no", "--protected-mode", "no"],
        *["--bind", "0.0.0.0", "--unixsocket", str(host.folder / "redis.sock")],
    )
    with running(server, host.folder):
        ping = [program("redis-cli"), "-s", str(host.folder / "redis.sock"), "ping"]
        wait_until(lambda: subprocess.run(ping, capture_output=True, check=False).stdout == b"PONG\n", "no Redis")
        yield
