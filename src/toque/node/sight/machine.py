"""Facts about the machine: its processes, disks, memory and firewall."""

import os
import re
from typing import Any, Dict, List, Optional

from ..applayout import app_path
from ..system import System

Facts = Dict[str, Any]


def all_processes() -> List[Facts]:
    """Name, state, user, groups of every process that this machine's /proc tells of."""
    import grp

    found = []
    for pid in filter(str.isdigit, listed("/proc")):
        lines = dict(
            line.split(":", 1)
            for line in text_of(f"/proc/{pid}/status").splitlines()
            if ":" in line
        )
        if "Uid" not in lines:
            continue
        groups = []
        for number in lines.get("Groups", "").split():
            try:
                groups.append(grp.getgrgid(int(number)).gr_name)
            except KeyError:
                groups.append(number)
        found.append(
            {
                "pid": int(pid),
                "name": lines["Name"].strip(),
                "state": lines["State"].strip()[:1],
                "uid": int(lines["Uid"].split()[1]),
                "groups": groups,
                "rss_kb": int(lines.get("VmRSS", "0").split()[0] or 0),
                "swap_kb": int(lines.get("VmSwap", "0").split()[0] or 0),
            }
        )
    return found


def processes(system: System, app: str) -> List[Facts]:
    """The app's own, with how many descriptors each has open and may have."""
    import pwd

    try:
        uid = pwd.getpwnam(app).pw_uid
    except KeyError:
        return []
    found = []
    for process in all_processes():
        if process["uid"] != uid or process["state"] == "Z":
            continue
        limit = re.search(r"Max open files\s+(\d+)", text_of(f"/proc/{process['pid']}/limits"))
        process["descriptors"] = len(listed(f"/proc/{process['pid']}/fd"))
        process["descriptors_max"] = int(limit.group(1)) if limit else 0
        found.append(process)
    return found


def disks(app: str) -> List[Facts]:
    """The file systems that an app and its neighbours write to; each once."""
    found: Dict[int, Facts] = {}
    for path in (
        "/", f"{app_path(app)}/shared", "/var/log", "/var/log/nginx", "/var/lib/nginx",
        "/var/lib/postgresql", "/tmp", "/run", f"{app_path(app)}/releases",
    ):  # fmt: skip
        try:
            device, room = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        found.setdefault(
            device,
            {
                "path": path,
                "free": room.f_bavail * room.f_frsize,
                "size": room.f_blocks * room.f_frsize,
                "files_free": room.f_favail,
                "files": room.f_files,
                "read_only": bool(room.f_flag & os.ST_RDONLY),
            },
        )
    return list(found.values())


def memory(system: System, unit: str) -> Facts:
    """Of the machine and of the unit's control group: events of the kernel's killer."""
    lines = dict(x.split(":", 1) for x in text_of("/proc/meminfo").splitlines() if ":" in x)
    facts: Facts = {
        name: int(lines[key].split()[0]) * 1024
        for name, key in (
            ("total", "MemTotal"), ("available", "MemAvailable"),
            ("swap", "SwapTotal"), ("swap_free", "SwapFree"),
        )
        if key in lines
    }  # fmt: skip
    stalled = re.search(r"full avg10=([\d.]+)", text_of("/proc/pressure/memory"))
    if stalled:
        facts["stalled_percent"] = float(stalled.group(1))
    events = text_of(f"/sys/fs/cgroup/system.slice/{unit}/memory.events")
    killed = re.search(r"oom_kill (\d+)", events)
    facts["killed_in_unit"] = int(killed.group(1)) if killed else 0
    if system.facts.init == "systemd":
        argv = ["journalctl", "-k", "-q", "--no-pager", "-o", "short-unix", "-n", "50"]
        argv += ["--grep=[Oo]ut of memory|oom-kill"]
        facts["kernel"] = system.run(argv, check=False, timeout_s=3).text.splitlines()[-5:]
    return facts


def firewall(system: System) -> Facts:
    """The rules that drop or reject, with the chain they stand in."""
    result = system.run(["nft", "list", "ruleset"], check=False, timeout_s=3)
    lines = [line.strip() for line in result.text.splitlines()]
    return {
        "code": result.code,
        "refusing": [x for x in lines if re.search(r"\b(drop|reject)\b", x)][:20],
        "input": any("hook input" in x and "policy drop" in x for x in lines),
        "accepted": [x for x in lines if "dport" in x and x.endswith("accept")][:20],
    }


def listed(path: str) -> List[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def text_of(path: str, most: int = 1 << 20) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def number_of(text: str) -> Optional[int]:
    return int(text) if text.isdigit() and int(text) < 1 << 62 else None
