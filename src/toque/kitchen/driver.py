"""The seam between the kitchen and one way of making machines.

A driver keeps nothing in memory: everything it must know later lies in the machine's folder or in
the kernel, so that another process, after a kill at any point, can carry on or clear away.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from .layercache import LayerCache
from .machine import Machine, Spec, Verdict

Progress = Callable[[str], None]


class Driver(Protocol):
    @property
    def name(self) -> str: ...

    def probe(self) -> Verdict:
        """Try, cheaply and for real, what this driver needs; leaves nothing behind."""
        ...

    def create(self, spec: Spec, progress: Progress) -> Machine:
        """Make and start a machine; returns when its SSH answers.

        The record of the machine is on disk before anything else of it exists.
        """
        ...

    def start(self, machine: Machine) -> None:
        """Boot it and wait for SSH; nothing happens when it runs already."""
        ...

    def stop(self, machine: Machine) -> None:
        """Power it off cleanly; its files stay."""
        ...

    def reboot(self, machine: Machine) -> None:
        """Restart it through its own init and wait for SSH."""
        ...

    def kill(self, machine: Machine) -> None:
        """Cut its power: every process dies at once and nothing is told."""
        ...

    def snapshot(self, machine: Machine, name: str) -> None:
        """Keep the files of a machine that is stopped under a name that is free."""
        ...

    def restore(self, machine: Machine, name: str) -> None:
        """Give a machine that is stopped the files that it had at that snapshot."""
        ...

    def snapshots(self, machine: Machine) -> list[str]:
        """What was kept, the oldest first."""
        ...

    def destroy(self, machine: Machine) -> None:
        """Take away all of it, whatever half state it is in.  Safe to repeat."""
        ...

    def sweep(self) -> None:
        """Remove what belongs to no recorded machine: a kill may come before the record."""
        ...

    def running(self, machine: Machine) -> bool: ...

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program in it as root, without SSH; output is captured."""
        ...

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        """Run a program in it on this process's own terminal; returns its exit status."""
        ...

    def console(self, machine: Machine, lines: int = 100) -> str:
        """The last lines that its init printed."""
        ...


@runtime_checkable
class Layering(Protocol):
    """What a driver can do besides whose new machines may begin from kept layers."""

    @property
    def layers(self) -> LayerCache: ...

    def stand_on(self, machine: Machine, key: str) -> None:
        """Boot the machine anew from the files of a layer, or without a ``key`` from its image
        alone; what it has changed is gone."""
        ...

    def keep_layer(self, machine: Machine, key: str) -> None:
        """Stop it, keep what it has changed as the layer ``key``, and boot it again."""
        ...
