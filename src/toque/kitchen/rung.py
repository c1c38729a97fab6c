"""How far an instance has come: a small file beside its first machine, gone with that machine.

    created -> converged -> set up -> verified

Written after each rung and after each failure, so it tells the truth after a kill too.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass

from .instance import Instance
from .state import Store, replace

LADDER = ("created", "converged", "set-up", "verified")


@dataclass(frozen=True)
class Rung:
    """``last`` is the last rung that was reached, empty for none; ``failed`` the code of what went
    wrong on the way to the next one."""

    last: str = ""
    failed: str = ""

    def reached(self, rung: str) -> bool:
        return bool(self.last) and LADDER.index(self.last) >= LADDER.index(rung)


def read(store: Store, instance: Instance) -> Rung:
    """Where the instance stands; a file that cannot be read counts as none."""
    if any(store.read(member.machine) is None for member in instance.members):
        return Rung()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        value = json.loads(_file(store, instance))
        if value["last"] in LADDER:
            return Rung(value["last"], str(value["failed"]))
    return Rung()


def write(store: Store, instance: Instance, rung: Rung) -> None:
    """Keep it; does nothing where there is no machine."""
    folder = store.folder(instance.members[0].machine)
    if folder.is_dir():
        replace(folder / "rung.json", json.dumps({"last": rung.last, "failed": rung.failed}))


def _file(store: Store, instance: Instance) -> str:
    return (store.folder(instance.members[0].machine) / "rung.json").read_text()
