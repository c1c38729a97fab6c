"""Toque and the floor on a scene, as things to time."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from toque import bootstrap
from toque.adapters import shipping
from toque.usecases import setup as usecase

from . import machine, project
from .machine import Bench, Command, Cost, timed
from .scene import Scene

TOQUE = (sys.executable, "-m", "toque")
FLOOR = (Path(__file__).parent / "floor.py").read_text(encoding="ascii")
COOKBOOK = {
    "W1": "bench_w1",
    "W2": "bench_w2",
    "W3": "bench_w3",
    "W4": "bench_w2",
    "W5": "bench_w2",
}


def toque(scene: Scene) -> Cost:
    """The command line from its start to its end; ``output`` is its JSON."""
    target = project.LAYER if len(scene.benches) > 1 else scene.benches[0].name
    argv = [*TOQUE, "converge", target, COOKBOOK[scene.workload], "--json"]
    return timed(scene.benches, [Command(argv, cwd=scene.folder)])


def changed(cost: Cost) -> int:
    """How many steps Toque says it changed, on all nodes."""
    outcomes = [o for n in json.loads(cost.output)["nodes"] for o in n["report"]["outcomes"]]
    return sum(1 for outcome in outcomes if outcome["status"] == "changed")


def use_case(scene: Scene) -> Cost:
    """The converge alone, in this process: Python is started and Toque imported already."""
    (bench,) = scene.benches
    found = bootstrap.open_project(scene.folder)
    time.sleep(machine.SETTLE_S)
    node, client = bench.cpu(), _own_cpu()
    started = time.perf_counter()
    place = bootstrap.connect(found.node(bench.name), found.directory)
    usecase.setup(
        bootstrap.open_site(found), place, only=[COOKBOOK[scene.workload]], watch=lambda event: None
    )
    wall = time.perf_counter() - started
    client = _own_cpu() - client
    time.sleep(machine.SETTLE_S)
    return Cost(wall, bench.cpu() - node, client, "")


def _own_cpu() -> float:
    """Seconds of this process and of the ssh clients it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


def ssh_true(scene: Scene) -> Cost:
    return timed(scene.benches, [Command([*bench.ssh, "true"]) for bench in scene.benches])


def floor(scene: Scene) -> Cost:
    """The least that looks at the same things; for W3, one ``apt-get install``."""
    if scene.workload == "W3":
        remote = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "
        remote += " ".join(scene.packages)
    else:
        remote = "python3 -I -S -c " + "'" + FLOOR.replace("'", "'\\''") + "'"
    stdin = scene.plain()
    return timed(scene.benches, [Command([*b.ssh, remote], stdin) for b in scene.benches])


def wrong(scene: Scene) -> list[str]:
    """What the floor's script finds wrong on the machines, looking from inside."""
    look = ("python3", "-I", "-S", "-c", FLOOR)
    return [
        thing for b in scene.benches for thing in json.loads(b.inside(*look, stdin=scene.plain()))
    ]


def plan_1000(scene: Scene) -> float:
    """Wall seconds of ``toque plan`` for 1,000 files that are all to be made, diffs printed."""
    (bench,) = scene.benches
    bench.inside("sh", "-c", "rm -f /srv/bench/w1/*/*.conf")
    argv = [*TOQUE, "plan", bench.name, COOKBOOK["W1"]]
    cost = timed(scene.benches, [Command(argv, cwd=scene.folder)])
    assert cost.output.count("~ file:/srv/bench/w1/") == 1000, cost.output[-500:]
    return cost.wall_s


START = """
import json, resource, subprocess, sys
argv, header = json.load(sys.stdin)
subprocess.run(argv, input=header.encode(), stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def runtime_start(bench: Bench) -> float:
    """CPU seconds on a node until its program waits for an order, Python's own start included."""
    runtime = shipping.runtime()
    header = {"runtime": runtime.sha256, "size": len(runtime.data), "argv": ["apply"]}
    wanted = [list(shipping.python_command()), json.dumps(header) + "\n"]
    return float(bench.inside("python3", "-c", START, stdin=json.dumps(wanted).encode()))
