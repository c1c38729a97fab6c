"""A Toque project that converges the bench machine, and what its plan asks for."""

from __future__ import annotations

import json
from pathlib import Path

from toque import bootstrap
from toque.adapters.hostkeys import HostKeys
from toque.cookbooks.load import load_paths
from toque.testing import compile_recipe

from .machine import Bench

COOKBOOKS = Path(__file__).parent.parent / "cookbooks"
NODE = "bench"

PROJECT = """\
[stack]
name = "bench"
cookbooks = ["{cookbooks}"]

[layers.web]
setup = ["bench_w2"]

[nodes.{node}]
address = "root@{address}"
key = "{key}"
layer = "web"
"""


def write(directory: Path, bench: Bench) -> Path:
    """The project in ``directory``, with the machine's host key pinned."""
    text = PROJECT.format(
        cookbooks=COOKBOOKS, node=NODE, address=bench.address, key=bench.machine.key
    )
    (directory / "toque.toml").write_text(text)
    keys = HostKeys(directory / bootstrap.STATE / "known_hosts")
    keys.pin(NODE, bench.machine.host_key)
    return directory


def steps(cookbook: str) -> bytes:
    """What the floor's script reads: kinds and fields of the cookbook's plan."""
    compiled = compile_recipe(load_paths([COOKBOOKS])[cookbook])
    plain = [[step.kind, dict(step.fields)] for step in compiled.plan.steps]
    return json.dumps(plain).encode()
