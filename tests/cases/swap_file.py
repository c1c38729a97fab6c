"""Swap files on a real machine.

Its files lie on an overlay, to which no kernel swaps, and its kernel is the host's: the refusal is
real, and where swap has to be taken ``swapon`` and ``swapoff`` are stood in for.  Everything else
(room, bytes, mode, mkswap, fstab) is the machine's own.
"""

import contextlib
import os

from toque_node.resources.swap_file import SwapFile

NOT = {
    "unmanaged": "file, line and use are one declaration",
    "sensitive": "nothing of it is shown but its size",
}

STAND_IN = """#!/usr/bin/python3
import sys
path = sys.argv[-1]
assert open(path, "rb").read(4096)[-10:] == b"SWAPSPACE2", path
with open("/proc/swaps", "r+") as file:
    lines = [l for l in file.read().splitlines() if l.split()[0] != path]
    if sys.argv[0].endswith("swapon"):
        lines.append(path + " file 1 0 -2")
    file.seek(0)
    file.truncate()
    file.write("\\n".join(lines) + "\\n")
"""


@contextlib.contextmanager
def _kernel_that_swaps(node):
    node.put("/run/case-swaps", b"Filename Type Size Used Priority\n")
    node.run("mount", "--bind", "/run/case-swaps", "/proc/swaps")
    node.put("/usr/local/sbin/swapon", STAND_IN.encode(), 0o755)
    node.put("/usr/local/sbin/swapoff", STAND_IN.encode(), 0o755)
    try:
        yield
    finally:
        node.run("umount", "/proc/swaps")
        os.unlink("/usr/local/sbin/swapon")
        os.unlink("/usr/local/sbin/swapoff")


def present(node):
    path = node.tree + "/swap"
    with _kernel_that_swaps(node):
        node.makes(SwapFile(path, 8))
        status = os.stat(path)
        assert (status.st_size, status.st_mode & 0o7777, status.st_uid) == (8 << 20, 0o600, 0)
        assert status.st_blocks * 512 >= status.st_size, "it has holes"
        assert node.out("blkid", "-p", "-o", "value", "-s", "TYPE", path) == "swap"
        assert path + " none swap sw 0 0" in node.out("cat", "/etc/fstab").splitlines()
        os.chmod(path, 0o644)
        node.makes(SwapFile(path, 8))
        node.makes(SwapFile(path, 12))
        assert os.listdir(node.tree) == ["swap"]
        node.walk(SwapFile(path, absent=True))


def absent(node):
    path = node.tree + "/swap"
    with _kernel_that_swaps(node):
        node.makes(SwapFile(path, 2))
        node.makes(SwapFile(path, absent=True))
        assert node.read("/proc/swaps").count(b"\n") == 1
    assert os.listdir(node.tree) == []
    assert path not in node.out("cat", "/etc/fstab")


def refused_by_the_kernel(node):
    before = node.read("/etc/fstab")
    trouble = node.refuses(SwapFile(node.tree + "/swap", 2), "swap-refused")
    assert "swapon failed: Invalid argument" in " ".join(trouble["log"]), trouble
    assert os.listdir(node.tree) == []
    assert node.read("/etc/fstab") == before


def full_disk(node):
    node.run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", node.tree)
    trouble = node.refuses(SwapFile(node.tree + "/swap", 8), "disk-full")
    assert "16 MiB free" in trouble["found"], trouble
    assert os.listdir(node.tree) == []
    node.run("umount", node.tree)


def absent_tool(node):
    with node.without("mkswap"):
        node.refuses(SwapFile(node.tree + "/swap", 2), "program-missing")
    assert os.listdir(node.tree) == []
