"""A Toque project whose nodes are the bench machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toque import bootstrap
from toque.adapters.hostkeys import HostKeys

from .machine import Bench
from .scene import COOKBOOKS

LAYER = "web"


def write(directory: Path, benches: Sequence[Bench]) -> Path:
    """The project in ``directory``, with the machines' host keys pinned."""
    directory.mkdir(parents=True, exist_ok=True)
    keys = HostKeys(directory / bootstrap.STATE / "known_hosts")
    text = f'[stack]\nname = "bench"\ncookbooks = ["{COOKBOOKS}"]\n\n[layers.{LAYER}]\n'
    for bench in benches:
        text += f'\n[nodes.{bench.name}]\naddress = "root@{bench.address}"\n'
        text += f'key = "{bench.key}"\nlayer = "{LAYER}"\n'
        keys.forget(bench.name)
        keys.pin(bench.name, bench.machine.host_key)
    (directory / "toque.toml").write_text(text)
    return directory
