"""The small process that keeps one podman machine: ``python3 -I podman_keeper.py CONFIG.json``.

It runs on its own, stdlib only, because it must outlive the command that started it.  After every
boot it links the machine to the bridge and gives it its address; it starts the machine again when
that rebooted itself.

    CONFIG.json   {"podman", "name", "link", "bridge", "address", "gateway", "folder"}
    folder/boot.json    written after each boot: {"leader", "boot"}
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

# The status with which a first process ends that called reboot(2): as by SIGHUP, 128 + 1; one that
# powered off ends as by SIGINT (pid_namespaces(7)).
REBOOT = "129"


def main(config: Path) -> int:
    settings = json.loads(config.read_text())
    boot = 1
    while one_boot(settings, boot) == REBOOT:
        boot += 1
    return 0


def one_boot(settings: dict[str, Any], boot: int) -> str:
    """From start to end of one run of the machine; returns its first process's status."""
    podman, name = settings["podman"], settings["name"]
    folder = Path(settings["folder"])
    told([*podman, "start", name])
    leader = int(told([*podman, "inspect", "--format", "{{.State.Pid}}", name]))
    if leader:
        ended = os.pidfd_open(leader)
        attach(leader, settings)
        staged = folder / ".boot.json"
        staged.write_text(json.dumps({"leader": identity(leader), "boot": boot}))
        staged.replace(folder / "boot.json")
        select.select([ended], [], [])
        os.close(ended)
    return told([*podman, "wait", name])


def told(argv: list[str]) -> str:
    """What a program says; its complaints go to this process's log."""
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def attach(leader: int, settings: dict[str, Any]) -> None:
    """A link from the machine's network to the bridge; it goes when either end does."""
    link, inside = settings["link"], ["nsenter", f"--net=/proc/{leader}/ns/net"]
    outside = (
        f"link add {link} type veth peer name host0 netns {leader}\n"
        f"link set {link} master {settings['bridge']} up\n"
    )
    within = (
        "link set lo up\nlink set host0 up\n"
        f"address replace {settings['address']}/24 dev host0\n"
        f"route replace default via {settings['gateway']}\n"
    )
    # The network of the boot before may not be gone yet.
    subprocess.run(["ip", "link", "delete", link], check=False, stderr=subprocess.DEVNULL)
    for enter, commands in (([], outside), (inside, within)):
        subprocess.run([*enter, "ip", "-batch", "-"], input=commands.encode(), check=True)


def identity(pid: int) -> list[int]:
    """A pid and when it began (clock ticks since boot), which together name one process."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [pid, int(stat[19])]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
