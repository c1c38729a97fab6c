"""Three nodes and a balancer on throwaway machines, and links that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
LONG_S = 60.0
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

[apps.hello.workers.work]
command = ["python", "work.py"]
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


def locked(name: str) -> str:
    """What the example's lock has of a package."""
    lock = (EXAMPLES / "thena" / "requirements.txt").read_text()
    found = re.search(rf"(?m)^{name}==.*\n(?:    .*\n)+", lock)
    assert found is not None
    return found.group(0)


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
        (app / "requirements.txt").write_text(locked("gunicorn"))
        (app / "wsgi.py").write_text(APP)
        (app / "migrate.py").write_text(MIGRATE)
        (app / "work.py").write_text("import signal\n\nsignal.pause()\n")
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

    @contextlib.contextmanager
    def begun(self, *argv: str) -> Iterator[subprocess.Popen[str]]:
        """A command whose output is read as it comes; waited for at the end."""
        command = [sys.executable, "-u", "-m", "toque", *argv]
        with subprocess.Popen(
            command, cwd=self.directory, env=dict(self.environ), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            yield process

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

    def workers(self) -> dict[str, str]:
        """The commit that each node's worker runs with; of all that run, if there are several."""
        script = (
            "for unit in $(systemctl list-units --no-legend --plain --state=running "
            "'hello-*-work-1.service' | cut -d' ' -f1); do "
            "tr '\\0' '\\n' < /proc/$(systemctl show -p MainPID --value $unit)/environ "
            "| grep ^TOQUE_COMMIT= | cut -d= -f2; done"
        )
        return {name: self.sh(name, script) for name in WEB}

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
        """No packet reaches ``node`` for a while, and our connections to it are gone.

        When it is long, new ones are refused at once, so that no test waits for their end.
        """
        interface, address = self._interface(node), self.machines[node].address
        self._interfaces[node] = interface
        subprocess.run(["ip", "link", "set", interface, "down"], check=True)
        if seconds > LONG_S:
            subprocess.run(["ip", "route", "add", "unreachable", address], check=True)
        for pid in _children():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"ssh") and address.encode() in words:
                    os.kill(pid, signal.SIGKILL)
        timer = threading.Timer(seconds, self.join, [node])
        timer.start()
        return timer

    def join(self, node: str) -> None:
        """Its link holds again; one that was not cut is left as it is."""
        if node not in self._interfaces:
            return
        subprocess.run(["ip", "link", "set", self._interfaces.pop(node), "up"], check=True)
        route = ["ip", "route", "del", "unreachable", self.machines[node].address]
        subprocess.run(route, capture_output=True)


def _children() -> list[int]:
    """The processes that this one has started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


# A step of one of a node's runs: the run's number in the deploy, and the step's id without what
# differs from deploy to deploy.
Spot = tuple[int, str]
RELEASE = re.compile(r"[0-9a-f]{12}-[0-9a-f]{6}")


@dataclass
class Cutter:
    """Watches a deploy, and cuts a node's link for ``seconds`` as it comes to a step."""

    fleet: Fleet
    cuts: Mapping[str, Collection[Spot]] = field(default_factory=dict)
    seconds: float = 1.0
    steps: dict[str, list[Spot]] = field(default_factory=dict)  # all, by node and in order
    timers: list[threading.Timer] = field(default_factory=list)
    _runs: Counter[str] = field(default_factory=Counter)

    def of(self, node: str) -> Callable[[Mapping[str, Any]], None]:
        seen = self.steps.setdefault(node, [])

        def watch(event: Mapping[str, Any]) -> None:
            if event.get("type") == "facts":
                self._runs[node] += 1
            # A step that finds all as wanted is told by its outcome alone.
            said = str(event.get("id") or (event.get("outcome") or {}).get("step", ""))
            spot = (self._runs[node], RELEASE.sub("ID", said))
            if not said or spot in seen:
                return
            seen.append(spot)
            if any(map(spot_is(spot), self.cuts.get(node, ()))):
                self.timers.append(self.fleet.cut(node, self.seconds))

        return watch


def spot_is(spot: Spot) -> Callable[[Spot], bool]:
    """Whether a cut means a spot: by its whole id, or by its kind (``current:``)."""
    run, step = spot
    return lambda cut: (
        cut[0] == run and (cut[1] == step or (cut[1].endswith(":") and step.startswith(cut[1])))
    )


def rounds(steps: Mapping[str, Sequence[Spot]]) -> list[dict[str, list[Spot]]]:
    """Every step of any node, cut once: deploys, and what each cuts on which node.

    A run is cut once at most, as each cut of it is waited for longer than the one before.
    """
    made: list[dict[str, list[Spot]]] = []
    for spot in dict.fromkeys(spot for of_one in steps.values() for spot in of_one):
        free = (
            (cuts, node)
            for cuts in made
            for node, has in steps.items()
            if spot in has and all(run != spot[0] for run, _ in cuts[node])
        )
        cuts, node = next(free, ({}, ""))
        if not node:
            cuts, node = {name: [] for name in steps}, next(n for n in steps if spot in steps[n])
            made.append(cuts)
        cuts[node].append(spot)
    return made


def clear(fleet: Fleet) -> None:
    for machine in fleet.machines.values():
        api.destroy(fleet.kitchen, machine.name)
    shutil.rmtree(fleet.directory, ignore_errors=True)
