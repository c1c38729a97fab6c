"""A project of one cookbook on one throwaway machine, converged by the real command."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api
from toque.kitchen.api import Kitchen

PROJECT = """
[stack]
name = "small"
cookbooks = ["book"]

[layers.web]
setup = ["{cookbook}"]

[nodes.web1]
address = "kitchen:{machine}"
layer = "web"
"""
COOKBOOK = """
from toque import *

def setup(r: Recipe) -> None:
{body}

cookbook = Cookbook("{cookbook}", events={{"setup": setup}})
"""


@dataclass
class SmallProject:
    kitchen: Kitchen
    environ: dict[str, str]
    directory: Path
    machine: str
    package: Path  # the cookbook's

    def write(self, text: str, name: str = "__init__.py") -> None:
        """A file of the cookbook."""
        path = self.package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def recipe(self, *lines: str) -> None:
        """What ``setup`` does from now on."""
        body = "".join(f"    {line}\n" for line in lines)
        self.write(COOKBOOK.format(body=body, cookbook=self.package.name))

    def told(self, command: str, *options: str, status: int = 0) -> dict[str, Any]:
        """The node's part of what a command prints with ``--json``, or the error."""
        done = toque([command, "web1", *options, "--json"], self.directory, self.environ)
        assert done.returncode == status, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        (part,) = told.get("plans") or told.get("nodes") or [told]
        return dict(part)

    def converge(self, *, status: int = 0) -> dict[str, Any]:
        return self.told("converge", status=status)

    def begun(self) -> subprocess.Popen[str]:
        """A converge in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "toque", "converge", "web1"],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def sh(self, script: str) -> str:
        """What a script prints on the machine, by another way than SSH."""
        return api.execute(self.kitchen, self.machine, ["sh", "-c", script]).stdout.decode()


@contextlib.contextmanager
def small_project(
    folder: Path, directory: Path, machine: str, cookbook: str = "small"
) -> Iterator[SmallProject]:
    """On a new machine with systemd, which is gone afterwards; ``cookbook`` is its name."""
    kitchen = kitchen_in(folder)
    require(kitchen, "nspawn")
    api.create(kitchen, machine, driver="nspawn")
    try:
        package = directory / "book" / cookbook
        package.mkdir(parents=True)
        (directory / "toque.toml").write_text(PROJECT.format(machine=machine, cookbook=cookbook))
        yield SmallProject(kitchen, environ_in(folder), directory, machine, package)
    finally:
        api.destroy(kitchen, machine)
