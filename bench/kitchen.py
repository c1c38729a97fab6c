"""The kitchen's everyday: a machine, a converge, one changed line, a whole test, eight machines.

    scripts/bench kitchen [--json] [--driver NAME]... [--rounds N] [--image] [--alone] [--write]

Everything is the command as a user types it, from its start to its end, on examples/thena-infra
(PostgreSQL, nginx, uWSGI and a deployed app).  A round makes everything once; medians are shown.
Packages and images are there, but for ``image_s`` with ``--image``.  The peers do what the inner
loop does, without its checks, on the same machine.  Ends with status 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from parts import kitchenpage, machine
from parts.kitchenbars import missed
from parts.kitchenpeers import Peer, peers

from toque.kitchen import api

EXAMPLES = Path(__file__).parents[1] / "examples"
TEMPLATE = "thena_infra/templates/site.conf.j2"
LINE = "# round {}\n"
EIGHT = "\n".join(f"[platforms.p{number}]\nrelease = 'bookworm'" for number in range(8))


@dataclass(frozen=True)
class Here:
    """Both examples in a folder of their own, and a kitchen of the benchmark's."""

    folder: Path
    driver: str

    @property
    def infra(self) -> Path:
        return self.folder / "thena-infra"

    @property
    def environ(self) -> Mapping[str, str]:
        """As a user has it: compiled modules are kept, and our tests' own pytest plugin, which
        imports Hypothesis at the end of each run, is not there."""
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {
            **kept,
            "TOQUE_KITCHEN_DIR": str(machine.STATE),
            "PYTHONPYCACHEPREFIX": str(machine.PYCACHE),
            "PYTEST_ADDOPTS": "-p no:hypothesispytest",
            "NO_COLOR": "1",
        }

    @property
    def kitchen(self) -> api.Kitchen:
        return api.Kitchen.from_environment(self.environ)

    def toque(self, *words: str, at: Path | None = None) -> float:
        """Seconds of ``toque kitchen WORDS``."""
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "toque", "kitchen", *words],
            cwd=at or self.infra, env=dict(self.environ), capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {(done.stdout + done.stderr)[-3000:]}")
        return time.perf_counter() - began

    def ssh(self, name: str) -> float:
        """Seconds of a cold ``ssh NAME true``."""
        found = api.find(self.kitchen, name)
        known = self.folder / "known_hosts"
        where = found.address if found.ssh_port == 22 else f"[{found.address}]:{found.ssh_port}"
        known.write_text(f"{where} {found.host_key}\n")
        argv = ["ssh", "-F", "/dev/null", "-T", "-o", "BatchMode=yes", "-i", str(found.key)]
        argv += ["-o", f"UserKnownHostsFile={known}", "-p", str(found.ssh_port)]
        began = time.perf_counter()
        subprocess.run([*argv, f"{found.user}@{found.address}", "true"], check=True)
        return time.perf_counter() - began


def main() -> int:
    asked = arguments()
    found: dict[str, Any] = {}
    with machine.alone():
        for driver in asked.driver or ["nspawn", "chroot", "qemu"]:
            with here(driver) as place:
                verdict = place.kitchen.drivers.verdict(driver)
                if not verdict.works:
                    say(f"{driver} does not work here: {verdict.reason}")
                    continue
                rounds = [one_round(place, number) for number in range(asked.rounds)]
                result = {name: round(median(r[name] for r in rounds), 2) for name in rounds[0]}
                if asked.image:
                    result["image_s"] = round(image(place), 1)
                if not asked.alone and driver == "nspawn":
                    result["peers"] = beside(place)
                found[driver] = result
                print(f"{driver}  {json.dumps(result)}", flush=True)
    machine.forget_byte_code()
    found["missed"] = missed(found)
    for text in found["missed"]:
        say(f"missed: {text}")
    if asked.write:
        kitchenpage.write(found, asked.rounds)
    if asked.json:
        print(json.dumps(found))
    return 1 if found["missed"] else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench kitchen", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.add_argument("--driver", action="append", help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="new machines each (3)")
    parser.add_argument("--image", action="store_true", help="build an image, too")
    parser.add_argument("--alone", action="store_true", help="without the other tools")
    parser.add_argument("--write", action="store_true", help="rewrite docs/bench-kitchen.md")
    return parser.parse_args()


@contextmanager
def here(driver: str) -> Iterator[Here]:
    with tempfile.TemporaryDirectory(prefix="toque-bench-") as folder:
        place = Here(Path(folder), driver)
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".toque")
        for name in ("thena", "thena-infra"):
            shutil.copytree(EXAMPLES / name, place.folder / name, ignore=ignored)
        who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-qm", "one"]):
            subprocess.run(["git", *words], cwd=place.folder / "thena", check=True)
        file = place.infra / "kitchen.toml"
        file.write_text(file.read_text().replace('driver = "auto"', f'driver = "{driver}"'))
        try:
            yield place
        finally:
            for name in place.kitchen.store.names():
                api.destroy(place.kitchen, name)


def one_round(place: Here, number: int) -> dict[str, float]:
    """Everything once, on new machines."""
    name = "thena-infra-default"
    place.toque("destroy")
    found = {"create_s": place.toque("create") + place.ssh(name)}
    found["ssh_true_s"] = place.ssh(name)
    place.toque("destroy")
    found["converge_cold_s"] = place.toque("converge", "--cold")
    place.toque("destroy")
    place.toque("converge")  # keeps the layer, the first time
    place.toque("destroy")
    found["converge_cached_s"] = place.toque("converge")
    place.toque("verify")
    template = place.infra / TEMPLATE
    template.write_text(template.read_text() + LINE.format(number))
    converged = place.toque("converge")
    found["inner_loop_s"] = converged + place.toque("verify")
    found["inner_converge_s"] = converged
    found["test_s"] = place.toque("test")
    if place.driver != "chroot":
        found["machines_8_s"] = eight(place)
    return found


def eight(place: Here) -> float:
    """Eight machines by one command, until each has answered SSH."""
    folder = place.folder / "eight"
    folder.mkdir(exist_ok=True)
    (folder / "kitchen.toml").write_text(
        f'driver = "{place.driver}"\n{EIGHT}\n[suites.default]\nrun = []\n'
    )
    try:
        return place.toque("create", "-c", "8", at=folder)
    finally:
        place.toque("destroy", "-c", "8", at=folder)


def image(place: Here) -> float:
    """A machine where there is no image yet, in a cache of its own."""
    with tempfile.TemporaryDirectory(prefix="toque-bench-cache-") as cache:
        cold = {**place.environ, "TOQUE_CACHE_DIR": cache}
        began = time.perf_counter()
        kitchen = api.Kitchen.from_environment(cold)
        api.create(kitchen, "image", driver=place.driver)
        seconds = time.perf_counter() - began
        api.destroy(kitchen, "image")
        return seconds


def beside(place: Here) -> dict[str, Any]:
    """What other tools take for one changed line on the same machine, without any check."""
    place.toque("converge")
    found = api.find(place.kitchen, "thena-infra-default")
    results = {}
    for peer in peers():
        peer.write(place.folder, found)
        timed(peer, found)  # puts what it wants there, the first time
        times = []
        for number in range(2):
            peer.change(place.folder, number)
            times.append(timed(peer, found))
        results[peer.name] = {"inner_converge_s": round(median(times), 2)}
    return results


def timed(peer: Peer, found: api.Machine) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        list(peer.command), cwd=peer.folder, env=dict(peer.environ), capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{peer.name}: {(done.stdout + done.stderr)[-3000:]}")
    return time.perf_counter() - began


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
