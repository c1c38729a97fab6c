"""Stand-ins for steps whose work is not in memory: git, uv, a running app, the kernel's tables.

Those of a deploy read and leave behind what the real ones do, as far as other steps look.  Of the
kinds in ``BELIEVED`` the machine only remembers that they were done.  Their real work is shown by
the tests of a kitchen suite.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..node.errors import NotReady
from ..node.inits import choose
from ..node.resource import Resource, State
from ..node.resources import TYPES
from ..node.resources.checkout import Checkout
from ..node.resources.http_check import HttpCheck
from ..node.resources.instance import Instance
from ..node.resources.venv import MARKER, Venv
from ..node.resources.web_address import WebAddress
from ..node.system import System
from .machine import Machine


class CheckoutInMemory(Checkout):
    """A release without its code: its directory and ``.toque``."""

    def fix(self, system: System, keys: frozenset[str]) -> None:
        self._sweep(system)
        system.mkdir(self._partial, owner=self.user, group=self.group, mode=0o2750)
        self._describe(system)
        if self.root != ".":
            above = self._partial
            for part in self.root.strip("/").split("/"):
                above = f"{above}/{part}"
                system.mkdir(above, owner=self.user, group=self.group, mode=0o2750)
        system.rename(self._partial, self.path)


class VenvInMemory(Venv):
    """An environment without packages."""

    def fix(self, system: System, keys: frozenset[str]) -> None:
        if system.stat(self.uv) is None:
            raise NotReady("program-missing", f"there is no program {self.uv}")
        system.remove_tree(self.path)
        system.mkdir(self.path, owner=self.user, group=self.group, mode=0o2750)
        text = json.dumps({"python": self.python})
        system.write(f"{self.path}/{MARKER}", text.encode(), group=self.group, mode=0o640)


class InstanceInMemory(Instance):
    """A release answers when its unit runs."""

    def found(self, system: System) -> State:
        return {"answering": choose(system).state(self.unit).running}

    def fix(self, system: System, keys: frozenset[str]) -> None:
        choose(system).start(self.unit)


class HttpCheckInMemory(HttpCheck):
    """A page answers as wanted, unless the machine was told what it answers."""

    def found(self, system: System) -> State | None:
        if not isinstance(system, Machine) or self.url in system.answers:
            return super().found(system)
        system.believed.append(("GET", self.url))
        return self.wanted()


class WebAddressInMemory(WebAddress):
    """Nobody listens, unless the machine was told what answers there."""

    def _listened(self, system: System) -> bool:
        told = isinstance(system, Machine) and f"127.0.0.1:{self.port}" in system.answers
        return told and super()._listened(system)


class _Believed:
    """What a stand-in of a believed kind does, in front of the type itself."""

    together = False

    def found(self: Any, system: Any) -> State | None:
        done = system.stood_in.get(self.id)
        if done is None:
            return None
        return self.wanted() if vars(done) == vars(self) else {}

    def fix(self: Any, system: Any, keys: frozenset[str]) -> None:
        system.believed.append((self.kind, self.key))
        system.stood_in.pop(self.id, None)
        if self.wanted() is not None:
            system.stood_in[self.id] = self

    def show(self, found: State | None, keys: frozenset[str]) -> Sequence[str]:
        return ("believed, not done, in memory",)


BELIEVED = (
    "archive",
    "certificate",
    "download",
    "firewall",
    "git",
    "hostname",
    "inspection",
    "locale",
    "migration",
    "mount",
    "postgres_extension",
    "postgres_grant",
    "swap_file",
    "sysctl",
    "timezone",
)


def standin(kind: str) -> type[Resource] | None:
    """What stands in for a kind in memory, or None for those that work there as they are."""
    if kind in BELIEVED:
        made: type[Resource] = type(f"{kind}_in_memory", (_Believed, TYPES[kind]), {})
        return made
    return STANDINS.get(kind)


STANDINS: Mapping[str, type[Resource]] = {
    "checkout": CheckoutInMemory,
    "http_check": HttpCheckInMemory,
    "instance": InstanceInMemory,
    "venv": VenvInMemory,
    "web_address": WebAddressInMemory,
}
