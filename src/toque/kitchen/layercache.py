"""Layers: what a converge had made of a new machine, for the next one that begins alike.

    <cache>/layers/KEY/tree        the files that differ from what the layer stands on
    <cache>/layers/KEY/below.json  the layers that it stands on, the topmost first
    <cache>/layers/.last-MACHINE   what a machine of that name in that kitchen began from

A key says which image, which Toque and which steps the files come from (``usecases/layered.py``).
A layer can only save time: the whole plan is applied on top of it all the same.  The folder is
root's alone, as layers hold what machines hold: passwords of databases, keys of hosts.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .process import tool
from .state import Store, locked, replace

MOST = 12  # about 300 MB each, with a database server and a web server installed
BASE = "base.json"  # in a machine's folder: the layers that it stands on, the topmost first


@dataclass(frozen=True)
class LayerCache:
    """The layers of a host."""

    store: Store

    @property
    def folder(self) -> Path:
        return self.store.cache / "layers"

    def keys(self) -> set[str]:
        return {place.name for place in self.folder.glob("[0-9a-f]*")}

    def trees(self, machine: Path) -> list[Path]:
        """What a machine stands on besides its image, the topmost first."""
        return [self.folder / key / "tree" for key in base_of(machine)]

    def below(self, key: str) -> list[str]:
        """The layer and those that it stands on, for a machine's base."""
        found: list[str] = json.loads((self.folder / key / "below.json").read_text())
        return [key, *found]

    def stand_on(self, machine: Path, key: str, image: str) -> None:
        """Let a machine that is not mounted begin from a layer: what it has changed is dropped.

        Without a key it begins from ``image`` alone.
        """
        with self._alone():
            self._stand_on(machine, key)
            self._last(machine).unlink(missing_ok=True)
            if key:
                replace(self._last(machine), json.dumps({"image": image, "key": key}))

    def stand_as_before(self, machine: Path, image: str) -> None:
        """Let a new machine begin from what its namesake began from, if that is there."""
        with self._alone():
            try:
                last = json.loads(self._last(machine).read_text())
            except (FileNotFoundError, ValueError):
                return
            if last["image"] == image and (self.folder / last["key"] / "below.json").exists():
                self._stand_on(machine, last["key"])

    def _stand_on(self, machine: Path, key: str) -> None:
        for part in ("upper", "work"):
            tool(["rm", "-rf", "--one-file-system", "--", str(machine / part)])
        replace(machine / BASE, json.dumps(self.below(key) if key else []))
        if key:
            os.utime(self.folder / key)  # the last that was used is the last to go

    def _last(self, machine: Path) -> Path:
        return self.folder / f".last-{hashlib.sha256(os.fsencode(machine)).hexdigest()[:24]}"

    def keep(self, machine: Path, key: str, image: str) -> None:
        """Make what a machine that is not mounted has changed a layer, and let it stand on that.

        The layer is there whole or not at all.
        """
        partial = self.folder / f".partial-{key}"
        with self._alone():
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            self.folder.chmod(0o700)
            below = base_of(machine)
            _moved(machine / "upper", partial / "tree")
            replace(partial / "below.json", json.dumps(below))
            partial.rename(self.folder / key)
            replace(machine / BASE, json.dumps([key, *below]))
            replace(self._last(machine), json.dumps({"image": image, "key": key}))
            self._prune(MOST)

    def prune(self, most: int) -> list[str]:
        """Remove the layers used longest ago, but for ``most``; what a machine stands on stays."""
        with self._alone():
            return self._prune(most)

    def _prune(self, most: int) -> list[str]:
        mounted = Path("/proc/self/mountinfo").read_text()  # other kitchens share this cache
        names = self.store.names()
        used = {key for name in names for key in base_of(self.store.folder(name))}
        used |= {key for key in self.keys() if str(self.folder / key) in mounted}
        old_first = sorted(self.keys(), key=lambda key: (self.folder / key).stat().st_mtime_ns)
        kept = {
            key for one in old_first[max(len(old_first) - most, 0) :] for key in self.below(one)
        }
        gone = [key for key in old_first if key not in used | kept]
        for key in gone:
            (self.folder / key).rename(self.folder / f".gone-{key}")
        for place in (*self.folder.glob(".gone-*"), *self.folder.glob(".partial-*")):
            tool(["rm", "-rf", "--one-file-system", "--", str(place)])
        if gone:
            for place in self.folder.glob(".last-*"):
                if json.loads(place.read_text())["key"] in gone:
                    place.unlink()
        return gone

    def _alone(self) -> AbstractContextManager[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return locked(self.folder / ".lock", 300.0)


def base_of(machine: Path) -> list[str]:
    try:
        found: list[str] = json.loads((machine / BASE).read_text())
    except FileNotFoundError:
        return []
    return found


def _moved(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        tool(["cp", "-a", str(source), str(target)])
        tool(["rm", "-rf", "--one-file-system", "--", str(source)])
