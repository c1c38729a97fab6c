"""Deploys under load: what visitors notice, how long a push takes, how long the way back.

    scripts/bench deploy [--json] [--only uwsgi] [--deploys N] [--write]

For each app server: N deploys under a constant open-loop load, N more under 48 connections at full
speed, with the floor (git fetch, uv sync and the boot of the app by hand, in one cold SSH session)
measured between the first ones, and rollbacks after them.  A deployment by a renamed link and a HUP
runs beside as the peer.  Ends with status 1 when a bar is missed.  ``--write`` makes
docs/bench-deploy.md and its plot.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from parts import deploypage, machine
from parts.deploybars import missed
from parts.shopfront import Shop, open_shop
from parts.traffic import Traffic

from toque.kitchen.load import LoadResult

SERVERS = ("uwsgi", "gunicorn", "granian", "uvicorn")
ASGI = ("granian", "uvicorn")
BY_HAND = (Path(__file__).parent / "parts" / "byhand.py").read_text(encoding="ascii")
FLOORS = 5  # measured for each server, between deploys
ROLLBACKS = 5
BEFORE_S = 5.0  # of load before the first deploy
PEER_PORT = 8090


def main() -> int:
    asked = arguments()
    found: dict[str, Any] = {}
    with (
        machine.alone(),
        tempfile.TemporaryDirectory(prefix="toque-bench-") as folder,
        machine.machines("deploys") as (bench,),
    ):
        shop = open_shop(bench, Path(folder) / "shop")
        origin(shop)
        for server in asked.only or SERVERS:
            found[server] = measured(shop.served_by(server), asked.deploys)
            say(f"{server}: {json.dumps(found[server])}")
            if server == "gunicorn":
                found["peer"] = peer(shop.served_by(server), asked.deploys)
                say(f"peer: {json.dumps(found['peer'])}")
    machine.forget_byte_code()
    found["missed"] = missed(found, whole=not asked.only and asked.deploys >= 25)
    for line in deploypage.table(found):
        print(line)
    for text in found["missed"]:
        say(f"missed: {text}")
    if asked.write:
        deploypage.write(found, asked.deploys)
    if asked.json:
        print(json.dumps(found))
    return 1 if found["missed"] else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench deploy", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.add_argument("--only", action="append", choices=SERVERS, help="one app server")
    parser.add_argument("--deploys", type=int, default=25, help="under each kind of load (25)")
    parser.add_argument("--write", action="store_true", help="rewrite docs/bench-deploy.md")
    return parser.parse_args()


def origin(shop: Shop) -> None:
    """A bare repository on the node, which deploys by hand fetch from."""
    shop.bench.inside("git", "init", "-q", "--bare", "-b", "main", "/srv/byhand-origin.git")
    # It is root's; the deploy user fetches from it.
    shop.bench.inside("git", "config", "--system", "safe.directory", "*")
    shop.git("remote", "add", "node", f"ssh://root@{shop.bench.address}/srv/byhand-origin.git")
    shop.git("config", "core.sshCommand", " ".join(shop.bench.ssh[:-1]))


def measured(shop: Shop, deploys: int) -> dict[str, Any]:
    """One server's object of the last line."""
    say(f"{shop.server}: the first deploy")
    deployed(shop, "the first")
    by_hand(shop, "prepare")
    floors: list[dict[str, float]] = []
    pushes: list[float] = []
    phases = []
    for full in (False, True):
        traffic = Traffic(shop.bench.address, full, websockets=shop.server in ASGI)
        traffic.start()
        before = traffic.warm(BEFORE_S)
        begin = time.monotonic()
        took = []
        for number in range(deploys):
            took.append(deployed(shop, f"{shop.server} {full} {number}"))
            if not full and len(floors) < FLOORS:
                floors.append(floor(shop))
        end = time.monotonic()
        phases.append(phase(traffic, before, (begin, end), took))
        say(f"  {'full speed' if full else 'constant'}: {json.dumps(phases[-1])}")
        if not full:
            pushes = took
    backs = [rolled_back(shop) for _ in range(ROLLBACKS)]
    return {
        **totals(phases),
        "push_to_served_s": middle(pushes),
        "floor_s": middle([sum(one.values()) for one in floors]),
        "floor_parts_s": {name: middle([one[name] for one in floors]) for name in floors[0]},
        "rollback_s": middle(backs),
        "constant": phases[0],
        "full_speed": phases[1],
    }


