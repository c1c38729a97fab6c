"""A swap file, so that a peak of memory makes a machine slow and does not kill the database."""

from __future__ import annotations

from dataclasses import dataclass

from toque import Cookbook, Guard, Recipe, SwapFile, Sysctl

# A container has its host's swap and cannot have its own; systemd tells of one by this file.
OWN_KERNEL = (Guard("fact", ["init", "systemd"]), Guard("missing", "/run/systemd/container"))


@dataclass(frozen=True)
class Swap:
    """``size_mib`` 0 removes the file.  ``swappiness`` (0 to 100; the kernel's own is 60) is how
    readily it is used: a server keeps its programs in memory as long as it can."""

    path: str = "/swapfile"
    size_mib: int = 1024
    swappiness: int = 10


def setup(r: Recipe) -> None:
    """The file, in use now and at each boot, and how readily it is used."""
    a = r.attributes(Swap)
    if a.size_mib == 0:
        r.add(SwapFile(a.path, absent=True), when=OWN_KERNEL)
        r.add(Sysctl("vm.swappiness", absent=True), when=OWN_KERNEL)
        return
    r.add(SwapFile(a.path, size_mib=a.size_mib), when=OWN_KERNEL)
    r.add(Sysctl("vm.swappiness", a.swappiness), when=OWN_KERNEL)


cookbook = Cookbook("swap", attributes=Swap, events={"setup": setup})
