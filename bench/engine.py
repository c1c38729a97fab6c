"""The engine on work that is done already, beside the least that looks at the same things.

    scripts/bench engine [--json] [--only W2] [--rounds N] [--write]

W1 is 1,000 files, W2 100 mixed resources, both already right; W5 is W2 with one nginx site file
wrong: put right, nginx reloaded.  Every round runs everything once, one after another, so that a
busy moment of this host hits all alike.  `--write` puts table and plot into docs/bench.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from parts import machine, page, project
from parts.machine import Bench, Cost

from toque import bootstrap
from toque.node.model import Report
from toque.usecases import setup as usecase

TOQUE = (sys.executable, "-m", "toque")
FLOOR = (Path(__file__).parent / "parts" / "floor.py").read_text(encoding="ascii")
SITE = "/etc/nginx/sites-available/bench"
COOKBOOK = {"W1": "bench_w1", "W2": "bench_w2", "W5": "bench_w2"}


@dataclass
class Series:
    """What the runs of one tool cost; ``sessions`` of one run."""

    costs: list[Cost] = field(default_factory=list)
    sessions: int = 0

    @property
    def wall_s(self) -> float:
        return round(median(cost.wall_s for cost in self.costs), 3)

    @property
    def node_cpu_s(self) -> float:
        return round(median(cost.node_cpu_s for cost in self.costs), 3)

    @property
    def client_cpu_s(self) -> float:
        return round(median(cost.client_cpu_s for cost in self.costs), 3)


@dataclass(frozen=True)
class Arena:
    """The machine, the project that converges it, and the workload."""

    bench: Bench
    directory: Path
    workload: str
    steps: bytes

    def ssh_true(self) -> Cost:
        return self.bench.timed([*self.bench.ssh, "true"])

    def floor(self) -> Cost:
        remote = "python3 -I -S -c " + "'" + FLOOR.replace("'", "'\\''") + "'"
        cost = self.bench.timed([*self.bench.ssh, remote], stdin=self.steps)
        self.expect(len(json.loads(cost.output)), "the floor's script")
        return cost

    def toque(self) -> Cost:
        """The command line from its start to its end."""
        argv = [*TOQUE, "converge", project.NODE, COOKBOOK[self.workload], "--json"]
        cost = self.bench.timed(argv, cwd=self.directory)
        report = json.loads(cost.output)["nodes"][0]["report"]
        changed = [o["step"] for o in report["outcomes"] if o["status"] == "changed"]
        self.expect(len(changed), "toque")
        return cost

    def use_case(self) -> Cost:
        """The same without starting Python and importing ourselves: the converge alone."""
        time.sleep(machine.SETTLE_S)
        node = self.bench.cpu()
        client = time.process_time()
        started = time.perf_counter()
        report = self.converge(COOKBOOK[self.workload])
        wall = time.perf_counter() - started
        client = time.process_time() - client
        time.sleep(machine.SETTLE_S)
        changed = sum(1 for outcome in report.outcomes if outcome.status.value == "changed")
        self.expect(changed, "the use case")
        return Cost(wall, self.bench.cpu() - node, client, "")

    def converge(self, cookbook: str) -> Report:
        found = bootstrap.open_project(self.directory)
        place = bootstrap.connect(found.node(project.NODE), found.directory)
        return usecase.setup(
            bootstrap.open_site(found), place, only=[cookbook], watch=lambda event: None
        )

    def spoil(self) -> None:
        """Make the nginx site wrong, for W5."""
        if self.workload == "W5":
            self.bench.inside("sed", "-i", "s/200 'bench'/200 'wrong'/", SITE)

    def expect(self, changed: int, who: str) -> None:
        wanted = 1 if self.workload == "W5" else 0
        if changed != wanted:
            raise RuntimeError(f"{self.workload}: {who} put {changed} right, expected {wanted}")
        if self.workload == "W5" and "wrong" in self.bench.inside("cat", SITE):
            raise RuntimeError(f"{self.workload}: {who} left the site wrong")


def main() -> int:
    asked = arguments()
    found: dict[str, dict[str, Any]] = {}
    with machine.machine() as bench, tempfile.TemporaryDirectory(prefix="toque-bench-") as folder:
        directory = project.write(Path(folder), bench)
        say("first converges, which make everything right")
        prepare(bench, directory)
        for workload in asked.only or list(COOKBOOK):
            steps = project.steps(COOKBOOK[workload])
            arena = Arena(bench, directory, workload, steps)
            found[workload] = measured(arena, asked.rounds)
            for line in page.table({workload: found[workload]}):
                print(line)
    if asked.write:
        page.write(found, asked.rounds)
    if asked.json:
        print(json.dumps(found))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench engine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.add_argument("--only", action="append", choices=list(COOKBOOK), help="one workload")
    parser.add_argument("--rounds", type=int, default=5, help="of each, interleaved (5)")
    parser.add_argument("--write", action="store_true", help="rewrite docs/bench.md and its plot")
    return parser.parse_args()


def prepare(bench: Bench, directory: Path) -> None:
    """Bring the machine to the state in which every workload is right."""
    for number in range(10):
        bench.inside("mkdir", "-p", f"/srv/bench/w1/d{number}")
    for cookbook in sorted(set(COOKBOOK.values())):
        report = Arena(bench, directory, "", b"").converge(cookbook)
        say(f"  {cookbook}: {report.changed} changed in {report.seconds:.1f} s")


def measured(arena: Arena, rounds: int) -> dict[str, Any]:
    """Medians of ``rounds`` interleaved rounds."""
    runs: dict[str, Callable[[], Cost]] = {
        "ssh true": arena.ssh_true,
        "floor": arena.floor,
        "toque": arena.toque,
        "use case": arena.use_case,
    }
    series = {name: Series() for name in runs}
    for number in range(rounds + 1):  # the first warms caches on both sides and is not counted
        for name, run in runs.items():
            if name != "ssh true":
                arena.spoil()
            before = arena.bench.sessions() if number == 0 else 0
            cost = run()
            if number == 0:
                series[name].sessions = arena.bench.sessions() - before
            else:
                series[name].costs.append(cost)
    own = dict(rows(series))
    toque, floor = series["toque"], series["floor"]
    return {
        "toque_s": toque.wall_s,
        "use_case_s": series["use case"].wall_s,
        "floor_s": floor.wall_s,
        "ssh_true_s": series["ssh true"].wall_s,
        "node_cpu_s": toque.node_cpu_s,
        "floor_node_cpu_s": floor.node_cpu_s,
        "client_cpu_s": toque.client_cpu_s,
        "round_trips": toque.sessions,
        "times_floor": round(toque.wall_s / floor.wall_s, 2),
        "rows": own,
    }


def rows(series: dict[str, Series]) -> Iterator[tuple[str, dict[str, float]]]:
    for name, one in series.items():
        yield (
            name,
            {
                "wall_s": one.wall_s,
                "node_cpu_s": one.node_cpu_s,
                "client_cpu_s": one.client_cpu_s,
                "sessions": one.sessions,
            },
        )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
