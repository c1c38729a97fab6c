"""The small process that keeps one nspawn machine: ``python3 -I keeper.py CONFIG.json``.

It runs on its own, stdlib only, because it must outlive the command that started it.  It owns the
machine's terminal (nspawn shows nothing on plain pipes), keeps the console log, gives the machine
its address after every boot, and starts it again when it rebooted itself (status 133).

    CONFIG.json   {"argv", "cgroups", "address", "gateway", "folder"}
    folder/boot.json    written after each boot: {"keeper", "nspawn", "leader", "boot"}
    folder/console.log  at most 2 * LOG_LIMIT bytes with console.log.1
"""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

REBOOT = 133  # what nspawn exits with under --keep-unit when the machine rebooted itself
LOG_LIMIT = 1 << 20


def main(config: Path) -> int:
    settings = json.loads(config.read_text())
    boot = 0
    while True:
        boot += 1
        status = one_boot(settings, boot)
        if status != REBOOT:
            Path(settings["folder"], "exit").write_text(str(status))
            return 0


def one_boot(settings: dict[str, Any], boot: int) -> int:
    """From start to end of one run of the machine; returns nspawn's exit status."""
    folder = Path(settings["folder"])
    ours, theirs = pty.openpty()
    nspawn = subprocess.Popen(
        settings["argv"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: enter(settings["cgroups"]),
    )
    os.close(theirs)
    leader = None
    with open(folder / "console.log", "ab", buffering=0) as first:
        log = first
        while True:
            wait = 0.005 if leader is None else 1.0
            ready, _, _ = select.select([ours], [], [], wait)
            if ready:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # EIO: the last holder of the other end is gone
                    data = b""
                if not data:
                    break
                log.write(data)
                if log.tell() > LOG_LIMIT:
                    os.replace(folder / "console.log", folder / "console.log.1")
                    log.close()
                    log = open(folder / "console.log", "ab", buffering=0)  # noqa: SIM115
            elif nspawn.poll() is not None:
                break
            if leader is None:
                leader = networked_child(nspawn.pid)
                if leader is not None:
                    attach(leader, settings["address"], settings["gateway"])
                    identities = {
                        "keeper": identity(os.getpid()),
                        "nspawn": identity(nspawn.pid),
                        "leader": identity(leader),
                        "boot": boot,
                    }
                    staged = folder / ".boot.json"
                    staged.write_text(json.dumps(identities))
                    staged.replace(folder / "boot.json")
        log.close()
    os.close(ours)
    return nspawn.wait()


def enter(groups: list[str]) -> None:
    """Put this process, about to become nspawn, into the machine's control groups."""
    os.setsid()
    for group in groups:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))


def networked_child(parent: int) -> int | None:
    """The machine's first process once its network interface is there."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for child in children:
            if "host0:" in Path(f"/proc/{child}/net/dev").read_text():
                return int(child)
    except OSError:
        pass
    return None


def attach(leader: int, address: str, gateway: str) -> None:
    """Give the machine its address from outside: its own networkd would take a second longer."""
    commands = (
        "link set lo up\nlink set host0 up\n"
        f"address replace {address}/24 dev host0\nroute replace default via {gateway}\n"
    )
    subprocess.run(
        ["nsenter", f"--net=/proc/{leader}/ns/net", "ip", "-batch", "-"],
        input=commands.encode(),
        check=False,
        stdout=subprocess.DEVNULL,
    )


def identity(pid: int) -> list[int]:
    """A pid and when it began (clock ticks since boot), which together name one process."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [pid, int(stat[19])]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
