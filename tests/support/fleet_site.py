"""Three nodes and a balancer on throwaway machines, and links that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine_site import EXAMPLES, environ_in, kitchen_in, require, toque
from toque.kitchen import api
from toque.kitchen.api import Kitchen
from toque.kitchen.load import Load, LoadPlan, LoadResult
from toque.kitchen.machine import Machine

WEB = ("web1", "web2", "web3")
LB = "lb1"
PROJECT = """\
[stack]
name = "fleet"

[layers.web]
setup = ["python_app", "nginx"]
deploy = ["python_app"]

[layers.lb]
setup = ["balancer"]
configure = ["balancer"]

{nodes}

[apps.hello]
repository = "hello"
layer = "web"
balancer = "lb"
server = "gunicorn"
migrate = ["python", "migrate.py"]
processes = 1
keep = 3
watch_for = 0
"""
APP = """\
import os

def app(environ, start_response):
    text = {"/": "hello\\n"}.get(environ["PATH_INFO"], os.environ["TOQUE_COMMIT"] + "\\n")
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
MIGRATE = """\
import os
with open("/srv/www/hello/shared/migrated", "a") as file:
    file.write(os.environ["TOQUE_COMMIT"] + "\\n")
"""


@dataclass
class Fleet:
    kitchen: Kitchen
    directory: Path
    environ: Mapping[str, str]
    machines: dict[str, Machine]
    edits: int = field(default=0)
    _interfaces: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, directory: Path) -> Fleet:
        kitchen = kitchen_in(folder)
        require(kitchen, "nspawn")
        names = {name: f"fleet-{name}" for name in (*WEB, LB)}
        machines = {n: api.create(kitchen, m, driver="nspawn") for n, m in names.items()}
        fleet = cls(kitchen, directory, environ_in(folder), machines)
        directory.mkdir(parents=True, exist_ok=True)
        nodes = "\n".join(
            f'[nodes.{name}]\naddress = "kitchen:{machine}"\nlayer = "{name.rstrip("123")}"\n'
            for name, machine in names.items()
        )
        (directory / "toque.toml").write_text(PROJECT.format(nodes=nodes))
        app = directory / "hello"
        app.mkdir()
        lock = (EXAMPLES / "thena" / "requirements.txt").read_text()
        wanted = re.findall(r"(?m)^(?:gunicorn|packaging)==.*\n(?:    .*\n)+", lock)
        (app / "requirements.txt").write_text("".join(wanted))
        (app / "wsgi.py").write_text(APP)
        (app / "migrate.py").write_text(MIGRATE)
        fleet.git("init", "-q", "--initial-branch=main")
        fleet.commit()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fleet.ok, [("converge", "web"), ("converge", "lb")]))
        return fleet

    def git(self, *argv: str) -> str:
        who = ["-c", "user.name=Hello", "-c", "user.email=hello@example.invalid"]
        done = subprocess.run(
            ["git", "-C", str(self.directory / "hello"), *who, *argv],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """A commit with these files and a change; its id."""
        self.edits += 1
        for name, text in {"CHANGES": f"{self.edits}\n", **files}.items():
            (self.directory / "hello" / name.replace("_py", ".py")).write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "-m", f"change {self.edits}")
        return self.git("rev-parse", "HEAD")

    def toque(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return toque(argv, self.directory, self.environ)

    def ok(self, argv: tuple[str, ...]) -> str:
        done = self.toque(*argv)
        assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"
        return done.stdout

    def sh(self, node: str, script: str) -> str:
        argv = ["bash", "-c", script]
        done = api.execute(self.kitchen, self.machines[node].name, argv)
        return done.stdout.decode().strip()

    def serves(self) -> dict[str, str]:
        """The commit that each node serves, asked by itself."""
        ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1/version').read().decode())"
        return {name: self.sh(name, f'python3 -c "{ask}"') for name in WEB}

    def units(self) -> dict[str, int]:
        """How many instances of the app run on each node."""
        script = "systemctl list-units --no-legend --state=running 'hello-*' | wc -l"
        return {name: int(self.sh(name, script)) for name in WEB}

    def out(self) -> list[str]:
        """The members that the balancer sends nobody to."""
        text = self.sh(LB, "cat /etc/nginx/sites-enabled/hello")
        return re.findall(r"down;\s+# (\w+)", text)

    @contextlib.contextmanager
    def load(self) -> Iterator[list[LoadResult]]:
        """Visitors of the balancer while the block runs."""
        machine = self.machines[LB]
        load = Load(
            LoadPlan(
                address=machine.address,
                port=machine.ports["http"],
                rate_per_s=40.0,
                expect={"/": r"hello\n", "/version": r"[0-9a-f]{40}\n"},
                max_seconds=300.0,
                allowed=frozenset({machine.address}),
            )
        )
        result: list[LoadResult] = []
        load.start()
        try:
            yield result
        finally:
            result.append(load.stop())

    # --- links ------------------------------------------------------------------------------------

    def _interface(self, node: str) -> str:
        """This host's end of a machine's link."""
        index = self.sh(node, "cat $(ls -d /sys/class/net/* | grep -v /lo$ | head -1)/iflink")
        shown = subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout
        return next(str(one["ifname"]) for one in json.loads(shown) if one["ifindex"] == int(index))

    def cut(self, node: str, seconds: float) -> threading.Timer:
        """No packet reaches ``node`` for a while, and our connections to it are gone."""
        interface, address = self._interface(node), self.machines[node].address
        self._interfaces[node] = interface
        subprocess.run(["ip", "link", "set", interface, "down"], check=True)
        for pid in _children():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"ssh") and address.encode() in words:
                    os.kill(pid, signal.SIGKILL)
        timer = threading.Timer(seconds, self.join, [node])
        timer.start()
        return timer

    def join(self, node: str) -> None:
        """Its link holds again."""
        subprocess.run(["ip", "link", "set", self._interfaces[node], "up"], check=True)


def _children() -> list[int]:
    """The processes that this one has started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


Cuts = Mapping[str, tuple[str, float]]


@dataclass
class Cutter:
    """Watches a deploy and cuts a node's link when it begins a step of a kind."""

    fleet: Fleet
    cuts: Cuts  # by node: the kind of the step, and seconds
    done: list[str] = field(default_factory=list)
    timers: list[threading.Timer] = field(default_factory=list)

    def of(self, node: str) -> Callable[[Mapping[str, Any]], None]:
        def watch(event: Mapping[str, Any]) -> None:
            kind, seconds = self.cuts.get(node, ("none", 0.0))
            # A step that finds all as wanted is told by its outcome alone.
            said = event.get("id") or (event.get("outcome") or {}).get("step", "")
            if str(said).startswith(f"{kind}:") and node not in self.done:
                self.done.append(node)
                self.timers.append(self.fleet.cut(node, seconds))

        return watch


def clear(fleet: Fleet) -> None:
    for machine in fleet.machines.values():
        api.destroy(fleet.kitchen, machine.name)
    shutil.rmtree(fleet.directory, ignore_errors=True)
