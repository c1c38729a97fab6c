"""What a workload is made on: machines, the steps that everybody has to look at, a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toque.cookbooks.load import load_paths
from toque.node.model import Step
from toque.testing import compile_recipe

from .machine import Bench

COOKBOOKS = Path(__file__).parent.parent / "cookbooks"
SITE = "/etc/nginx/sites-available/bench"


@dataclass(frozen=True)
class Scene:
    """A workload's steps and its machines.  ``folder`` is for what a tool keeps here.

    ``spoil`` is the file that is made wrong to see that it is put right.
    """

    workload: str
    steps: Sequence[Step]
    benches: Sequence[Bench]
    folder: Path
    spoiled: str

    def fields(self, kind: str) -> list[Mapping[str, Any]]:
        """The fields of the steps of a kind, in their order."""
        return [step.fields for step in self.steps if step.kind == kind]

    @property
    def packages(self) -> list[str]:
        return [name for fields in self.fields("package") for name in fields["names"]]

    @property
    def reloads(self) -> frozenset[str]:
        """The paths whose change reloads nginx."""
        return frozenset(step.fields["path"] for step in self.steps if step.notify)

    def plain(self) -> bytes:
        """Kinds and fields for the floor's script."""
        return json.dumps([[step.kind, dict(step.fields)] for step in self.steps]).encode()

    def spoil(self) -> None:
        """Make one file wrong on every machine, with the size it has."""
        for bench in self.benches:
            bench.inside("sed", "-i", "s/bench'/wrong'/; s/= value 0$/= wrong 0/", self.spoiled)

    def contents(self, folder: Path) -> dict[str, Path]:
        """The wanted texts as files in ``folder``, by their path on a node."""
        folder.mkdir(parents=True, exist_ok=True)
        found = {}
        for number, fields in enumerate(self.fields("file")):
            found[fields["path"]] = folder / f"{number:04d}"
            found[fields["path"]].write_text(fields["content"])
        return found


def steps(cookbook: str) -> Sequence[Step]:
    """The steps of a cookbook's plan."""
    return compile_recipe(load_paths([COOKBOOKS])[cookbook]).plan.steps
