"""What another user of a machine sees while something goes on there (SE-4).

``PROGRAM`` runs on the machine, as that user, until ``STOP`` is there: in a loop it reads the
arguments and the environment of every process, every few rounds what ``systemctl show`` says of
all units, and what it may read below ``tops`` and has changed.  It tells where it saw a needle.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from machine_site import Site, until

USER = "nobody"
READY, STOP = "/run/onlooker/ready", "/run/onlooker.stop"
FOUND = "/run/onlooker/found"  # a file for each kind of place where something was found
TOPS = ("/run", "/tmp", "/var/tmp", "/dev/shm", "/var/lib/toque", "/etc", "/srv", "/home")

PROGRAM = r"""
import json, os, stat, subprocess, sys, time
order = json.load(sys.stdin)
needles = {name: text.encode() for name, text in order["needles"].items()}
counts = dict.fromkeys(("samples", "arguments", "environments", "units", "files"), 0)
hits, seen, me = set(), {}, str(os.getpid())
def look(kind, where, data):
    counts[kind] += 1
    for name, needle in needles.items():
        if needle in data:
            hits.add((kind, where, name))
            open(f"{order['found']}/{kind}", "w").close()
def read(path, most=1 << 22):
    with open(path, "rb") as file:
        return file.read(most)
def processes():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name, kind in (("cmdline", "arguments"), ("environ", "environments")):
            try:
                if pid != me:
                    data = read(f"/proc/{pid}/{name}")
                    look(kind, data[:60].decode("utf-8", "replace"), data)
            except OSError:
                pass
def files():
    for top in order["tops"]:
        for folder, below, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                    mark = (status.st_ino, status.st_ctime_ns)
                    if stat.S_ISREG(status.st_mode) and seen.get(path) != mark:
                        look("files", path, read(path))
                        seen[path] = mark
                except OSError:
                    pass
def units():
    said = subprocess.run(["systemctl", "show", "*"], stdout=subprocess.PIPE).stdout
    for unit in said.split(b"\n\n"):
        look("units", unit[:60].decode("utf-8", "replace"), unit)
open(order["ready"], "w").close()
until = time.monotonic() + order["limit_s"]
while not os.path.exists(order["stop"]) and time.monotonic() < until:
    counts["samples"] += 1
    processes()
    if counts["samples"] % 20 == 1:
        files()
    if counts["samples"] % 100 == 1:
        units()
    time.sleep(0.003)
print(json.dumps({"hits": sorted(hits), "counts": counts}))
"""


@contextmanager
def looked_on(
    site: Site, needles: Mapping[str, str], tops: Sequence[str] = TOPS, limit_s: float = 900.0
) -> Iterator[dict[str, Any]]:
    """Looks while the block runs; the dict then holds ``hits`` and ``counts``."""
    seen: dict[str, Any] = {}
    order = {"needles": dict(needles), "tops": list(tops), "ready": READY, "stop": STOP,
             "limit_s": limit_s, "found": FOUND}  # fmt: skip
    site.run(["rm", "-rf", READY, STOP, FOUND])
    site.run(["install", "-d", "-o", USER, "/run/onlooker", FOUND])

    def look() -> None:
        done = site.run(
            ["python3", "-I", "-c", PROGRAM], user=USER, stdin=json.dumps(order).encode()
        )
        seen.update(json.loads(done.stdout))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        until(lambda: site.run(["test", "-e", READY], check=False).returncode == 0)
        yield seen
    finally:
        site.run(["touch", STOP])
        thread.join()
