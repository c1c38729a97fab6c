"""Disk, memory and clock: what everything above them stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, WARN, Finding
from .facts import Facts, Rule, app_lines, broken, dead, part, rows

FULL_BYTES = 1 << 20  # a file system with less than this free, for whoever is not root, is full
NEARLY = 0.05
CLOCK_S = 60.0  # certificates and signatures begin to fail
STALLED_PERCENT = 20.0  # of the last ten seconds all processes waited for memory


def _disk(facts: Facts) -> Iterator[Finding]:
    for disk in rows(facts, "disk"):
        size, free = float(disk["size"]), float(disk["free"])
        shown = f"{disk['path']}: {free / 2**20:.1f} of {size / 2**20:.0f} MiB free"
        counts = disk.get("files", 0) and disk.get("files_free", 0) <= 0
        if disk.get("read_only") and disk["path"] != "/run":
            yield Finding(
                "file-system-read-only", REFUSE, f"the file system of {disk['path']} is read-only",
                (f"{disk['path']} is mounted read-only",), help="dmesg | tail",
            )  # fmt: skip
        elif size and free < min(FULL_BYTES, size * 0.01):
            yield Finding(
                "disk-full", REFUSE, f"the file system of {disk['path']} is full", (shown,),
                help=f"du -xh {disk['path']} | sort -h | tail",
            )  # fmt: skip
        elif counts:
            yield Finding(
                "disk-full", REFUSE, f"the file system of {disk['path']} has no inode left",
                (f"{disk['path']}: {disk['files_free']} of {disk['files']} inodes free",),
                help=f"du -x --inodes {disk['path']} | sort -n | tail",
            )  # fmt: skip
        elif size and free < size * NEARLY and free < 1 << 30:
            yield Finding(
                "disk-nearly-full", WARN, f"the file system of {disk['path']} is nearly full",
                (shown,), help=f"du -xh {disk['path']} | sort -h | tail",
            )  # fmt: skip


def _memory(facts: Facts) -> Iterator[Finding]:
    memory, unit = part(facts, "memory"), part(facts, "unit")
    kernel = [x for x in memory.get("kernel", ()) if re.search(r"[Kk]illed process", x)]
    log = [x for x in app_lines(facts) if re.search(r"OOM killer|oom-kill|out of memory", x, re.I)]
    evidence = tuple(log[-3:] or kernel[-2:])
    if memory.get("killed_in_unit"):
        evidence += (f"{unit.get('name')}: oom_kill {memory['killed_in_unit']} in memory.events",)
    if unit.get("result") == "oom-kill" or log or memory.get("killed_in_unit"):
        limit = unit.get("memory_max")
        what = f", at its limit of {limit >> 20} MiB" if limit else ""
        level = REFUSE if broken(facts) or not unit.get("running") else WARN
        yield Finding(
            "out-of-memory", level, f"the kernel killed a process of the app for memory{what}",
            evidence or (f"{unit.get('name')}: Result=oom-kill",),
            help="give it fewer processes in toque.toml, or the machine more memory",
        )  # fmt: skip
    total, left = memory.get("total", 0), memory.get("available", 0)
    stalled = memory.get("stalled_percent", 0.0)
    swap = memory.get("swap", 0)
    swapped = swap and memory.get("swap_free", swap) < swap * 0.1
    if stalled >= STALLED_PERCENT or (total and left < total * 0.03 and (swapped or not swap)):
        yield Finding(
            "memory-short", REFUSE if dead(facts) else WARN,
            "the machine has no memory left and spends its time on swapping",
            (f"{left >> 20} of {total >> 20} MiB available, swap "
             f"{memory.get('swap_free', 0) >> 20} of {swap >> 20} MiB free, "
             f"all waited for memory {stalled:.0f} % of ten seconds",),
            help="ps -eo rss,args --sort=-rss | head",
            certain=stalled >= STALLED_PERCENT,
        )  # fmt: skip


def _clock(facts: Facts) -> Iterator[Finding]:
    skew = part(facts, "clock").get("skew_s")
    if skew is not None and abs(float(skew)) > CLOCK_S:
        yield Finding(
            "clock-off", WARN, f"the clock of the machine is {abs(skew):.0f} s "
            f"{'ahead of' if skew > 0 else 'behind'} ours",
            (f"it says {facts.get('at', 0):.0f}, we say {facts.get('at', 0) - skew:.0f}",),
            help="timedatectl set-ntp true",
        )  # fmt: skip


RULES: Sequence[Rule] = (_disk, _memory, _clock)
