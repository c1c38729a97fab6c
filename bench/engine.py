"""The engine beside the least that looks at the same things, and beside other tools.

    scripts/bench engine [--json] [--only W2] [--rounds N] [--alone] [--write]

Every round runs everything once, one after another, so that a busy moment of this host hits all
alike.  Slow peers run fewer rounds, and none longer than CAP_S: the result says how many.  Before
it is timed, each tool is seen to put a spoiled file right; afterwards, to leave alone what is
right.  Ends with status 1 when a bar is missed.  ``--write`` makes docs/bench.md and its plot.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from parts import machine, ours, page, project
from parts.bars import missed
from parts.machine import Bench, Cost, timed
from parts.ours import COOKBOOK
from parts.scene import SITE, Scene, steps
from peers import Peer, peers

CAP_S = 90.0
PACKAGES = ("cfengine3", "file")  # what peers need on a node; bundlewrap calls file
EIGHT = tuple(f"bench{number}" for number in range(8))
FIRST = {"W1": "/srv/bench/w1/d0/f0000.conf"}

# Rounds of peers, where not as many as asked for.  One run takes on W1 28 s (bundlewrap) or more
# than CAP_S, on W2 and W5 14 (pyinfra) or 48 (ansible), on W3 10 to 16, on W4 7 to 170.
FEWER = {
    "W1": {"bundlewrap": 1, "pyinfra": 1, "ansible": 1},
    "W2": {"pyinfra": 2, "ansible": 1},
    "W3": {"cfengine": 1, "bundlewrap": 1, "pyinfra": 1, "ansible": 1},
    "W4": {"cfengine": 3, "bundlewrap": 2, "pyinfra": 1, "ansible": 1},
    "W5": {"pyinfra": 2, "ansible": 1},
}


@dataclass(frozen=True)
class Tool:
    """Something to time.  ``changed`` reads what it says it changed, where it says so."""

    name: str
    run: Callable[[Scene], Cost]
    changed: Callable[[Cost], int] | None = None
    rounds: int = 0


@dataclass
class Series:
    """What the runs of one tool cost; ``sessions`` of one run."""

    costs: list[Cost] = field(default_factory=list)
    sessions: int = 0
    capped: bool = False

    def median(self, name: str) -> float:
        return round(median(getattr(cost, name) for cost in self.costs), 3)

    def as_json(self) -> dict[str, Any]:
        names = ("wall_s", "node_cpu_s", "client_cpu_s")
        found: dict[str, Any] = {name: self.median(name) for name in names}
        found |= {"sessions": self.sessions, "rounds": len(self.costs)}
        return found | ({"capped": True} if self.capped else {})


def main() -> int:
    asked = arguments()
    found: dict[str, Any] = {}
    with machine.alone(), tempfile.TemporaryDirectory(prefix="toque-bench-") as folder:
        others = () if asked.alone else peers()
        wanted = asked.only or list(COOKBOOK)
        for workload, result in measured(wanted, others, asked.rounds, Path(folder)):
            found[workload] = result
            if workload in COOKBOOK:
                for line in page.table({workload: result}):
                    print(line, flush=True)
            else:
                print(f"{workload}  {result}", flush=True)
    machine.forget_byte_code()
    found["missed"] = missed(found)
    for text in found["missed"]:
        say(f"missed: {text}")
    if asked.write:
        page.write(found, asked.rounds, CAP_S)
    if asked.json:
        print(json.dumps(found))
    return 1 if found["missed"] else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench engine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.add_argument("--only", action="append", choices=list(COOKBOOK), help="one workload")
    parser.add_argument("--rounds", type=int, default=5, help="of each, interleaved (5)")
    parser.add_argument("--alone", action="store_true", help="without the other tools")
    parser.add_argument("--write", action="store_true", help="rewrite docs/bench.md and its plot")
    return parser.parse_args()


def measured(
    wanted: Sequence[str], others: Sequence[Peer], rounds: int, folder: Path
) -> Iterator[tuple[str, dict[str, Any] | float]]:
    """Each workload with its result, and the two measurements that have no workload."""
    image = (*PACKAGES, *Scene("W2", steps(COOKBOOK["W2"]), (), folder, "").packages)
    single = [workload for workload in ("W1", "W2", "W5") if workload in wanted]
    if single:
        with machine.machines("bench", packages=image) as benches:
            ready(benches, folder, ("W1", "W2"))
            for workload in single:
                scene = scene_of(workload, benches, folder)
                yield workload, compared(scene, others, rounds)
            if "W1" in single:
                scene = scene_of("W1", benches, folder)
                yield "plan_1000_s", middle(lambda: ours.plan_1000(scene), rounds)
            yield "runtime_start_cpu_s", middle(lambda: ours.runtime_start(benches[0]), rounds)
    if "W3" in wanted:
        yield "W3", first_converges(others, rounds, folder)
    if "W4" in wanted:
        with machine.machines(*EIGHT, packages=image) as benches:
            ready(benches, folder, ("W4",))
            yield "W4", compared(scene_of("W4", benches, folder), others, rounds)


def scene_of(workload: str, benches: Sequence[Bench], folder: Path) -> Scene:
    place = folder / "toque"
    return Scene(workload, steps(COOKBOOK[workload]), benches, place, FIRST.get(workload, SITE))


def ready(benches: Sequence[Bench], folder: Path, workloads: Sequence[str]) -> None:
    """Bring machines to the state in which every workload is right."""
    for bench in benches:
        bench.inside("mkdir", "-p", *(f"/srv/bench/w1/d{number}" for number in range(10)))
    project.write(folder / "toque", benches)
    for workload in workloads:
        scene = scene_of(workload, benches, folder)
        cost = ours.toque(scene)
        say(f"  {workload}, first converge: {ours.changed(cost)} changed in {cost.wall_s:.1f} s")


def tools(scene: Scene, others: Sequence[Peer], rounds: int) -> Iterator[tuple[Tool, Scene]]:
    """Everything that is run on a scene, each with a folder of its own."""
    ones = len(scene.benches) == 1
    if ones and scene.workload != "W3":
        yield Tool("ssh true", ours.ssh_true, rounds=rounds), scene
    yield Tool("floor", ours.floor, rounds=rounds), scene
    yield Tool("toque", ours.toque, ours.changed, rounds), scene
    if ones and scene.workload != "W3":
        yield Tool("use case", ours.use_case, rounds=rounds), scene
    for peer in others:
        own = replace(scene, folder=scene.folder.parent / f"{peer.name}-{scene.workload}")
        own.folder.mkdir(parents=True, exist_ok=True)
        count = min(rounds, FEWER[scene.workload].get(peer.name, rounds))
        yield tool_of(peer, count), own


def tool_of(peer: Peer, rounds: int) -> Tool:
    def run(scene: Scene) -> Cost:
        return timed(scene.benches, peer.commands(scene), cap_s=CAP_S)

    return Tool(peer.name, run, lambda cost: peer.changed(cost.output + cost.errors), rounds)


def compared(scene: Scene, others: Sequence[Peer], rounds: int) -> dict[str, Any]:
    """Everything on machines that are right already, or (W5) right but for one file."""
    todo = list(tools(scene, others, rounds))
    for peer, (_, own) in zip(others, todo[len(todo) - len(others) :]):
        peer.write(own)
    series = {tool.name: Series() for tool, _ in todo}
    for tool, own in todo:
        say(f"  {scene.workload}, {tool.name}: puts a spoiled file right")
        before = sum(bench.sessions() for bench in own.benches)
        cost = repaired(tool, own) if tool.name != "ssh true" else tool.run(own)
        series[tool.name].sessions = sum(bench.sessions() for bench in own.benches) - before
        if cost.capped:
            series[tool.name] = Series([cost], series[tool.name].sessions, capped=True)
            ours.toque(replace(scene, folder=scene.folder))  # what it left half done
    for number in range(1, rounds + 1):
        for tool, own in todo:
            if number <= tool.rounds and not series[tool.name].capped:
                say(f"  {scene.workload}, round {number}: {tool.name}")
                spoiled = scene.workload == "W5" and tool.name != "ssh true"
                cost = repaired(tool, own) if spoiled else left(tool, own)
                series[tool.name].costs.append(cost)
                series[tool.name].capped |= cost.capped
    return result(series)


def repaired(tool: Tool, scene: Scene) -> Cost:
    """A run that finds one file wrong: it is right afterwards, and nginx reloaded if it is its."""
    scene.spoil()
    reloads = [bench.reloads() for bench in scene.benches]
    cost = tool.run(scene)
    if cost.capped:
        return cost
    told = 1 if tool.changed is None else tool.changed(cost)
    if told < len(scene.benches) and tool.changed is not None:
        raise RuntimeError(f"{scene.workload}: {tool.name} says it changed {told} things")
    if wrong := ours.wrong(scene):
        raise RuntimeError(f"{scene.workload}: {tool.name} left {wrong[0]} wrong")
    if scene.spoiled in scene.reloads:
        now = [bench.reloads() for bench in scene.benches]
        if any(after <= before for before, after in zip(reloads, now)):
            raise RuntimeError(f"{scene.workload}: {tool.name} did not reload nginx")
    return cost


def left(tool: Tool, scene: Scene) -> Cost:
    """A run that finds all right: it changes nothing."""
    cost = tool.run(scene)
    if not cost.capped and tool.changed is not None and tool.changed(cost):
        raise RuntimeError(f"{scene.workload}: {tool.name} changed what was right")
    return cost


def first_converges(others: Sequence[Peer], rounds: int, folder: Path) -> dict[str, Any]:
    """W3: every run on a machine of its own, which has the packages downloaded and no more."""
    with fresh(folder) as scene:
        scene.benches[0].inside("apt-get", "install", "-y", "-q", "--download-only",
                                "--no-install-recommends", *scene.packages)  # fmt: skip
    by_name = {peer.name: peer for peer in others}
    series: dict[str, Series] = {}
    for number in range(1, rounds + 1):
        with fresh(folder) as scene:
            names = [tool.name for tool, _ in tools(scene, others, rounds) if number <= tool.rounds]
        for name in names:
            with fresh(folder) as scene:
                tool, own = next(t for t in tools(scene, others, rounds) if t[0].name == name)
                if name in by_name:
                    by_name[name].write(own)
                say(f"  W3, round {number}: {name}")
                cost = tool.run(own)
                wrong = ours.wrong(own) if name != "floor" and not cost.capped else []
                if wrong:
                    raise RuntimeError(f"W3: {name} left {wrong[0]} wrong")
                one = series.setdefault(name, Series())
                one.costs.append(cost)
                one.sessions = scene.benches[0].sessions()
                one.capped |= cost.capped
    return result(series)


@contextmanager
def fresh(folder: Path) -> Iterator[Scene]:
    """A bare machine, its Toque project, and W3."""
    with machine.machines("bare", packages=PACKAGES) as benches:
        benches[0].inside("systemctl", "is-system-running", "--wait")
        project.write(folder / "toque", benches)
        yield scene_of("W3", benches, folder)


def result(series: Mapping[str, Series]) -> dict[str, Any]:
    """One workload's object of the last line."""
    rows = {name: one.as_json() for name, one in series.items()}
    ours_names = ("ssh true", "floor", "toque", "use case")
    found: dict[str, Any] = {
        "toque_s": rows["toque"]["wall_s"],
        "floor_s": rows["floor"]["wall_s"],
        "times_floor": round(rows["toque"]["wall_s"] / rows["floor"]["wall_s"], 2),
        "peers": {name: row for name, row in rows.items() if name not in ours_names},
        "node_cpu_s": rows["toque"]["node_cpu_s"],
        "floor_node_cpu_s": rows["floor"]["node_cpu_s"],
        "client_cpu_s": rows["toque"]["client_cpu_s"],
        "round_trips": rows["toque"]["sessions"],
        "rounds": rows["toque"]["rounds"],
        "rows": rows,
    }
    if "use case" in rows:
        found["use_case_s"] = rows["use case"]["wall_s"]
        found["ssh_true_s"] = rows["ssh true"]["wall_s"]
    return found


def middle(measure: Callable[[], float], rounds: int) -> float:
    """The median of some measurements after one that warms the caches."""
    measure()
    return round(median(measure() for _ in range(rounds)), 3)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