def deployed(shop: Shop, text: str) -> float:
    """Push a commit; seconds from the start of ``git push`` to its first answer."""
    commit = shop.commit(text)
    began = time.monotonic()
    push = shop.push()
    served = shop.until_served(commit, push=push)
    words, _ = push.communicate(timeout=300)
    if "error" in words or push.returncode != 0:
        raise RuntimeError(f"{shop.server}: {words}")
    return served - began


def floor(shop: Shop) -> dict[str, float]:
    """A commit by hand: seconds of each part; ``ssh_s`` is what is left of the session."""
    commit = shop.commit("by hand")
    shop.git("push", "-q", "--force", "node", "main")
    began = time.monotonic()
    parts = by_hand(shop, "floor", commit)
    wall = time.monotonic() - began
    by_hand(shop, "stop")
    return {**parts, "ssh_s": wall - sum(parts.values())}


def by_hand(shop: Shop, *words: str) -> dict[str, float]:
    """The script of ``parts/byhand.py`` on the node, in one cold session."""
    if words[0] == "prepare":
        shop.git("push", "-q", "--force", "node", "main")
        shop.bench.inside("tee", "/root/byhand.py", stdin=BY_HAND.encode())
    remote = " ".join(["python3", "-I", "/root/byhand.py", *words])
    found: dict[str, float] = json.loads(shop.run([*shop.bench.ssh, remote]).splitlines()[-1])
    return found


def rolled_back(shop: Shop) -> float:
    """Seconds from the start of ``toque rollback`` to the first answer of the release before."""
    commit = shop.git("rev-parse", "HEAD")
    deployed(shop, "to go back from")
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        done = pool.submit(shop.toque, "rollback", "shop")
        seconds = shop.until_served(commit) - began
        done.result()
    shop.git("reset", "-q", "--hard", commit)
    shop.run(["git", "-C", shop.folder / "shop.git", "update-ref", "refs/heads/main", commit])
    return seconds


def peer(shop: Shop, deploys: int) -> dict[str, Any]:
    """Deploys by hand with a renamed link and a HUP, under the same loads."""
    by_hand(shop, "prepare")
    phases, pushes = [], []
    pushed_by_hand(shop, "the peer's first")
    for full in (False, True):
        traffic = Traffic(shop.bench.address, full, websockets=False, port=PEER_PORT)
        traffic.start()
        before = traffic.warm(BEFORE_S)
        begin = time.monotonic()
        took = [pushed_by_hand(shop, f"peer {full} {number}") for number in range(deploys)]
        phases.append(phase(traffic, before, (begin, time.monotonic()), took))
        pushes = pushes or took
    shop.bench.inside("systemctl", "stop", "byhand-peer")
    return {
        **totals(phases),
        "push_to_served_s": middle(pushes),
        "constant": phases[0],
        "full_speed": phases[1],
    }


def pushed_by_hand(shop: Shop, text: str) -> float:
    commit = shop.commit(text)
    began = time.monotonic()
    shop.git("push", "-q", "--force", "node", "main")
    by_hand(shop, "peer", commit)
    served = shop.until_served(commit, PEER_PORT)
    return served - began


Span = tuple[float, float]


def phase(traffic: Traffic, before: Span, during: Span, took: Sequence[float]) -> dict[str, Any]:
    """What visitors noticed under one kind of load, which ends here."""
    results = traffic.stop()
    return {
        **count(results),
        "p99_ms_before": traffic.p99_ms(*before),
        "p99_ms_during": traffic.p99_ms(*during),
        "push_to_served_s": middle(took),
        "failures": [line for result in results for line in result.failures][:20],
    }


def count(results: Sequence[LoadResult]) -> dict[str, int]:
    return {
        name: sum(getattr(result, name) for result in results)
        for name in ("requests", "failed", "truncated")
    }


def totals(phases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Both loads: sums, and the latencies of the constant one, whose requests are due."""
    sums = {name: sum(one[name] for one in phases) for name in ("requests", "failed", "truncated")}
    return {**sums, **{name: phases[0][name] for name in ("p99_ms_during", "p99_ms_before")}}


def middle(values: Sequence[float]) -> float:
    return round(median(values), 3)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
