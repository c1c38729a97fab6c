"""Other tools on the same work, each written as somebody who knows it would write it.

A peer writes its own description of a scene's steps and says which commands bring it about.  That
they do is checked by the floor's script, which looks at everything, and by a spoiled file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from parts.machine import Command
from parts.scene import Scene

from . import venv
from .ansible import Ansible
from .bundlewrap import Bundlewrap
from .cfengine import Cfengine
from .pyinfra import Pyinfra


class Peer(Protocol):
    """One tool."""

    name: str

    def write(self, scene: Scene) -> None:
        """Put what describes the scene where the tool looks for it.  Not part of what is timed."""
        ...

    def commands(self, scene: Scene) -> Sequence[Command]:
        """What brings the scene about, from nothing: no connection is open yet."""
        ...

    def changed(self, output: str) -> int:
        """How many things it says it changed."""
        ...


def peers() -> tuple[Peer, ...]:
    """Fastest first."""
    programs = venv.ready()
    return Cfengine(), Bundlewrap(programs), Pyinfra(programs), Ansible(programs)
